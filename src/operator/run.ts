// Starts everything in order, and stops it in reverse.

import { OPERATOR_NAME } from '../api/names.ts';
import { type ChangingBundle, followAuthorities } from '../aws/authorities.ts';
import type { Bound } from '../http/connections.ts';
import type { ApiServerAccess } from '../kube/access.ts';
import { createClient } from '../kube/client.ts';
import { createLeaderElection, type LeaderElection, type Term } from '../kube/lease.ts';
import type { LeaseTimes } from '../kube/lease-state.ts';
import type { Transport } from '../kube/transport.ts';
import { createSupervisor, type Supervisor } from '../lib/supervise.ts';
import { type Assembly, type AssemblyOptions, assemble } from './assemble.ts';
import { checkCrds } from './crd-check.ts';
import { type Servers, type ServersOptions, startServers } from './endpoints.ts';
import type { NamedReflector } from './health.ts';
import { tokenAudienceProblem } from './login/token-audience.ts';
import type { OpenPorts, Ports } from './ports.ts';
import { METRIC } from './telemetry/metric-catalogue.ts';
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
  /** Undefined: this process works without looking for others. */
  readonly election: ElectionOptions | undefined;
  /** The bundle of further AWS authorities that the ports began with; undefined: it does not change. */
  readonly awsAuthorities: ChangingBundle | undefined;
}

/** Of several replicas one leads: it alone works, and the others watch, and serve the webhook, probes and metrics. */
export interface ElectionOptions {
  /** Of the Lease, in the operator's own namespace. */
  readonly lease: string;
  /** Unlike that of any other process, past ones too. */
  readonly identity: string;
  readonly times: LeaseTimes;
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

/** The parts, put together. */
interface Started {
  readonly options: OperatorOptions;
  readonly ports: Ports;
  readonly supervisor: Supervisor;
  readonly assembly: Assembly;
  readonly watches: Watches;
  /** Undefined: none is held. */
  readonly election: LeaderElection | undefined;
}

/** The running parts. */
interface Running extends Started {
  readonly webhook: WebhookServer | undefined;
  readonly servers: Servers;
  readonly signal: AbortSignal;
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
  const telemetry = createTelemetry(metrics, clock, access.url, watchedNames(options));
  const supervisor = createSupervisor({ clock, random, log, onFailed: telemetry.onLoopFailed });
  const ports = options.openPorts(telemetry);
  const audience = await Promise.race([tokenAudienceProblem(access, log), aborted(signal)]);
  const assembly = assemble(options, ports, supervisor, audience);
  const { client, state, heldLogins, load } = assembly;
  const { onReflectorEvent } = telemetry;
  const { convertsLegacy, attaches } = options;
  const tools = { convertsLegacy, attaches, onReflectorEvent, scope, clock, random, log };
  const watches = createWatches({ client, ...state, heldLogins, ...tools });
  const election = options.election && electing(options, options.election, ports);
  observeLoad(metrics, load.logins, load.references);
  const isShown = (): boolean => election?.isLeading() ?? true;
  const { view } = state;
  observeStores(metrics, { view, clock, perObject: options.perObjectMetrics, sizes: watches.sizes, isShown });
  const started = { options, ports, supervisor, assembly, watches, election };
  const { webhook, servers } = await serve(started, telemetry);
  const running = { ...started, webhook, servers, signal, loops: [] };
  const ready = begin(running);
  const { metricsPort, probePort } = servers;
  return { metricsPort, probePort, webhookPort: webhook?.port, ready, done: finish(running, ready) };
}

function electing(
  { clock, random, log, metrics, namespace }: OperatorOptions,
  { lease: name, identity, times }: ElectionOptions,
  { transport }: Ports,
): LeaderElection {
  const urgent: Transport = {
    ...transport,
    send: (request, signal) => transport.send({ ...request, isUrgent: true }, signal),
  };
  const client = createClient(urgent, OPERATOR_NAME);
  const election = createLeaderElection({ client, namespace, name, identity, times, clock, random, log });
  metrics.observe(METRIC.leader, () => [{ labels: { name }, value: election.isLeading() ? 1 : 0 }]);
  return election;
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
  const { options, ports, supervisor, assembly, watches, election, webhook, signal, loops } = running;
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
  view.quota.open();
  log.info('Ready', {
    objects: view.namespaced.size + view.cluster.size,
    secrets: view.secrets.size,
    namespaces: view.namespaces.size,
  });
  const { transport } = ports;
  loops.push(supervise('check of the CRDs', (until) => checkCrds({ transport, clock, log }, until)));
  if (election) loops.push(supervise('leader election', (until) => election.run((term) => assembly.lead(term), until)));
  else loops.push(assembly.lead(termOf(signal)));
}

/** The one term of a process that works without looking for others. */
function termOf(signal: AbortSignal): Term {
  return { signal, lost: new AbortController().signal, holds: () => true };
}

/** Waits for the end, and closes everything in order. */
async function finish({ ports, webhook, servers, signal, loops }: Running, ready: Promise<void>): Promise<void> {
  await aborted(signal);
  await ready;
  await Promise.all(loops);
  await Promise.all([servers.close(), webhook?.close()]);
  ports.transport.close();
  ports.aws.close();
}

function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }));
}
