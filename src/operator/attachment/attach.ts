// Brings one ServiceAccount to what all objects together want of it.
//
// Guarantees: the operator adds an entry only while the Secret that it names is the claimant's own, and takes away only
// what its annotation on the account lists. An object that cannot be read, a namespace that cannot be decided and a
// store that is behind take nothing away: an entry goes with its Secret, or when the object no longer asks for it. What
// somebody undoes again and again is done ever less often; nobody's own changes count as that.

import { type ObjectKey, objectKey } from '../../api/meta.ts';
import { ownPart, planAttachment, type SeenAccount } from '../../core/attachment.ts';
import { keyOf } from '../../core/resource.ts';
import { ApiError } from '../../kube/api-error.ts';
import type { KubeWriter } from '../../kube/client.ts';
import type { Reconcile, Result } from '../../kube/controller.ts';
import type { StoreWriter } from '../../kube/store.ts';
import { failureFrom } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { type Clock, type DurationMs, MINUTE, plus } from '../../lib/time.ts';
import { createRepairBackoff, SETTLED_AFTER } from '../secrets/repair-backoff.ts';
import type { ClusterView } from '../state/cluster-view.ts';
import { writingAccounts } from './account-writer.ts';
import { claimsOn, keeps } from './claims.ts';

export interface AttacherParts {
  readonly view: ClusterView;
  readonly client: Pick<KubeWriter, 'patch'>;
  readonly store: Pick<StoreWriter<SeenAccount>, 'wrote'>;
  readonly clock: Clock;
  /** Gets the key of every object of whose accounts there is something else to say. */
  readonly onAttachment: (key: ObjectKey) => void;
}

export interface Attacher {
  /** Of the key of a ServiceAccount. */
  readonly reconcile: Reconcile;
  /** Why an account is not as it should be, in a sentence for users. */
  problemOf(account: ObjectKey): string | undefined;
}

const DONE: Result = { op: 'done', wakeAt: undefined };
/** A write that a right or a policy refuses is tried again this often: its mending brings no event. */
const REFUSED_AGAIN = MINUTE;
const REFUSALS: ReadonlySet<number> = new Set([400, 403, 422]);
const CONTESTED =
  'another writer undoes the change again and again: the operator makes it less and less often; let that writer keep imagePullSecrets and the annotation as they are';

/** @param writes  ends writes under way */
export function createAttacher(parts: AttacherParts, writes: AbortSignal): Attacher {
  const { view, clock, onAttachment } = parts;
  const write = writingAccounts(parts.client, parts.store, writes);
  const undone = createUndone(clock);
  const problems = new Map<ObjectKey, string>();
  const tell = (key: ObjectKey, namespace: string, problem: string | undefined): void => {
    if (problems.get(key) === problem) return;
    if (problem === undefined) problems.delete(key);
    else problems.set(key, problem);
    for (const object of view.attachments.claimants(namespace)) onAttachment(keyOf(object));
  };
  const later = (wait: DurationMs): Result => ({ op: 'done', wakeAt: plus(clock.now(), wait) });

  return {
    problemOf: (account) => problems.get(account),
    async reconcile(key, { signal, log }) {
      const account = view.accounts.get(key);
      if (!account || account.deleting) {
        problems.delete(key);
        undone.forget(key);
        return DONE;
      }
      const { namespace } = account;
      const plan = planAttachment(account, claimsOn(view, account), (entry) => keeps(view, account, entry));
      if (!plan) {
        // A problem that was told ends once the account has been left alone for a while.
        const isTold = problems.get(key) === CONTESTED;
        if (undone.isSettling(account, isTold, () => view.accounts.isUnseen(key))) return later(SETTLED_AFTER);
        tell(key, namespace, undefined);
        return DONE;
      }
      const wait = undone.wait(account);
      if (wait > 0) {
        tell(key, namespace, CONTESTED);
        return later(wait);
      }
      if (signal.aborted) return DONE;
      try {
        if (!(await write(account, plan))) return { op: 'retry' };
      } catch (thrown) {
        tell(key, namespace, failureFrom(thrown).message);
        if (!(thrown instanceof ApiError && REFUSALS.has(thrown.status))) throw thrown;
        log.warn('Could not change the ServiceAccount; trying again', { message: thrown.message }, thrown);
        return later(REFUSED_AGAIN);
      }
      undone.wrote(account, ownPart(plan));
      report(log, account, plan.added, plan.pullSecrets);
      return later(SETTLED_AFTER);
    },
  };
}

function report(log: Logger, account: SeenAccount, added: readonly string[], now: readonly string[]): void {
  const removed = account.pullSecrets.filter((name) => !now.includes(name));
  if (added.length > 0) log.info('Attached', { secrets: added.join(' ') });
  if (removed.length > 0) log.info('Detached', { secrets: removed.join(' ') });
}

/**
 * How the operator's own part of each account was left, and how long what somebody has undone must wait. The first
 * write after a start, and those that follow a change of what is wanted, wait for nothing.
 */
function createUndone(clock: Clock) {
  const repairs = createRepairBackoff(clock);
  const left = new Map<ObjectKey, { readonly uid: string; readonly part: string }>();
  const keyOfAccount = ({ namespace, name }: SeenAccount): ObjectKey => objectKey(namespace, name);
  const isUndone = (account: SeenAccount): boolean => {
    const before = left.get(keyOfAccount(account));
    return before?.uid === account.uid && before.part !== ownPart(account);
  };
  return {
    wait: (account: SeenAccount): DurationMs => (isUndone(account) ? repairs.wait(account.uid) : (0 as DurationMs)),
    isSettling: (account: SeenAccount, isTold: boolean, isUnseen: () => boolean): boolean =>
      repairs.isSettling(account.uid, isTold, isUnseen),
    /** @param account  as it was before the write */
    wrote(account: SeenAccount, part: string): void {
      if (isUndone(account)) repairs.repaired(account.uid);
      left.set(keyOfAccount(account), { uid: account.uid, part });
    },
    forget: (key: ObjectKey): void => void left.delete(key),
  };
}
