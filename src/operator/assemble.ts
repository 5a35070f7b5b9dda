// Puts the parts together: the view of the cluster, the AWS identities, and the two controllers that work with them.

import { OPERATOR_NAME } from '../api/names.ts';
import { keyOf } from '../core/resource.ts';
import { createClient, type KubeClient } from '../kube/client.ts';
import { type ControllerTelemetry, createController, type Reconcile } from '../kube/controller.ts';
import { createEventRecorder, type EventRecorder } from '../kube/events.ts';
import { createWorkqueue, type Workqueue } from '../kube/workqueue.ts';
import type { Load } from '../lib/fair-semaphore.ts';
import type { Logger } from '../lib/log.ts';
import type { Metrics } from '../lib/metrics.ts';
import { createPacer } from '../lib/pacer.ts';
import type { Loop } from '../lib/supervise.ts';
import type { Clock, Random } from '../lib/time.ts';
import { createConverter } from './conversion.ts';
import { createCredentialResolver } from './login/credentials.ts';
import { createLoginBook, type LoginBook } from './login/login-book.ts';
import { createObjectLogins } from './login/object-logins.ts';
import type { Ports } from './ports.ts';
import { createReconciler } from './reconcile/reconcile.ts';
import { createRollout } from './secrets/rollout.ts';
import { createSecretWriter, type SecretWriter } from './secrets/secret-writer.ts';
import { type ClusterState, createClusterView } from './state/cluster-view.ts';
import { createControllerTelemetry } from './telemetry/controller-telemetry.ts';

export interface AssemblyOptions {
  /** Namespace in which the operator looks up the cluster kind's `secretRef`. */
  readonly namespace: string;
  /** Writes of renewed logins a second, more than 0 (docs/design/rules.md, rule 12). */
  readonly renewalsPerSecond: number;
  /** Name of this process in Events. */
  readonly instance: string;
  /** Objects of one namespace that the operator keeps, more than 0 (docs/design/rules.md, rule 14). */
  readonly objectsPerNamespace: number;
  /** The only namespaces that the operator works in, at least one; undefined: the whole cluster. */
  readonly scope: readonly string[] | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface Assembly {
  readonly client: KubeClient;
  readonly state: ClusterState;
  readonly logins: LoginBook;
  readonly secrets: SecretWriter;
  readonly events: EventRecorder;
  /** The workers of the two controllers; the caller runs them once the stores are filled. */
  readonly loops: Readonly<Record<'workers' | 'workers of conversions', Loop>>;
  /** Reads of what objects refer to. */
  readonly referenceLoad: Load;
}

/**
 * Keys that each controller reconciles at once. The transport bounds requests, and no attempt waits for AWS: this
 * bounds the attempts that wait for requests.
 */
const WORKERS = { pullsecret: 256, conversion: 4 } as const;

/**
 * @param signal  ends attempts and requests to AWS
 * @param writes  ends writes under way: later than `signal`
 * @param tokenAudienceProblem  why no object may use a ServiceAccount in this cluster; undefined: objects may
 */
export function assemble(
  options: AssemblyOptions,
  { transport, aws }: Ports,
  signal: AbortSignal,
  writes: AbortSignal,
  tokenAudienceProblem: string | undefined,
): Assembly {
  const { clock, random, metrics, namespace: operatorNamespace, objectsPerNamespace, scope } = options;
  const client = createClient(transport, OPERATOR_NAME);
  const state = createClusterView({ operatorNamespace, objectsPerNamespace, scope });
  const { view, stores, follow } = state;
  const telemetry = createControllerTelemetry(metrics, clock, WORKERS);
  const queue = createQueue(options, telemetry.pullsecret);
  const conversions = createQueue(options, telemetry.conversion);

  const isThere = (uid: string): boolean => view.objectByUid(uid) !== undefined;
  const wake = (uid: string): boolean => {
    const object = view.objectByUid(uid);
    if (object) queue.add(keyOf(object));
    return object !== undefined;
  };
  const pacer = createPacer(clock, random, options.renewalsPerSecond);
  const rollout = createRollout(pacer, clock);
  const logins = createLoginBook({ source: aws.ecr, pacer, clock, random, isThere, wake });
  const shared = { clock, random, operatorNamespace, wake, signal, tokenAudienceProblem };
  const credentials = createCredentialResolver({ client, ...aws, ...shared });
  follow({
    enqueue: (key) => queue.add(key),
    onLegacy: (key) => conversions.add(key),
    onGone: (uid) => {
      logins.forget(uid);
      credentials.leave(uid);
      rollout.forget(uid);
    },
    onCredentials: (key) => credentials.forget(key),
  });

  const { instance, log } = options;
  const events = createEventRecorder({ client, clock, log, instance, controller: OPERATOR_NAME, signal });
  const secrets = createSecretWriter(client, stores.secrets, clock, writes);
  const objectLogins = createObjectLogins(credentials, logins, clock);
  const common = { client, secrets, events, clock, writes };
  const reconcile = createReconciler({ ...common, state, logins, objectLogins, rollout });
  const convert = createConverter(common);
  const running = (queue: Workqueue, name: keyof typeof WORKERS, reconcile: Reconcile): Loop => {
    const work = createController({ queue, signal, clock, random, log, telemetry: telemetry[name] }, reconcile);
    return (until) => queue.run(work, WORKERS[name], until);
  };
  const loops = {
    workers: running(queue, 'pullsecret', reconcile),
    'workers of conversions': running(conversions, 'conversion', convert),
  };
  return { client, state, logins, secrets, events, loops, referenceLoad: credentials.load };
}

function createQueue(
  { clock, random, log }: Pick<AssemblyOptions, 'clock' | 'random' | 'log'>,
  { controller, onBug, queue: observer }: ControllerTelemetry,
): Workqueue {
  return createWorkqueue({
    clock,
    random,
    onBug: (key, error) => {
      onBug();
      log.error('A reconciliation failed unexpectedly', { controller, key }, error);
    },
    observer,
  });
}
