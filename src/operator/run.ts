// Starts everything in order, and stops it in reverse.

import { type ChangingBundle, followAuthorities } from '../aws/authorities.ts';
import type { Bound } from '../http/connections.ts';
import type { ApiServerAccess } from '../kube/access.ts';
import { createSupervisor, type Supervisor } from '../lib/supervise.ts';
import { seconds } from '../lib/time.ts';
import { type Assembly, type AssemblyOptions, assemble } from './assemble.ts';
import { checkCrds } from './crd-check.ts';
import { type Servers, type ServersOptions, startServers } from './endpoints.ts';
import type { NamedReflector } from './health.ts';
import { tokenAudienceProblem } from './login/token-audience.ts';
import type { OpenPorts, Ports } from './ports.ts';
import { createTelemetry, observeLoad, type Telemetry } from './telemetry/request-telemetry.ts';
import { observeStores } from './telemetry/store-telemetry.ts';
import { createWatches, type Watches, watchedNames } from './watches.ts';
import { knownObjects } from './webhook/review.ts';
import { type Supervise, startWebhook, type WebhookOptions, type WebhookServer } from './webhook/server.ts';

export interface OperatorOptions extends ServersOptions, AssemblyOptions {
  readonly access: ApiServerAccess;
  readonly openPorts: OpenPorts;
  /** Whether the operator watches and converts objects of the deprecated kind. */
  readonly convertsLegacy: boolean;
  /** Objects that have metrics of their own; 0: none. */
  readonly perObjectMetrics: number;
  /** Undefined: no webhook. */
  readonly webhook: WebhookOptions | undefined;
  /** The bundle of further AWS authorities that the ports began with; undefined: it does not change. */
  readonly awsAuthorities: ChangingBundle | undefined;
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

/** Time for writes under way once the operator stops: half of the process's own limit. */
const LAST_WRITES = seconds(5);

/** The parts, put together. */
interface Started {
  readonly options: OperatorOptions;
  readonly ports: Ports;
  readonly supervisor: Supervisor;
  readonly assembly: Assembly;
  readonly watches: Watches;
}

/** The running parts. */
interface Running extends Started {
  readonly webhook: WebhookServer | undefined;
  readonly servers: Servers;
  readonly signal: AbortSignal;
  /** Aborts writes under way. */
  readonly writes: AbortController;
  /** Loops that must end before the ports are closed; grows while the operator starts. */
  readonly loops: Promise<void>[];
}

/**
 * Starts the operator; it runs until `signal` aborts.
 *
 * @throws Failure when an address cannot be listened on
 */
export async function startOperator(options: OperatorOptions, signal: AbortSignal): Promise<Operator> {
  const { access, scope, clock, random, log, metrics } = options;
  const telemetry = createTelemetry(metrics, clock, access.url, watchedNames(scope, options.convertsLegacy));
  const supervisor = createSupervisor({ clock, random, log, onFailed: telemetry.onLoopFailed });
  const ports = options.openPorts(telemetry);
  // The operator finishes writes under way, unless the API server is silent; the next start makes the missing ones.
  const writes = new AbortController();
  const audience = await Promise.race([tokenAudienceProblem(access, log), aborted(signal)]);
  const assembly = assemble(options, ports, signal, writes.signal, audience);
  const { client, state, logins, referenceLoad } = assembly;
  const { onReflectorEvent } = telemetry;
  const { convertsLegacy } = options;
  const tools = { convertsLegacy, onReflectorEvent, scope, clock, random, log };
  const watches = createWatches({ client, ...state, logins, ...tools });
  observeLoad(metrics, logins.load, referenceLoad);
  observeStores(metrics, { view: state.view, clock, perObject: options.perObjectMetrics, sizes: watches.sizes });
  const { webhook, servers } = await serve({ options, ports, supervisor, assembly, watches }, telemetry);
  const loops: Promise<void>[] = [];
  const running = { options, ports, supervisor, assembly, watches, webhook, servers, signal, writes, loops };
  const ready = begin(running);
  const { metricsPort, probePort } = servers;
  return { metricsPort, probePort, webhookPort: webhook?.port, ready, done: finish(running, ready) };
}

/** @throws Failure when an address cannot be listened on; then the operator listens on none */
async function serve(
  { options, assembly, ports, watches, supervisor }: Started,
  { onRefused }: Telemetry,
): Promise<Pick<Running, 'webhook' | 'servers'>> {
  const { client, state } = assembly;
  const { view } = state;
  const { ecr } = ports.aws;
  const { objects, secrets } = watches;
  const reflectors = [...objects, ...secrets];
  const isSynced = (): boolean => reflectors.every(([, reflector]) => reflector.isSynced());
  const { clock, random, log, metrics, namespace } = options;
  const parts = {
    client,
    known: knownObjects(view, options.scope),
    ecr,
    clock,
    random,
    log,
    metrics,
    namespace,
    isSynced,
  };
  const onRefusal = (bound: Bound): void => onRefused('webhook', bound);
  const webhook = options.webhook && (await startWebhook(options.webhook, { ...parts, onRefused: onRefusal }));
  const [waitsFor, failing] = [() => webhook?.waitsFor(), () => supervisor.failing()];
  try {
    return { webhook, servers: await startServers(options, { reflectors, webhook: waitsFor, failing, onRefused }) };
  } catch (thrown) {
    await webhook?.close();
    throw thrown;
  }
}

/** Starts the watches, and the controllers once all stores have been filled. */
async function begin(running: Running): Promise<void> {
  const { options, ports, supervisor, assembly, watches, webhook, signal, loops } = running;
  const { clock, log, awsAuthorities } = options;
  const { objects, secrets } = watches;
  const supervise: Supervise = (name, loop) => supervisor.run(name, loop, signal);
  const follow = ([name, reflector]: NamedReflector): Promise<void> =>
    supervise(`watch of ${name}`, (until) => reflector.run(until));
  loops.push(...objects.map(follow));
  if (webhook) loops.push(webhook.run(supervise));
  if (awsAuthorities) {
    const trust = (authorities: readonly string[]): void => ports.aws.trust(authorities);
    loops.push(
      supervise('AWS_CA_BUNDLE', (until) => followAuthorities({ ...awsAuthorities, trust, clock, log }, until)),
    );
  }
  await Promise.race([Promise.all(objects.map(([, reflector]) => reflector.synced)), aborted(signal)]);
  if (signal.aborted) return;
  loops.push(...secrets.map(follow));
  await Promise.race([Promise.all(secrets.map(([, reflector]) => reflector.synced)), aborted(signal)]);
  if (signal.aborted) return;
  const { view } = assembly.state;
  assembly.logins.settled();
  view.quota.open();
  log.info('Ready', {
    objects: view.namespaced.size + view.cluster.size,
    secrets: view.secrets.size,
    namespaces: view.namespaces.size,
  });
  const { transport } = ports;
  loops.push(supervise('check of the CRDs', (until) => checkCrds({ transport, clock, log }, until)));
  for (const [name, loop] of Object.entries(assembly.loops)) loops.push(supervise(name, loop));
}

/** Waits for the end, and closes everything in order. */
async function finish(running: Running, ready: Promise<void>): Promise<void> {
  const { options, ports, assembly, webhook, servers, signal, writes, loops } = running;
  await aborted(signal);
  const cancel = options.clock.after(LAST_WRITES, () => {
    options.log.warn('Gave up the writes in hand: the API server does not answer');
    writes.abort();
  });
  await ready;
  await Promise.all(loops);
  await assembly.secrets.ended();
  cancel();
  await assembly.events.flush();
  await Promise.all([servers.close(), webhook?.close()]);
  ports.transport.close();
  ports.aws.close();
}

function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }));
}
