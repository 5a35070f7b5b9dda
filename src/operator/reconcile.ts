// The loop body: one key -> observe, log in, plan, apply, status, when to look again.
//
// Guarantees: whatever happens, a Secret that holds a good login stays; a failure in one namespace or at one registry does
// not stop the others; the next look is always later than now. Everything is read from the stores at the moment it is
// used, never carried over from an event.

import { type ObjectKey, objectKey } from '../api/meta.ts';
import { REASON } from '../api/names.ts';
import { formerUid } from '../core/conversion.ts';
import { desiredTargets } from '../core/desired.ts';
import type { Login } from '../core/login.ts';
import { makePayload, planSecrets, type SeenSecret, sizeProblem } from '../core/plan.ts';
import { withExtraHosts } from '../core/registries.ts';
import type { PullSecretObject, Wish } from '../core/resource.ts';
import { nextStatus, processingStatus, type Round } from '../core/status.ts';
import { wakeAt } from '../core/wake.ts';
import type { KubeClient } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import { failureFrom } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { type Clock, type DurationMs, type EpochMs, parseRfc3339, plus, SECOND } from '../lib/time.ts';
import { announce, announceRemark } from './announcer.ts';
import { type Applied, applyPlan } from './apply.ts';
import { type ClusterView, keyOf } from './cluster-view.ts';
import type { CredentialResolver } from './credentials.ts';
import type { Fence } from './fence.ts';
import type { LoginBook, Logins } from './logins.ts';
import { confirmPrune } from './prune.ts';
import type { Admitted, Rollout } from './rollout.ts';
import type { SecretWriter } from './secret-writer.ts';
import type { StatusWriter } from './status-writer.ts';
import type { Result } from './worker.ts';

export interface ReconcilerParts {
  readonly client: KubeClient;
  readonly view: ClusterView;
  readonly credentials: CredentialResolver;
  readonly logins: LoginBook;
  readonly fence: Fence;
  readonly rollout: Rollout;
  readonly secrets: SecretWriter;
  readonly statuses: StatusWriter;
  readonly events: EventRecorder;
  readonly clock: Clock;
}

/** A first login that takes longer than this is worth a status write of its own. */
const SLOW_LOGIN = SECOND;
const SOON = (SECOND / 10) as DurationMs;
/** Rounds in a row that say nothing of Secrets which were not as we thought: such is over in no time, nearly always. */
const SILENT_ROUNDS = 4;
/** Problems of a Secret that is in the way and that no watch shows. */
const OBSTRUCTIONS: ReadonlySet<string> = new Set([REASON.secretConflict, REASON.secretTerminating]);

/** By registry: its login has to end after this. */
type Ends = ReadonlyMap<string, EpochMs>;
interface Obtained extends Logins {
  /** As they are written: with the further hosts that they open. */
  readonly widened: readonly Login[];
  readonly lookAgainAt: EpochMs | undefined;
  readonly remark: string | undefined;
}

/** What one round is about once its logins are there. */
interface Settled {
  readonly object: PullSecretObject;
  readonly wish: Wish;
  readonly access: Obtained;
}

/** What one round wrote, and what it left for later. */
interface Written {
  readonly round: Round;
  readonly applied: Applied;
  /** When the next Secret that waits its turn may be renewed. */
  readonly nextAt: EpochMs | undefined;
}

const NOTHING: Admitted = { actions: [], repairs: [], waiting: [], contested: [], nextAt: undefined };
/** Nothing that is held has been overtaken. */
const ANY: Ends = new Map();

/** One time that a key is worked on. */
export interface Turn {
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** How often in a row it was tried before. */
  readonly attempt: number;
}

/** @returns a function that brings one CR to what it wants; it throws only when the API server could not be reached */
export function createReconciler({
  client,
  view,
  credentials,
  logins,
  fence,
  rollout,
  secrets,
  statuses,
  events,
  clock,
}: ReconcilerParts): (key: ObjectKey, turn: Turn) => Promise<Result> {
  const logIn = async (object: PullSecretObject, wish: Wish, after: Ends, signal: AbortSignal): Promise<Obtained> => {
    const resolved = await credentials.resolve(object, wish.access, signal);
    if (!resolved.ok) {
      const { message, denied, lookAgainAt } = resolved;
      const failures = wish.registries.map(({ registry }) => ({ registry, message, denied, retryAt: lookAgainAt }));
      const { held, inputs } = logins.held(object.uid, wish.registries);
      const widened = withExtraHosts(held, wish.extra);
      return { held, inputs, widened, failures, waiting: ANY, lookAgainAt, isFresh: false, remark: undefined };
    }
    const asked = object.reconcileAt === object.status.lastHandledReconcileAt ? undefined : object.reconcileAt;
    const { keys, fingerprint, lookAgainAt, remark } = resolved;
    const { uid } = object;
    const request = { uid, wanted: wish, endpoints: wish.access, keys, fingerprint, asked, after };
    const obtained = await logins.obtain(request, signal);
    return { ...obtained, widened: withExtraHosts(obtained.held, wish.extra), lookAgainAt, remark };
  };

  /** Says so in the status while the very first login takes long. */
  const logInVisibly = async (
    object: PullSecretObject,
    wish: Wish,
    after: Ends,
    log: Logger,
    signal: AbortSignal,
  ): Promise<Obtained> => {
    let writing = Promise.resolve();
    const cancel = clock.after(SLOW_LOGIN, () => {
      if (logins.held(object.uid, wish.registries).held.length > 0) return;
      const status = processingStatus(object.status, object.generation, wish.secretName, clock.now());
      writing = statuses
        .write(object, status)
        .then(() => {})
        .catch((error: unknown) => log.debug('Could not write a status', { message: failureFrom(error).message }));
    });
    try {
      return await logIn(object, wish, after, signal);
    } finally {
      cancel();
      await writing;
    }
  };

  /** @returns undefined when the object is not what was decided on any more, and nothing was written */
  const writeSecrets = async (
    object: PullSecretObject,
    wish: Wish,
    access: Obtained,
    { log, signal, attempt }: Turn,
  ): Promise<Written | undefined> => {
    const desired = desiredTargets(wish.targets, view.namespaceViews());
    const seen = new Map<string, SeenSecret>();
    const rivals = new Map<string, string>();
    for (const { namespace } of desired.targets) {
      const secret = view.secrets.get(objectKey(namespace, wish.secretName));
      const rival = secret ? undefined : view.rivalOf(object, namespace, wish.secretName);
      if (secret) seen.set(namespace, secret);
      if (rival !== undefined) rivals.set(namespace, rival);
    }
    const owned = [...view.secretsOf(object.uid)];
    const payload = makePayload(access.widened, access.inputs, clock.now());
    const plan = planSecrets(object, desired.targets, { seen, owned, rivals }, payload);
    const prune = await confirmPrune(client, object, plan.prune, owned.length, signal);
    // Gone while that was asked: nothing more is to be kept about it.
    if (!view.objectByUid(object.uid)) return undefined;
    const admitted = payload ? rollout.admit(object.uid, plan.actions, payload) : NOTHING;
    const { actions, waiting, contested, nextAt } = admitted;
    const about = { isFirst: actions.every(({ op }) => op === 'create'), isFresh: access.isFresh, log };
    if (actions.length > 0 && !(await fence.pass(object, access.held, about, signal))) return undefined;
    const told = (object.status.problems?.items ?? []).filter(({ reason }) => OBSTRUCTIONS.has(reason));
    const applied = await applyPlan(
      {
        writer: secrets,
        formerUid: formerUid(view.predecessor(keyOf(object)), object),
        isGood: (secret) => rollout.isGood(object.uid, secret),
        obstructed: new Set(told.map(({ namespace }) => namespace)),
        isLate: attempt >= SILENT_ROUNDS,
        signal,
      },
      object,
      wish.secretName,
      { actions, prune },
      payload,
    );
    const problems = [...desired.problems, ...plan.problems, ...contested, ...applied.problems];
    const delayed = applied.delayed.map(({ namespace }) => namespace);
    return {
      applied: { ...applied, updated: rollout.collect(object.uid, admitted, applied) },
      nextAt,
      round: {
        generation: object.generation,
        logins: access.held,
        failures: access.failures,
        desired: desired.targets.length + desired.problems.length - applied.terminating.length,
        ready: [...plan.ready, ...waiting, ...applied.created, ...applied.updated, ...delayed].sort(),
        pending: plan.waiting.length + applied.retry.length,
        problems,
        delayed: applied.delayed,
        handledReconcileAt: object.reconcileAt,
      },
    };
  };

  const refuse = async (object: PullSecretObject, reason: string, message: string): Promise<Result> => {
    const round: Round = {
      generation: object.generation,
      refusal: { reason, message },
      logins: [],
      failures: [],
      desired: 0,
      ready: [],
      pending: 0,
      problems: [],
      delayed: [],
      handledReconcileAt: object.status.lastHandledReconcileAt,
    };
    announce(events, object, '', round, undefined);
    const written = await statuses.write(object, nextStatus(object.status, round, clock.now()));
    const endsAt = parseRfc3339(object.status.expiresAt ?? '');
    // That the login which the Secrets still hold has ended is to be told when it comes.
    return written
      ? { op: 'done', wakeAt: endsAt !== undefined && endsAt > clock.now() ? endsAt : undefined }
      : { op: 'retry' };
  };

  /** Says in the status what was found out, and gives when to look again. */
  const report = async (
    key: ObjectKey,
    object: PullSecretObject,
    { round, applied, nextAt }: Written,
    access: Obtained,
  ): Promise<Result> => {
    if (applied.retryAfter !== undefined) return { op: 'done', wakeAt: plus(clock.now(), applied.retryAfter) };
    if (applied.retry.length > 0) return { op: 'retry' };
    // Gone, or another object of the same name, which has its own turn: what was found out here is not about that one.
    const current = view.object(key);
    if (current?.uid !== object.uid) return { op: 'done', wakeAt: undefined };
    if (!(await statuses.write(current, nextStatus(current.status, round, clock.now())))) return { op: 'retry' };
    const { problems } = round;
    const { waiting, lookAgainAt } = access;
    const outlook = {
      logins: access.held,
      failures: access.failures,
      waiting,
      problems,
      others: [lookAgainAt, nextAt],
    };
    // What fails must not delay what else has its time: the earlier of the two counts.
    return { op: applied.failed ? 'retry' : 'done', wakeAt: wakeAt(outlook, clock.now()) };
  };

  /** What is left when the logins are there: writes, and what is said about them. */
  const settle = async (key: ObjectKey, { object, wish, access }: Settled, turn: Turn): Promise<Result> => {
    if (access.isFresh && access.remark !== undefined) announceRemark(events, object, access.remark);
    const tooLarge = sizeProblem(access.widened);
    if (tooLarge !== undefined) return await refuse(object, REASON.secretTooLarge, tooLarge);
    const written = await writeSecrets(object, wish, access, turn);
    if (!written) return { op: 'retry' };
    announce(events, object, wish.secretName, written.round, written.applied);
    logWrites(turn.log, object, wish.secretName, written.applied);
    return await report(key, object, written, access);
  };

  return async (key, turn) => {
    const { signal, log } = turn;
    const first = view.object(key);
    if (!first || first.deleting) return { op: 'done', wakeAt: undefined };
    const wish = view.wish(first);
    if (typeof wish === 'string') return await refuse(first, REASON.invalidSpec, wish);
    const standing = await fence.standing(first, wish.registries, signal);
    if (standing.op === 'wait') return { op: 'done', wakeAt: standing.until };
    const access = await logInVisibly(first, wish, standing.op === 'fetch' ? standing.after : ANY, log, signal);
    // Cut off by our own end: that is no failure of AWS, and nothing to be said to users.
    if (signal.aborted && access.failures.length > 0) return { op: 'done', wakeAt: undefined };
    for (const { registry, denied, message } of access.failures)
      log.warn('Could not log in', { kind: first.kind, registry, denied, message });
    const object = view.object(key);
    // While the login was under way somebody changed his mind: start from what he wants now.
    if (object?.uid !== first.uid || object.generation !== first.generation || object.deleting)
      return { op: 'done', wakeAt: plus(clock.now(), SOON) };
    return await settle(key, { object, wish, access }, turn);
  };
}

function logWrites(log: Logger, object: PullSecretObject, secret: string, applied: Applied): void {
  const { created, updated, deleted, retry, problems } = applied;
  if (created.length + updated.length + deleted.length + problems.length === 0) return;
  log.info('Wrote secrets', {
    kind: object.kind,
    secret,
    created: created.length,
    updated: updated.length,
    deleted: deleted.length,
    retry: retry.length,
    problems: problems.length,
  });
}
