// Builds everything once, starts it in order, stops it in reverse. The only place that knows all the parts.

import { NAMESPACES, type ResourceDescriptor, SECRETS } from '../api/meta.ts';
import {
  CLUSTER_KIND,
  CREDENTIALS_LABEL,
  INPUTS_ANNOTATION,
  MANAGED_BY_LABEL,
  NAMESPACED_KIND,
  OPERATOR_NAME,
} from '../api/names.ts';
import type { SeenSecret } from '../core/plan.ts';
import { createEcrClient } from '../ecr/client.ts';
import { type BindAddress, type HttpServer, type Route, startHttpServer } from '../http/server.ts';
import type { ApiServerAccess } from '../kube/access.ts';
import { createClient } from '../kube/client.ts';
import { createEventRecorder } from '../kube/events.ts';
import { createReflector, type Reflector, type ReflectorOptions } from '../kube/reflector.ts';
import type { Store, Stored } from '../kube/store.ts';
import { createTransport } from '../kube/transport.ts';
import { createWorkqueue, type Workqueue } from '../kube/workqueue.ts';
import { type JsonRecord, recordOf, stringMapOf } from '../lib/json.ts';
import type { Logger } from '../lib/log.ts';
import type { Metrics } from '../lib/metrics.ts';
import { type Clock, parseRfc3339, type Random } from '../lib/time.ts';
import { createClusterView } from './cluster-view.ts';
import { createConverter } from './conversion.ts';
import { createCredentialResolver } from './credentials.ts';
import { createFence } from './fence.ts';
import { livenessReply, type NamedReflector, readinessReply } from './health.ts';
import { createLoginBook } from './logins.ts';
import {
  dockerConfigOf,
  LEGACY,
  legacyOf,
  namespaceOf,
  pullSecretOf,
  RESOURCES,
  seenSecretOf,
  versionOf,
} from './objects.ts';
import { createPacer } from './pacer.ts';
import { createReconciler } from './reconcile.ts';
import { createRollout } from './rollout.ts';
import { createSecretWriter } from './secret-writer.ts';
import { createStatusWriter } from './status-writer.ts';
import { createWork } from './worker.ts';

export interface OperatorOptions {
  readonly access: ApiServerAccess;
  /** Undefined: no such server. */
  readonly metricsAddress: BindAddress | undefined;
  readonly probeAddress: BindAddress | undefined;
  /** Where the cluster kind's `secretRef` looks. */
  readonly namespace: string;
  readonly userAgent: string;
  /** Writes of renewed logins a second, more than 0 (DESIGN.md §3, rule 12). */
  readonly renewalsPerSecond: number;
  /** Name of this process in Events. */
  readonly instance: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface Operator {
  readonly metricsPort: number | undefined;
  readonly probePort: number | undefined;
  /** Resolves when every store has been filled once. */
  readonly ready: Promise<void>;
  /** Resolves when the signal has aborted and the work in hand is done. */
  readonly done: Promise<void>;
}

/** Keys worked on at once; requests are bounded by the transport, this only bounds what waits for them. */
const WORKERS = 64;
const CONTROLLER = 'pullsecret';
/** Objects of the deprecated kind converted at once. */
const CONVERTERS = 4;
const CONVERSION = 'conversion';

/**
 * Starts the operator; it runs until `signal` aborts.
 *
 * `leading` says that this process may write; it aborts when that is no longer so. Without leader election it is
 * `signal` itself.
 *
 * @throws Failure when an address cannot be listened on
 */
export async function startOperator(
  options: OperatorOptions,
  signal: AbortSignal,
  leading: AbortSignal = signal,
): Promise<Operator> {
  const { access, clock, random, log, metrics } = options;
  const transport = createTransport({
    access,
    clock,
    userAgent: options.userAgent,
    onAnswer: (method, code) => metrics.apiRequests.inc({ method, code }),
  });
  const client = createClient(transport, OPERATOR_NAME);
  const ecr = createEcrClient({
    clock,
    userAgent: options.userAgent,
    onCall: (region, code, took) => {
      metrics.awsRequests.inc({ operation: 'GetAuthorizationToken', region, code });
      metrics.awsRequestSeconds.observe({ operation: 'GetAuthorizationToken', region }, took / 1_000);
    },
  });
  const createQueue = (): Workqueue =>
    createWorkqueue({
      clock,
      random,
      onBug: (key, error) => log.error('A reconciliation failed unexpectedly', { key }, error),
    });
  const queue = createQueue();
  const conversions = createQueue();
  const pacer = createPacer(clock, random, options.renewalsPerSecond);
  const rollout = createRollout(pacer, clock);
  const logins = createLoginBook({ source: ecr, pacer, clock, random });
  const credentials = createCredentialResolver(client, clock, options.namespace);
  const view = createClusterView({
    enqueue: (key) => queue.add(key),
    onLegacy: (key) => conversions.add(key),
    onGone: (uid) => {
      logins.forget(uid);
      rollout.forget(uid);
    },
    onCredentials: (key) => credentials.forget(key),
    operatorNamespace: options.namespace,
  });
  const events = createEventRecorder({
    client,
    clock,
    log,
    instance: options.instance,
    controller: OPERATOR_NAME,
    signal,
  });
  // Writes in hand are finished, not cut: they end by their own deadline.
  const writes = new AbortController().signal;
  const secretWriter = createSecretWriter(client, view.secrets, writes);
  const statuses = createStatusWriter(client, view, writes);
  const reconcile = createReconciler({
    client,
    view,
    credentials,
    logins,
    fence: createFence({ client, view, logins, statuses, clock, log }),
    rollout,
    events,
    clock,
    log,
    secrets: secretWriter,
    statuses,
  });
  const convert = createConverter({ client, secrets: secretWriter, events, clock, log, requests: writes });

  /** Takes the logins out of a Secret before it is reduced to digests. */
  const reduceSecret = (raw: JsonRecord): SeenSecret | undefined => {
    const seen = seenSecretOf(raw);
    const owner = seen?.ownerUidLabel === undefined ? undefined : view.objectByUid(seen.ownerUidLabel);
    const content = dockerConfigOf(raw);
    if (seen && owner && content !== undefined) {
      logins.adopt(owner, content, stringMapOf(recordOf(raw['metadata'])['annotations']).get(INPUTS_ANNOTATION) ?? '');
    }
    return seen;
  };
  const reflect = <Item extends Stored>(
    resource: ResourceDescriptor,
    store: Store<Item>,
    reduce: (raw: JsonRecord) => Item | undefined,
    over: Pick<ReflectorOptions<Item>, 'labelSelector' | 'optional'> = {},
  ): Reflector =>
    createReflector({
      client,
      resource,
      store,
      reduce,
      clock,
      random,
      log,
      ...over,
    });

  const objects: readonly NamedReflector[] = [
    [
      RESOURCES[NAMESPACED_KIND].plural,
      reflect(RESOURCES[NAMESPACED_KIND], view.namespaced, (raw) => pullSecretOf(NAMESPACED_KIND, raw)),
    ],
    [
      RESOURCES[CLUSTER_KIND].plural,
      reflect(RESOURCES[CLUSTER_KIND], view.cluster, (raw) => pullSecretOf(CLUSTER_KIND, raw)),
    ],
    ['namespaces', reflect(NAMESPACES, view.namespaces, namespaceOf)],
    ['credentials', reflect(SECRETS, view.credentials, versionOf, { labelSelector: `${CREDENTIALS_LABEL}=true` })],
    [LEGACY.plural, reflect(LEGACY, view.legacy, legacyOf, { optional: true })],
  ];
  // Started when the CRs are known: their status says which of the logins in the Secrets can be believed.
  const secrets: NamedReflector = [
    'secrets',
    reflect(SECRETS, view.secrets, reduceSecret, { labelSelector: `${MANAGED_BY_LABEL}=${OPERATOR_NAME}` }),
  ];
  const reflectors = [...objects, secrets];

  const servers = await startServers(options, reflectors);
  observeStores(metrics, { queue, view });

  const work = createWork({ queue, controller: CONTROLLER, clock, log, metrics }, (key) => reconcile(key, leading));
  const conversion = createWork({ queue: conversions, controller: CONVERSION, clock, log, metrics }, (key) =>
    convert(key, leading),
  );

  const running = objects.map(([, reflector]) => reflector.run(signal));
  const ready = (async () => {
    await Promise.race([Promise.all(objects.map(([, reflector]) => reflector.synced)), aborted(signal)]);
    if (signal.aborted) return;
    running.push(secrets[1].run(signal));
    await Promise.race([secrets[1].synced, aborted(signal)]);
    if (signal.aborted) return;
    logins.settled();
    log.info('Ready', {
      objects: view.namespaced.size + view.cluster.size,
      secrets: view.secrets.size,
      namespaces: view.namespaces.size,
    });
    running.push(queue.run(work, WORKERS, leading), conversions.run(conversion, CONVERTERS, leading));
  })();
  const finish = async (): Promise<void> => {
    await aborted(signal);
    await ready;
    await Promise.all(running);
    await events.flush();
    await Promise.all(servers.map(([, server]) => server.close()));
    transport.close();
    ecr.close();
  };
  const portOf = (name: string): number | undefined => servers.find(([server]) => server === name)?.[1].port;
  return { metricsPort: portOf('metrics'), probePort: portOf('probe'), ready, done: finish() };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

async function startServers(
  { metricsAddress, probeAddress, metrics, clock }: OperatorOptions,
  reflectors: readonly NamedReflector[],
): Promise<readonly (readonly [string, HttpServer])[]> {
  const servers: (readonly [string, HttpServer])[] = [];
  const metricsRoute: Route = async () => ({ status: 200, ...(await metrics.text()) });
  if (metricsAddress)
    servers.push(['metrics', await startHttpServer(metricsAddress, new Map([['/metrics', metricsRoute]]))]);
  if (probeAddress) {
    const alive: Route = () => livenessReply(reflectors, clock);
    const routes = new Map<string, Route>([
      ['/healthz', alive],
      ['/livez', alive],
      ['/readyz', () => readinessReply(reflectors)],
    ]);
    try {
      servers.push(['probe', await startHttpServer(probeAddress, routes)]);
    } catch (thrown) {
      await Promise.all(servers.map(([, server]) => server.close()));
      throw thrown;
    }
  }
  return servers;
}

interface Observed {
  readonly queue: ReturnType<typeof createWorkqueue>;
  readonly view: ReturnType<typeof createClusterView>;
}

function observeStores(metrics: Metrics, { queue, view }: Observed): void {
  metrics.observe('workqueue_depth', 'Keys waiting to be worked on.', () => queue.depth);
  metrics.observe('ecr_operator_secrets', 'Pull secrets that this operator keeps.', () => view.secrets.size);
  metrics.observe('ecr_operator_objects', 'Objects of both kinds.', () => view.namespaced.size + view.cluster.size);
  metrics.observe(
    'ecr_operator_token_expiry_timestamp_seconds',
    'End of the login that ends first; 0 when there is none.',
    () => {
      let first = Number.POSITIVE_INFINITY;
      for (const { status } of view.objects()) {
        const end = parseRfc3339(status.expiresAt) ?? Number.POSITIVE_INFINITY;
        if (end < first) first = end;
      }
      return Number.isFinite(first) ? first / 1_000 : 0;
    },
  );
}
