// What only the replica that leads does: reconciles objects, asks AWS, writes. All of it is made anew for each term, so
// nothing that was in flight, refused or planned in an earlier term counts in a later one.

import { OPERATOR_NAME } from '../api/names.ts';
import { keyOf } from '../core/resource.ts';
import { createClient } from '../kube/client.ts';
import { type ControllerTelemetry, createController, type Reconcile } from '../kube/controller.ts';
import { createEventRecorder } from '../kube/events.ts';
import type { Term } from '../kube/lease.ts';
import type { Transport } from '../kube/transport.ts';
import { createWorkqueue, type Workqueue } from '../kube/workqueue.ts';
import type { Load } from '../lib/fair-semaphore.ts';
import type { Logger } from '../lib/log.ts';
import type { Pacer } from '../lib/pacer.ts';
import type { Loop } from '../lib/supervise.ts';
import { type Clock, type DurationMs, plus, type Random, SECOND, seconds } from '../lib/time.ts';
import { createAttacher } from './attachment/attach.ts';
import { findingAttachments } from './attachment/attachment-findings.ts';
import { createConverter } from './conversion.ts';
import { createCredentialResolver } from './login/credentials.ts';
import type { HeldLogins } from './login/held-logins.ts';
import { createLoginBook } from './login/login-book.ts';
import { createObjectLogins } from './login/object-logins.ts';
import { createPullProbes, type PullProbesParts } from './login/pull-probe.ts';
import type { Ports } from './ports.ts';
import { createReconciler } from './reconcile/reconcile.ts';
import { createRollout } from './secrets/rollout.ts';
import { createSecretWriter } from './secrets/secret-writer.ts';
import type { ClusterState } from './state/cluster-view.ts';
import type { ClusterListener } from './state/news.ts';
import { createStatusPace } from './status-pace.ts';

export interface WorkParts {
  readonly ports: Ports;
  readonly state: ClusterState;
  readonly heldLogins: HeldLogins;
  readonly pacer: Pacer;
  readonly telemetry: Readonly<Record<ControllerName, ControllerTelemetry>>;
  /** Is notified of each answer of a registry. */
  readonly onProbed: PullProbesParts['onAnswer'];
  readonly operatorNamespace: string;
  /** Name of this process in Events. */
  readonly instance: string;
  /** Whether the operator changes ServiceAccounts. */
  readonly attaches: boolean;
  /** Why no object may use a ServiceAccount in this cluster; undefined: objects may. */
  readonly tokenAudienceProblem: string | undefined;
  /** Runs a loop, again when it fails, until the signal aborts. */
  readonly supervise: (name: string, loop: Loop, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** The work of one term. */
export interface Work extends ClusterListener {
  /** Resolves when the term's signal has aborted and the work in hand is done. */
  readonly done: Promise<void>;
  /** Requests to AWS, and reads of what objects refer to. */
  readonly load: Readonly<Record<'logins' | 'references', Load>>;
}

/**
 * Keys that each controller reconciles at once. The transport bounds requests, and no attempt waits for AWS: this
 * bounds the attempts that wait for slow requests; of quick ones the queue begins fewer at once.
 */
export const WORKERS = { pullsecret: 256, conversion: 4, attachment: 16 } as const;
type ControllerName = keyof typeof WORKERS;

/** Names of the loops, in metrics and probes. */
const LOOP_OF: Readonly<Record<ControllerName, string>> = {
  pullsecret: 'workers',
  conversion: 'workers of conversions',
  attachment: 'workers of attachments',
};

/** Time for writes under way once the operator stops: half of the process's own limit. */
const LAST_WRITES = seconds(5);

/** Starts with every object there is, as if each had just changed. */
export function beginWork(parts: WorkParts, term: Term): Work {
  const { ports, state, heldLogins, pacer, telemetry, operatorNamespace, clock, random, log } = parts;
  const { view, stores } = state;
  const { signal } = term;
  // The first login does not wait for it, and neither did the first lists; a replica that only watches does without.
  void ports.aws.load();
  const writes = createWrites(term, clock, log);
  const client = createClient(whileHeld(ports.transport, term), OPERATOR_NAME);
  const { queue, conversions, accounts, ...add } = createQueues(parts, signal);
  const { enqueue, onAttachment } = add;

  const isThere = (uid: string): boolean => view.objectByUid(uid) !== undefined;
  const wake = (uid: string): boolean => {
    const object = view.objectByUid(uid);
    if (object) enqueue(keyOf(object));
    return object !== undefined;
  };
  const rollout = createRollout(pacer, clock);
  const logins = createLoginBook({ source: ports.aws.ecr, heldLogins, clock, random, isThere, wake });
  const { tokenAudienceProblem } = parts;
  const shared = { clock, random, operatorNamespace, wake, signal, tokenAudienceProblem };
  const credentials = createCredentialResolver({ client, ...ports.aws, ...shared });

  const { instance } = parts;
  const events = createEventRecorder({ client, clock, log, instance, controller: OPERATOR_NAME, signal });
  const secrets = createSecretWriter(client, stores.secrets, clock, writes.signal);
  const attacher = createAttacher({ view, client, store: stores.accounts, clock, onAttachment }, writes.signal);
  const findAttachments = findingAttachments(view, attacher, parts.attaches);
  const objectLogins = createObjectLogins(credentials, logins, clock);
  const probes = createPullProbes({ registry: ports.registry, clock, random, wake, onAnswer: parts.onProbed, signal });
  const common = { client, secrets, events, clock, writes: writes.signal };
  const reconcile = createReconciler({ ...common, state, logins, objectLogins, rollout, findAttachments, probes });
  const run = (on: Workqueue, name: ControllerName, reconcile: Reconcile): Promise<void> => {
    const work = createController({ queue: on, signal, clock, random, log, telemetry: telemetry[name] }, reconcile);
    return parts.supervise(LOOP_OF[name], (until) => on.run(work, WORKERS[name], until), signal);
  };
  addAll(state, add);
  const running = [
    run(queue, 'pullsecret', reconcile),
    run(conversions, 'conversion', createConverter(common)),
    run(accounts, 'attachment', attacher.reconcile),
  ];

  return {
    ...add,
    onGone(uid) {
      logins.forget(uid);
      credentials.leave(uid);
      rollout.forget(uid);
      probes.forget(uid);
    },
    onCredentials: (key) => credentials.forget(key),
    load: { logins: logins.load, references: credentials.load },
    done: (async () => {
      await Promise.all(running);
      await secrets.ended();
      writes.ended();
      await events.flush();
    })(),
  };
}

/** The queues of a term; what comes late, after its end, begins nothing. */
function createQueues(parts: WorkParts, signal: AbortSignal) {
  const { telemetry, clock } = parts;
  const queue = createQueue(parts, telemetry.pullsecret);
  const conversions = createQueue(parts, telemetry.conversion);
  const accounts = createQueue(parts, telemetry.attachment);
  const adding =
    (to: Workqueue) =>
    (key: string): void => {
      if (!signal.aborted) to.add(key);
    };
  const paced =
    (wait: (key: string) => DurationMs) =>
    (key: string): void => {
      if (!signal.aborted) queue.addAt(key, plus(clock.now(), wait(key)));
    };
  return {
    queue,
    conversions,
    accounts,
    enqueue: adding(queue),
    onLegacy: adding(conversions),
    onAccount: adding(accounts),
    // A status counts all accounts of the object: it follows a burst of their changes.
    onAttachment: paced(createStatusPace(clock, SECOND)),
    onStatus: paced(createStatusPace(clock, 0 as DurationMs)),
  };
}

function addAll(
  { view }: ClusterState,
  { enqueue, onLegacy, onAccount }: Pick<ClusterListener, 'enqueue' | 'onLegacy' | 'onAccount'>,
): void {
  for (const object of view.objects()) enqueue(keyOf(object));
  for (const [key] of view.legacy.entries()) onLegacy(key);
  for (const [key] of view.accounts.entries()) onAccount(key);
}

/** A replica that leads no longer sends no request that changes anything, at whatever point it was held up. */
function whileHeld(transport: Transport, { holds }: Term): Transport {
  return {
    ...transport,
    send: (request, signal) =>
      transport.send(request.method === 'GET' ? request : { ...request, mayBeSent: holds }, signal),
  };
}

/**
 * Ends writes under way: at once when the Lease is lost, else some time after the end of the term. The operator
 * finishes them unless the API server is silent; the next start makes the missing ones.
 */
function createWrites({ signal, lost }: Term, clock: Clock, log: Logger) {
  const writes = new AbortController();
  let cancel = (): void => {};
  const end = (): void => writes.abort();
  const endLater = (): void => {
    if (writes.signal.aborted) return;
    cancel = clock.after(LAST_WRITES, () => {
      log.warn('Gave up the writes in hand: the API server does not answer');
      end();
    });
  };
  lost.addEventListener('abort', end, { once: true });
  signal.addEventListener('abort', endLater, { once: true });
  if (lost.aborted) end();
  if (signal.aborted) endLater();
  return { signal: writes.signal, ended: (): void => cancel() };
}

function createQueue(
  { clock, random, log }: Pick<WorkParts, 'clock' | 'random' | 'log'>,
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
