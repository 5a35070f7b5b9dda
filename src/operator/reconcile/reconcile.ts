// The loop body: one key -> observe, log in, plan, apply, status, when to look again.
//
// Guarantees: whatever happens, a Secret that holds a good login stays; a failure in one namespace or at one registry does
// not stop the others; the next look is always later than now. Everything is read from the stores at the moment it is
// used, never carried over from an event.

import type { ObjectKey } from '../../api/meta.ts';
import { REASON } from '../../api/names.ts';
import { sizeProblem } from '../../core/plan.ts';
import type { PullSecretObject } from '../../core/resource.ts';
import { type Findings, nextStatus, processingStatus } from '../../core/status.ts';
import { wakeAt } from '../../core/wake.ts';
import type { Attempt, Reconcile, Result } from '../../kube/controller.ts';
import type { EventRecorder } from '../../kube/events.ts';
import type { Logger } from '../../lib/log.ts';
import { type Clock, type DurationMs, type EpochMs, MINUTE, parseRfc3339, plus, read, SECOND } from '../../lib/time.ts';
import { ANY, LOGIN_PATIENCE, type LoginResult, type ObjectLogins } from '../login/object-logins.ts';
import type { Applied } from '../secrets/apply.ts';
import type { ClusterView } from '../state/cluster-view.ts';
import type { Fence } from './login-fence.ts';
import { announce, announceRemark } from './object-events.ts';
import type { StatusWriter } from './status-writer.ts';
import type { ReadStoredContent } from './stored-content.ts';
import type { WholeObjects } from './whole-objects.ts';
import type { WriteRequest, WriteResult, WriteSecrets } from './write-secrets.ts';

export interface ReconcilerParts {
  readonly view: ClusterView;
  readonly logins: ObjectLogins;
  readonly fence: Fence;
  readonly writeSecrets: WriteSecrets;
  readonly readStored: ReadStoredContent;
  readonly readmit: WholeObjects['readmit'];
  readonly statuses: StatusWriter;
  readonly events: EventRecorder;
  readonly clock: Clock;
}

/** A first login that takes longer than this is worth a status write of its own. */
const SLOW_LOGIN = SECOND;
const SOON = (SECOND / 10) as DurationMs;

/** Room that others leave by becoming smaller is noticed this late; by going, at once. */
const ROOM_AGAIN = (5 * MINUTE) as DurationMs;

/** An object with what there is of its logins. */
type LoggedIn = WriteRequest & { readonly access: LoginResult };

/** @returns a function that brings one CR to what it wants; it throws only when the API server could not be reached */
export function createReconciler({
  view,
  logins,
  fence,
  writeSecrets,
  readStored,
  readmit,
  statuses,
  events,
  clock,
}: ReconcilerParts): Reconcile {
  /** Waits for logins, and says so in the status when the very first one takes long. */
  const awaitLogins = async ({ object, wish, access }: LoggedIn, pending: DurationMs): Promise<Result> => {
    const toTell = plus(clock.now(), (LOGIN_PATIENCE - pending) as DurationMs);
    // What has been told of this generation, such as a refusal, stands until there is news.
    const isTold = object.status.observedGeneration === object.generation && object.status.conditions !== undefined;
    if (access.held.length > 0 || isTold) return { op: 'done', wakeAt: toTell };
    const wait = (SLOW_LOGIN - pending) as DurationMs;
    if (wait > 0) return { op: 'done', wakeAt: plus(clock.now(), wait) };
    const status = processingStatus(object.status, object.generation, wish.secretName, clock.now());
    return (await statuses.write(object, status)) ? { op: 'done', wakeAt: toTell } : { op: 'retry' };
  };

  /** Repairs what can be repaired with the logins that there are; what is said of them waits for those that are on their way. */
  const settleMeanwhile = async (request: LoggedIn, attempt: Attempt, pending: DurationMs): Promise<Result> => {
    const { object, wish, access } = request;
    const held = access.held.filter(({ registry }) => !access.pending.includes(registry));
    const toTell = plus(clock.now(), (LOGIN_PATIENCE - pending) as DurationMs);
    if (sizeProblem(access.widened) !== undefined) return { op: 'done', wakeAt: toTell };
    const written = await writeSecrets(request, attempt);
    if (!written) return { op: 'retry' };
    const { applied, findings } = written;
    announce(events, object, wish.secretName, { ...findings, failures: [] }, applied);
    logWrites(attempt.log, object, wish.secretName, applied);
    if (applied.retry.length > 0 && applied.retryAfter === undefined) return { op: 'retry' };
    return outlook(written, { ...access, held }, [toTell]);
  };

  /** When to look again, though nothing happens. */
  const outlook = (
    { findings, applied, nextAt }: WriteResult,
    { held, failures, waiting, lookAgainAt }: LoginResult,
    others: readonly EpochMs[] = [],
  ): Result => {
    const retryAt = applied.retryAfter === undefined ? undefined : plus(clock.now(), applied.retryAfter);
    const all = [lookAgainAt, nextAt, retryAt, ...others];
    const instants = { logins: held, failures, waiting, problems: findings.problems, others: all };
    // What fails must not delay what else has its time: the earlier of the two counts, unless the API server named a later one.
    return { op: applied.failed && retryAt === undefined ? 'retry' : 'done', wakeAt: wakeAt(instants, read(clock)) };
  };

  const goOnMeanwhile = async (request: LoggedIn, attempt: Attempt, pending: DurationMs): Promise<Result> => {
    const { generation, status } = request.object;
    // What is wanted anew is written when all of its logins are there, or have failed: a part of it would be written twice.
    const isServed =
      request.access.held.length > 0 && status.observedGeneration === generation && status.logins?.length;
    return isServed ? await settleMeanwhile(request, attempt, pending) : await awaitLogins(request, pending);
  };

  /** @param again  when something may be different: with newer logins than those that cannot be written, or later */
  const refuse = async (
    object: PullSecretObject,
    reason: string,
    message: string,
    again: Partial<LoginResult> = {},
  ): Promise<Result> => {
    const findings: Findings = {
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
    announce(events, object, '', findings, undefined);
    const written = await statuses.write(object, nextStatus(object.status, findings, clock.now()));
    if (!written) return { op: 'retry' };
    const moment = read(clock);
    // That the login which the Secrets still hold has ended is to be told when it comes.
    const endsAt = parseRfc3339(object.status.expiresAt);
    const others = [again.lookAgainAt, endsAt !== undefined && endsAt > moment.now ? endsAt : undefined];
    const { held: logins = [], failures = [], waiting = ANY } = again;
    return { op: 'done', wakeAt: wakeAt({ logins, failures, waiting, problems: [], others }, moment) };
  };

  /** It is not kept whole: if there is room by now it is read again, which makes it come back; else that is said. */
  const makeRoom = async (key: ObjectKey, object: PullSecretObject, signal: AbortSignal): Promise<Result> => {
    if (await readmit(key, object, signal)) return { op: 'done', wakeAt: undefined };
    view.quota.waits(key, object);
    const lookAgainAt = plus(clock.now(), ROOM_AGAIN);
    return await refuse(object, REASON.quotaExceeded, view.quota.reason(object), { lookAgainAt });
  };

  /** Says in the status what was found out, and gives when to look again. */
  const report = async (
    key: ObjectKey,
    object: PullSecretObject,
    written: WriteResult,
    access: LoginResult,
  ): Promise<Result> => {
    const { applied, findings } = written;
    const { retryAfter } = applied;
    if (applied.retry.length > 0)
      return retryAfter === undefined ? { op: 'retry' } : { op: 'done', wakeAt: plus(clock.now(), retryAfter) };
    // Gone, or another object of the same name, which has its own attempt: what was found out here is not about that one.
    const current = view.object(key);
    if (current?.uid !== object.uid) return { op: 'done', wakeAt: undefined };
    if (!(await statuses.write(current, nextStatus(current.status, findings, clock.now())))) return { op: 'retry' };
    return outlook(written, access);
  };

  /** What is left when the logins are there: writes, and what is said about them. */
  const settle = async (key: ObjectKey, request: LoggedIn, attempt: Attempt): Promise<Result> => {
    const { object, wish, access } = request;
    if (access.isFresh && access.remark !== undefined) announceRemark(events, object, access.remark);
    const tooLarge = sizeProblem(access.widened);
    // What the Secrets hold already stays fresh, though they cannot have what is wanted now.
    const fitting = tooLarge === undefined ? access : await readStored(object, access, attempt.signal);
    const refusal = tooLarge === undefined ? undefined : { reason: REASON.secretTooLarge, message: tooLarge };
    if (!fitting) return await refuse(object, REASON.secretTooLarge, tooLarge ?? '', access);
    const found = await writeSecrets({ object, wish, access: fitting }, attempt);
    if (!found) return { op: 'retry' };
    const written = refusal ? { ...found, findings: { ...found.findings, refusal } } : found;
    announce(events, object, wish.secretName, written.findings, written.applied);
    logWrites(attempt.log, object, wish.secretName, written.applied);
    return await report(key, object, written, access);
  };

  return async (key, attempt) => {
    const { signal, log } = attempt;
    const first = view.object(key);
    if (!first || first.isCollected) {
      logins.forget(key);
      return { op: 'done', wakeAt: undefined };
    }
    if (first.isWaiting) return await makeRoom(key, first, signal);
    const wish = view.wish(first);
    if (typeof wish === 'string') return await refuse(first, REASON.invalidSpec, wish);
    const standing = await fence.standing(first, wish.registries, signal);
    if (standing.op === 'wait') return { op: 'done', wakeAt: standing.until };
    const object = view.object(key);
    // While the API server was asked somebody changed his mind: start from what he wants now.
    if (!object || !asksTheSame(first, object)) return { op: 'done', wakeAt: plus(clock.now(), SOON) };
    const access = logins.get(key, object, wish, standing.op === 'fetch' ? standing.after : ANY, signal);
    // Cut off by our own end: that is no failure of AWS, and nothing to be said to users.
    if (signal.aborted && access.failures.length > 0) return { op: 'done', wakeAt: undefined };
    if (access.pendingFor !== undefined)
      return await goOnMeanwhile({ object, wish, access }, attempt, access.pendingFor);
    for (const { registry, denied, message, cause } of access.failures)
      log.warn('Could not log in', { kind: object.kind, registry, denied, message }, cause);
    return await settle(key, { object, wish, access }, attempt);
  };
}

function asksTheSame(one: PullSecretObject, other: PullSecretObject): boolean {
  return (
    !other.isCollected &&
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
