// The loop body for one key: observe, log in, plan, apply, write the status, choose when to reconcile again.
//
// Guarantees: a Secret that holds a good login keeps it, whatever happens. A failure in one namespace or at one
// registry does not stop the others. The next attempt is always later than now. The loop reads everything from the
// stores when it uses it, and carries nothing over from an event.

import type { ObjectKey } from '../../api/meta.ts';
import { REASON } from '../../api/names.ts';
import { sizeProblem } from '../../core/plan.ts';
import { type PullSecretObject, since } from '../../core/resource.ts';
import { type Findings, nextStatus } from '../../core/status.ts';
import type { Attempt, Reconcile, Result } from '../../kube/controller.ts';
import type { EventRecorder } from '../../kube/events.ts';
import { type Clock, type DurationMs, MINUTE, plus, read, SECOND } from '../../lib/time.ts';
import { ANY, type LoginResult, type LoginsToWrite, type ObjectLogins } from '../login/object-logins.ts';
import type { ClusterView } from '../state/cluster-view.ts';
import type { Fence } from './login-fence.ts';
import { doingMeanwhile } from './meanwhile.ts';
import { recordRemark } from './object-events.ts';
import { outlook } from './outlook.ts';
import { refusing } from './refuse.ts';
import { reportingWrites } from './report-writes.ts';
import type { StatusWriter } from './status-writer.ts';
import type { ReadStoredContent } from './stored-content.ts';
import type { WholeObjects } from './whole-objects.ts';
import type { LoggedIn, WriteResult, WriteSecrets } from './write-secrets.ts';

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

const SOON = (SECOND / 10) as DurationMs;
/** Quota that other objects free by shrinking is used this late; quota freed by a deletion, at once. */
const ROOM_AGAIN = (5 * MINUTE) as DurationMs;

export function createReconciler(parts: ReconcilerParts): Reconcile {
  const { view, logins, fence, writeSecrets, readStored, readmit, statuses, events, clock } = parts;
  const reportWrites = reportingWrites(events);
  const refuse = refusing({ statuses, events, clock });
  const doMeanwhile = doingMeanwhile({ writeSecrets, statuses, reportWrites, clock });

  /**
   * The object is not kept whole. If the quota has space by now, the operator reads it again, and its key comes
   * back; else the status says why.
   */
  const makeRoom = async (key: ObjectKey, object: PullSecretObject, signal: AbortSignal): Promise<Result> => {
    if (await readmit(key, object, signal)) return { op: 'done', wakeAt: undefined };
    view.quota.waits(key, object);
    const lookAgainAt = plus(clock.now(), ROOM_AGAIN);
    return await refuse(object, REASON.quotaExceeded, view.quota.reason(object), { lookAgainAt });
  };

  /** Writes the findings into the status, and returns when to reconcile again. */
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
    // Another object of the same name has its own attempt: these findings are not about it.
    const current = view.object(key);
    if (!current || since(object, current) === 'replaced') return { op: 'done', wakeAt: undefined };
    if (!(await statuses.write(current, nextStatus(current.status, findings, clock.now())))) return { op: 'retry' };
    return outlook(written, access, read(clock));
  };

  /** @param fitting  the logins that a Secret can take, when those that the object wants are too large for one */
  const writeAndReport = async (
    key: ObjectKey,
    request: LoggedIn,
    attempt: Attempt,
    tooLarge?: { readonly fitting: LoginsToWrite; readonly refusal: Findings['refusal'] & object },
  ): Promise<Result> => {
    const { object, wish, access } = request;
    const found = await writeSecrets({ object, wish, access: tooLarge?.fitting ?? access }, attempt);
    if (!found) return { op: 'retry' };
    const refusal = tooLarge?.refusal;
    const written = refusal ? { ...found, findings: { ...found.findings, refusal } } : found;
    reportWrites(request, written, attempt);
    return await report(key, object, written, access);
  };

  /** The rest once the logins are there: the writes, and the report of them. */
  const settle = async (key: ObjectKey, request: LoggedIn, attempt: Attempt): Promise<Result> => {
    const { object, access } = request;
    if (access.isFresh && access.remark !== undefined) recordRemark(events, object, access.remark);
    const message = sizeProblem(access.widened);
    if (message === undefined) return await writeAndReport(key, request, attempt);
    const refusal = { reason: REASON.secretTooLarge, message };
    // The Secrets' present content stays fresh, though they cannot take what the object now wants.
    const fitting = await readStored(object, access, attempt.signal);
    if (!fitting) return await refuse(object, refusal.reason, message, access);
    return await writeAndReport(key, request, attempt, { fitting, refusal });
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
    // The object changed during a request to the API server: reconcile it as it is now.
    if (!object || since(first, object) !== 'same' || first.reconcileAt !== object.reconcileAt)
      return { op: 'done', wakeAt: plus(clock.now(), SOON) };
    const access = logins.get(key, object, wish, standing.op === 'fetch' ? standing.after : ANY, signal);
    // The operator's own end cut the requests off: no failure of AWS, and nothing to report to users.
    if (signal.aborted && access.failures.length > 0) return { op: 'done', wakeAt: undefined };
    if (access.pendingFor !== undefined) return await doMeanwhile({ object, wish, access }, attempt, access.pendingFor);
    for (const { registry, needsChange, message, cause } of access.failures)
      log.warn('Could not log in', { kind: object.kind, registry, denied: needsChange, message }, cause);
    return await settle(key, { object, wish, access }, attempt);
  };
}
