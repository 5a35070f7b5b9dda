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
import { createObjectLogins, type ObjectLogins } from './login/object-logins.ts';
import type { Ports } from './ports.ts';
import { createFence } from './reconcile/login-fence.ts';
import { createReconciler } from './reconcile/reconcile.ts';
import { createStatusWriter } from './reconcile/status-writer.ts';
import { readingStoredContent } from './reconcile/stored-content.ts';
import { createWholeObjects } from './reconcile/whole-objects.ts';
import { writingSecrets } from './reconcile/write-secrets.ts';
import { confirmingPrune } from './secrets/prune.ts';
import { createRollout, type Rollout } from './secrets/rollout.ts';
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
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface Ends {
  /** Ends attempts and requests to AWS. */
  readonly signal: AbortSignal;
  /** Ends writes under way: later than `signal`. */
  readonly writes: AbortSignal;
}

export interface Assembly {
  readonly client: KubeClient;
  readonly state: ClusterState;
  readonly logins: LoginBook;
  readonly secretWriter: SecretWriter;
  readonly events: EventRecorder;
  /** The controllers by name; the caller runs them once the stores are filled. */
  readonly controllers: Readonly<Record<'workers' | 'workers of conversions', Loop>>;
  /** Reads of what objects refer to. */
  readonly referenceLoad: Load;
}

/**
 * Keys reconciled at once. The transport bounds requests, and no attempt waits for AWS: this bounds the attempts that
 * wait for requests.
 */
const WORKERS = 256;
/** Objects of the deprecated kind converted at once. */
const CONVERTERS = 4;

/** What the reconciler is made of. */
interface Parts extends Pick<Assembly, 'client' | 'state' | 'logins' | 'secretWriter' | 'events'> {
  readonly objectLogins: ObjectLogins;
  readonly rollout: Rollout;
  readonly clock: Clock;
}

/** @param tokenAudienceProblem  why no object may use a ServiceAccount in this cluster; undefined: objects may */
export function assemble(
  options: AssemblyOptions,
  { transport, aws }: Ports,
  { signal, writes }: Ends,
  tokenAudienceProblem: string | undefined,
): Assembly {
  const { clock, random, metrics, namespace: operatorNamespace, objectsPerNamespace } = options;
  const client = createClient(transport, OPERATOR_NAME);
  const state = createClusterView({ operatorNamespace, objectsPerNamespace });
  const { view, stores, follow } = state;
  const telemetry = createControllerTelemetry(metrics, clock, { pullsecret: WORKERS, conversion: CONVERTERS });
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
  const secretWriter = createSecretWriter(client, stores.secrets, clock, writes);
  const objectLogins = createObjectLogins(credentials, logins, clock);
  const parts = { client, state, logins, objectLogins, rollout, secretWriter, events, clock };
  const reconcile = reconcilerOf(parts, writes);
  const convert = createConverter({ client, secrets: secretWriter, events, clock, requests: writes });
  const running = (one: Workqueue, told: ControllerTelemetry, by: Reconcile, count: number): Loop => {
    const work = createController({ queue: one, signal, clock, random, log, telemetry: told }, by);
    return (until) => one.run(work, count, until);
  };
  const controllers = {
    workers: running(queue, telemetry.pullsecret, reconcile, WORKERS),
    'workers of conversions': running(conversions, telemetry.conversion, convert, CONVERTERS),
  };
  return { client, state, logins, secretWriter, events, controllers, referenceLoad: credentials.load };
}

function reconcilerOf(
  { client, state: { view, stores }, logins, objectLogins, rollout, secretWriter, events, clock }: Parts,
  writes: AbortSignal,
): Reconcile {
  const statuses = createStatusWriter({ client, view, stores }, writes);
  const fence = createFence({ client, view, store: stores.secrets, logins, statuses, clock });
  const confirmPrune = confirmingPrune(client);
  const whole = createWholeObjects({ client, view, store: stores.namespaced });
  return whole.reading(
    createReconciler({
      view,
      logins: objectLogins,
      fence,
      writeSecrets: writingSecrets({ view, fence, rollout, secrets: secretWriter, confirmPrune, clock }),
      readStored: readingStoredContent(client, view),
      readmit: (key, object, until) => whole.readmit(key, object, until),
      statuses,
      events,
      clock,
    }),
  );
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
