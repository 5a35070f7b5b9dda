// Builds everything once, starts it in order, stops it in reverse. The only place that knows all the parts.

import { OPERATOR_NAME } from '../api/names.ts';
import { followAuthorities } from '../aws/authorities.ts';
import { type AwsOptions, createAws } from '../aws/clients.ts';
import { keyOf } from '../core/resource.ts';
import type { ApiServerAccess } from '../kube/access.ts';
import { createClient } from '../kube/client.ts';
import { type ControllerTelemetry, createController } from '../kube/controller.ts';
import { createEventRecorder } from '../kube/events.ts';
import { createTransport } from '../kube/transport.ts';
import { createWorkqueue, type Workqueue } from '../kube/workqueue.ts';
import type { Logger } from '../lib/log.ts';
import type { Metrics } from '../lib/metrics.ts';
import { createNameLookup } from '../lib/name-lookup.ts';
import { createPacer } from '../lib/pacer.ts';
import { createSupervisor } from '../lib/supervise.ts';
import { type Clock, type Random, seconds } from '../lib/time.ts';
import { createConverter } from './conversion.ts';
import { checkCrds } from './crd-check.ts';
import { type ServersOptions, startServers } from './endpoints.ts';
import type { NamedReflector } from './health.ts';
import { createCredentialResolver } from './login/credentials.ts';
import { createLoginBook } from './login/login-book.ts';
import { createObjectLogins } from './login/object-logins.ts';
import { tokenAudienceProblem } from './login/token-audience.ts';
import { createFence } from './reconcile/login-fence.ts';
import { createReconciler } from './reconcile/reconcile.ts';
import { createStatusWriter } from './reconcile/status-writer.ts';
import { readingStoredContent } from './reconcile/stored-content.ts';
import { createWholeObjects } from './reconcile/whole-objects.ts';
import { writingSecrets } from './reconcile/write-secrets.ts';
import { confirmingPrune } from './secrets/prune.ts';
import { createRollout } from './secrets/rollout.ts';
import { createSecretWriter } from './secrets/secret-writer.ts';
import { createClusterView } from './state/cluster-view.ts';
import { createControllerTelemetry } from './telemetry/controller-telemetry.ts';
import { createTelemetry, observeLoad } from './telemetry/request-telemetry.ts';
import { observeStores } from './telemetry/store-telemetry.ts';
import { createWatches, WATCHED } from './watches.ts';
import { type Supervise, startWebhook, type WebhookOptions } from './webhook/server.ts';

export interface OperatorOptions extends ServersOptions, AwsOptions {
  readonly access: ApiServerAccess;
  /** Where the cluster kind's `secretRef` looks. */
  readonly namespace: string;
  /** Writes of renewed logins a second, more than 0 (docs/rules.md, rule 12). */
  readonly renewalsPerSecond: number;
  /** Whether objects of the deprecated kind are looked for and converted. */
  readonly convertsLegacy: boolean;
  /** Name of this process in Events. */
  readonly instance: string;
  /** Objects that have metrics of their own; 0: none. */
  readonly perObjectMetrics: number;
  /** Objects of one namespace that are kept, more than 0 (docs/rules.md, rule 14). */
  readonly objectsPerNamespace: number;
  /** Undefined: no webhook. */
  readonly webhook: WebhookOptions | undefined;
  /** Reads the bundle `awsCertificateAuthorities` again; undefined: it does not change. */
  readonly readAwsAuthorities?: (() => Promise<string>) | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface Operator {
  readonly metricsPort: number | undefined;
  readonly probePort: number | undefined;
  readonly webhookPort: number | undefined;
  /** Resolves when every store has been filled once. */
  readonly ready: Promise<void>;
  /** Resolves when the signal has aborted and the work in hand is done. */
  readonly done: Promise<void>;
}

/** Keys worked on at once. Requests are bounded by the transport, and nobody waits for AWS here: this bounds what waits for requests. */
const WORKERS = 256;
/** Objects of the deprecated kind converted at once. */
const CONVERTERS = 4;
/** What writes in hand may take once the operator was told to end: half of what the process gives itself for all of it. */
const LAST_WRITES = seconds(5);
/**
 * Starts the operator; it runs until `signal` aborts.
 *
 * @throws Failure when an address cannot be listened on
 */
export async function startOperator(options: OperatorOptions, signal: AbortSignal): Promise<Operator> {
  const { access, clock, random, log, metrics } = options;
  const telemetry = createTelemetry(metrics, clock, access.url, WATCHED);
  const controllers = createControllerTelemetry(metrics, clock, { pullsecret: WORKERS, conversion: CONVERTERS });
  const supervisor = createSupervisor({ clock, random, log, onFailed: telemetry.onLoopFailed });
  const lookup = createNameLookup({ clock });
  const { userAgent } = options;
  const transport = createTransport({ access, clock, userAgent, lookup, onAnswer: telemetry.onAnswer });
  const client = createClient(transport, OPERATOR_NAME);
  const aws = createAws(options, lookup, telemetry.onAwsCall);
  const createQueue = (controller: ControllerTelemetry): Workqueue =>
    createWorkqueue({
      clock,
      random,
      onBug: (key, error) => {
        controller.onBug();
        log.error('A reconciliation failed unexpectedly', { controller: controller.controller, key }, error);
      },
      observer: controller.queue,
    });
  const queue = createQueue(controllers.pullsecret);
  const conversions = createQueue(controllers.conversion);
  const pacer = createPacer(clock, random, options.renewalsPerSecond);
  const rollout = createRollout(pacer, clock);
  const isThere = (uid: string): boolean => view.objectByUid(uid) !== undefined;
  const wake = (uid: string): boolean => {
    const object = view.objectByUid(uid);
    if (object) queue.add(keyOf(object));
    return object !== undefined;
  };
  const logins = createLoginBook({ source: aws.ecr, pacer, clock, random, isThere, wake });
  const operatorNamespace = options.namespace;
  const credentials = createCredentialResolver({
    client,
    ...aws,
    clock,
    random,
    operatorNamespace,
    wake,
    signal,
    tokenAudienceProblem: (await Promise.race([tokenAudienceProblem(access, log), aborted(signal)])) ?? undefined,
  });
  const { view, stores } = createClusterView({
    enqueue: (key) => queue.add(key),
    onLegacy: (key) => conversions.add(key),
    onGone: (uid) => {
      logins.forget(uid);
      credentials.leave(uid);
      rollout.forget(uid);
    },
    onCredentials: (key) => credentials.forget(key),
    operatorNamespace,
    objectsPerNamespace: options.objectsPerNamespace,
  });
  const events = createEventRecorder({
    client,
    clock,
    log,
    instance: options.instance,
    controller: OPERATOR_NAME,
    signal,
  });
  // Writes in hand are finished, not cut, unless the API server is silent: what was not written is written after the next start.
  const writes = new AbortController();
  const secretWriter = createSecretWriter(client, stores.secrets, clock, writes.signal);
  const statuses = createStatusWriter({ client, view, stores }, writes.signal);
  const fence = createFence({ client, view, store: stores.secrets, logins, statuses, clock });
  const confirmPrune = confirmingPrune(client);
  const whole = createWholeObjects({ client, view, store: stores.namespaced });
  const reconcile = whole.reading(
    createReconciler({
      view,
      logins: createObjectLogins(credentials, logins, clock),
      fence,
      writeSecrets: writingSecrets({ view, fence, rollout, secrets: secretWriter, confirmPrune, clock }),
      readStored: readingStoredContent(client, view),
      readmit: (key, object, until) => whole.readmit(key, object, until),
      statuses,
      events,
      clock,
    }),
  );
  const convert = createConverter({ client, secrets: secretWriter, events, clock, requests: writes.signal });

  const { objects, secrets, sizes } = createWatches({
    client,
    view,
    stores,
    logins,
    convertsLegacy: options.convertsLegacy,
    onReflectorEvent: telemetry.onReflectorEvent,
    clock,
    random,
    log,
  });
  const reflectors = [...objects, secrets];

  observeLoad(metrics, logins.load, credentials.load);
  observeStores(metrics, { view, clock, perObject: options.perObjectMetrics, sizes });
  const isSynced = (): boolean => reflectors.every(([, reflector]) => reflector.isSynced());
  const webhook =
    options.webhook &&
    (await startWebhook(options.webhook, {
      ...options,
      client,
      view,
      ecr: aws.ecr,
      isSynced,
      onRefused: (bound) => telemetry.onRefused('webhook', bound),
    }));
  const { onRefused } = telemetry;
  const serverParts = {
    reflectors,
    webhook: () => webhook?.waitsFor(),
    failing: () => supervisor.failing(),
    onRefused,
  };
  const servers = await startServers(options, serverParts).catch(async (thrown: unknown) => {
    await webhook?.close();
    throw thrown;
  });

  const parts = { signal, clock, random, log };
  const work = createController({ ...parts, queue, telemetry: controllers.pullsecret }, reconcile);
  const conversion = createController({ ...parts, queue: conversions, telemetry: controllers.conversion }, convert);

  const supervise: Supervise = (name, loop) => supervisor.run(name, loop, signal);
  const follow = ([name, reflector]: NamedReflector): Promise<void> =>
    supervise(`watch of ${name}`, (until) => reflector.run(until));
  const running = objects.map(follow);
  if (webhook) running.push(webhook.run(supervise));
  const { readAwsAuthorities: read, awsCertificateAuthorities: text } = options;
  if (read && text !== undefined) {
    const trust = (authorities: readonly string[]): void => aws.trust(authorities);
    running.push(supervise('AWS_CA_BUNDLE', (until) => followAuthorities({ read, text, trust, clock, log }, until)));
  }
  const ready = (async () => {
    await Promise.race([Promise.all(objects.map(([, reflector]) => reflector.synced)), aborted(signal)]);
    if (signal.aborted) return;
    running.push(follow(secrets));
    await Promise.race([secrets[1].synced, aborted(signal)]);
    if (signal.aborted) return;
    logins.settled();
    view.quota.open();
    log.info('Ready', {
      objects: view.namespaced.size + view.cluster.size,
      secrets: view.secrets.size,
      namespaces: view.namespaces.size,
    });
    running.push(
      supervise('check of the CRDs', (until) => checkCrds({ transport, clock, log }, until)),
      supervisor.run('workers', (until) => queue.run(work, WORKERS, until), signal),
      supervisor.run('workers of conversions', (until) => conversions.run(conversion, CONVERTERS, until), signal),
    );
  })();
  const finish = async (): Promise<void> => {
    await aborted(signal);
    const cancel = clock.after(LAST_WRITES, () => {
      log.warn('Gave up the writes in hand: the API server does not answer');
      writes.abort();
    });
    await ready;
    await Promise.all(running);
    await secretWriter.ended();
    cancel();
    await events.flush();
    await Promise.all([servers.close(), webhook?.close()]);
    transport.close();
    aws.close();
  };
  const { metricsPort, probePort } = servers;
  return { metricsPort, probePort, webhookPort: webhook?.port, ready, done: finish() };
}

function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }));
}
