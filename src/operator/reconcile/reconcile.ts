// The loop body for one key: observe, log in, plan, apply, write the status, choose when to reconcile again.
//
// Guarantees: a Secret that holds a good login keeps it, whatever happens. A failure in one namespace or at one
// registry does not stop the others. The next attempt is always later than now. The loop reads everything from the
// stores when it uses it, and carries nothing over from an event.

import { REASON } from '../../api/names.ts';
import { type PullSecretObject, since } from '../../core/resource.ts';
import { SOON } from '../../core/wake.ts';
import type { KubeReader, KubeWriter } from '../../kube/client.ts';
import type { Reconcile, Result } from '../../kube/controller.ts';
import type { EventRecorder } from '../../kube/events.ts';
import { sameJson } from '../../lib/json.ts';
import { type Clock, type DurationMs, MINUTE, plus } from '../../lib/time.ts';
import type { FindAttachments } from '../attachment/attachment-findings.ts';
import type { LoginBook } from '../login/login-book.ts';
import type { ObjectLogins } from '../login/object-logins.ts';
import type { PullProbes } from '../login/pull-probe.ts';
import { confirmingPrune } from '../secrets/prune.ts';
import type { Rollout } from '../secrets/rollout.ts';
import type { SecretWriter } from '../secrets/secret-writer.ts';
import type { ClusterState } from '../state/cluster-view.ts';
import { createFence } from './login-fence.ts';
import { doingMeanwhile } from './meanwhile.ts';
import { refusing } from './refuse.ts';
import { settling } from './settle.ts';
import { createStatusWriter } from './status-writer.ts';
import { createWholeObjects } from './whole-objects.ts';
import { writingSecrets } from './write-secrets.ts';

export interface ReconcilerParts {
  readonly client: Pick<KubeReader, 'find' | 'list'> & Pick<KubeWriter, 'patchStatus' | 'replaceStatus'>;
  readonly state: ClusterState;
  readonly logins: LoginBook;
  readonly objectLogins: ObjectLogins;
  readonly rollout: Rollout;
  readonly findAttachments: FindAttachments;
  readonly probes: Pick<PullProbes, 'look'>;
  readonly secrets: SecretWriter;
  readonly events: EventRecorder;
  readonly clock: Clock;
  /** Ends writes under way. */
  readonly writes: AbortSignal;
}

/** Quota that other objects free by shrinking is used this late; quota freed by a deletion, at once. */
const ROOM_AGAIN = (5 * MINUTE) as DurationMs;

export function createReconciler(parts: ReconcilerParts): Reconcile {
  const { client, state, logins, objectLogins, rollout, findAttachments, probes, secrets, events, clock, writes } =
    parts;
  const { view, stores } = state;
  const statuses = createStatusWriter({ client, view, stores, clock }, writes);
  const fence = createFence({ client, view, store: stores.secrets, logins, statuses, clock });
  const whole = createWholeObjects({ client, view, store: stores.namespaced });
  const confirmPrune = confirmingPrune(client);
  const writeSecrets = writingSecrets({ view, fence, rollout, secrets, confirmPrune, clock });
  const refuse = refusing({ statuses, events, clock });
  const doMeanwhile = doingMeanwhile({ writeSecrets, statuses, events, clock });
  const settle = settling({
    client,
    view,
    writeSecrets,
    findAttachments,
    probes,
    statuses,
    fence,
    refuse,
    events,
    clock,
  });

  /**
   * The object is not kept whole. If the quota has space by now, the operator reads it again, and its key comes
   * back; else the status says why.
   */
  const makeRoom = async (object: PullSecretObject, signal: AbortSignal): Promise<Result> => {
    if (await whole.readmit(object, signal)) return { op: 'done', wakeAt: undefined };
    view.quota.waits(object);
    const refusal = { reason: REASON.quotaExceeded, message: view.quota.reason(object) };
    return await refuse(object, refusal, { lookAgainAt: plus(clock.now(), ROOM_AGAIN) });
  };

  return whole.reading(async (key, attempt) => {
    const { signal, log } = attempt;
    const first = view.object(key);
    if (!first || first.isCollected) {
      objectLogins.forget(key);
      return { op: 'done', wakeAt: undefined };
    }
    if (first.isWaiting) return await makeRoom(first, signal);
    const wish = view.wish(first);
    if (typeof wish === 'string') return await refuse(first, { reason: REASON.invalidSpec, message: wish });
    const standing = await fence.standing(first, wish.registries, signal);
    if (standing.op === 'wait') return { op: 'done', wakeAt: standing.until };
    const object = view.object(key);
    // The object changed during a request to the API server: reconcile it as it is now.
    if (!object || !asksTheSame(first, object)) return { op: 'done', wakeAt: plus(clock.now(), SOON) };
    const found = objectLogins.get(object, wish, standing.op === 'fetch' ? standing.after : new Map(), signal);
    // The operator's own end cut the requests off: no failure of AWS, and nothing to report to users.
    if (signal.aborted && found.failures.length > 0) return { op: 'done', wakeAt: undefined };
    if (found.pendingFor !== undefined)
      return await doMeanwhile({ object, wish, lost: new Set() }, found, found.pendingFor, attempt);
    for (const { registry, needsChange, message, cause } of found.failures)
      log.warn('Could not log in', { kind: object.kind, registry, denied: needsChange, message }, cause);
    const failed = found.failures.map(({ registry }) => registry);
    const lost = new Set(standing.op === 'fetch' ? failed.filter((registry) => standing.after.has(registry)) : []);
    return await settle({ object, wish, lost }, found, attempt);
  });
}

/** Whether all that the fence and the logins depend on is as before. */
function asksTheSame(before: PullSecretObject, now: PullSecretObject): boolean {
  if (since(before, now) !== 'same' || before.reconcileAt !== now.reconcileAt) return false;
  // Another operator that announces a login meanwhile has passed the fence first.
  return sameJson(before.status.logins ?? [], now.status.logins ?? []);
}
