// The loop body: one key -> observe, log in, plan, apply, status, when to look again.
//
// Guarantees: whatever happens, a Secret that holds a good login stays; a failure in one namespace or at one registry does
// not stop the others; the next look is always later than now. Everything is read from the stores at the moment it is
// used, never carried over from an event.

import type { ObjectKey } from '../api/meta.ts';
import { REASON } from '../api/names.ts';
import { sizeProblem } from '../core/plan.ts';
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
import type { Applied } from './apply.ts';
import type { ClusterView } from './cluster-view.ts';
import type { CredentialResolver } from './credentials.ts';
import type { Fence } from './fence.ts';
import type { LoginBook } from './logins.ts';
import type { Rollout } from './rollout.ts';
import type { SecretWriter } from './secret-writer.ts';
import { createSecretsRound, type Settled, type Turn, type Widened, type Written } from './secrets-round.ts';
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

/** By registry: its login has to end after this. */
type Ends = ReadonlyMap<string, EpochMs>;
interface Obtained extends Widened {
  readonly lookAgainAt: EpochMs | undefined;
  readonly remark: string | undefined;
}

/** Nothing that is held has been overtaken. */
const ANY: Ends = new Map();

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
  const writeSecrets = createSecretsRound({ client, view, fence, rollout, secrets, clock });

  const logIn = async (object: PullSecretObject, wish: Wish, after: Ends, signal: AbortSignal): Promise<Obtained> => {
    const resolved = await credentials.resolve(object, wish.access, signal);
    if (!resolved.ok) {
      const { message, denied, lookAgainAt: retryAt, cause } = resolved;
      const failures = wish.registries.map(({ registry }) => ({ registry, message, denied, retryAt, cause }));
      const { held, inputs } = logins.held(object.uid, wish.registries);
      const widened = withExtraHosts(held, wish.extra);
      return { held, inputs, widened, failures, waiting: ANY, lookAgainAt: retryAt, isFresh: false, remark: undefined };
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
  const settle = async (key: ObjectKey, settled: Settled & { access: Obtained }, turn: Turn): Promise<Result> => {
    const { object, wish, access } = settled;
    if (access.isFresh && access.remark !== undefined) announceRemark(events, object, access.remark);
    const tooLarge = sizeProblem(access.widened);
    if (tooLarge !== undefined) return await refuse(object, REASON.secretTooLarge, tooLarge);
    const written = await writeSecrets(settled, turn);
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
    for (const { registry, denied, message, cause } of access.failures)
      log.warn('Could not log in', { kind: first.kind, registry, denied, message }, cause);
    const object = view.object(key);
    // While the login was under way somebody changed his mind: start from what he wants now.
    if (!object || !asksTheSame(first, object)) return { op: 'done', wakeAt: plus(clock.now(), SOON) };
    return await settle(key, { object, wish, access }, turn);
  };
}

function asksTheSame(one: PullSecretObject, other: PullSecretObject): boolean {
  return (
    !other.deleting &&
    one.uid === other.uid &&
    one.generation === other.generation &&
    one.reconcileAt === other.reconcileAt
  );
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
