// Brings one ServiceAccount to what all objects together want of it.
//
// Guarantees: the operator adds an entry only while the Secret that it names is the claimant's own, and takes away only
// what its annotation on the account lists. An object that cannot be read, a namespace that cannot be decided and a
// store that is behind take nothing away: an entry goes with its Secret, or when the object no longer asks for it.

import { type ObjectKey, objectKey } from '../../api/meta.ts';
import { type Claim, planAttachment, type SeenAccount, selectsAccount } from '../../core/attachment.ts';
import { isOwned } from '../../core/plan.ts';
import { keyOf, type PullSecretObject, type Wish } from '../../core/resource.ts';
import type { KubeWriter } from '../../kube/client.ts';
import type { Reconcile, Result } from '../../kube/controller.ts';
import type { StoreWriter } from '../../kube/store.ts';
import { failureFrom } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { type Clock, type DurationMs, plus, seconds } from '../../lib/time.ts';
import { createRepairBackoff, type RepairBackoff, SETTLED_AFTER } from '../secrets/repair-backoff.ts';
import type { ClusterView } from '../state/cluster-view.ts';
import { writingAccounts } from './account-writer.ts';

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
/** A refused write is tried again this often: a right that is granted later brings no event. */
const REFUSED_AGAIN: DurationMs = seconds(60);
const CONTESTED =
  'another writer takes the entry away again and again: the operator adds it less and less often; let that writer keep imagePullSecrets as they are';

/** @param writes  ends writes under way */
export function createAttacher(parts: AttacherParts, writes: AbortSignal): Attacher {
  const { view, clock, onAttachment } = parts;
  const write = writingAccounts(parts.client, parts.store, writes);
  const repairs = createRepairBackoff(clock);
  const problems = new Map<ObjectKey, string>();
  const tell = (key: ObjectKey, namespace: string, problem: string | undefined): void => {
    if (problems.get(key) === problem) return;
    if (problem === undefined) problems.delete(key);
    else problems.set(key, problem);
    for (const object of view.attachments.claimants(namespace)) onAttachment(keyOf(object));
  };

  return {
    problemOf: (account) => problems.get(account),
    async reconcile(key, { signal, log }) {
      const account = view.accounts.get(key);
      if (!account || account.deleting) {
        problems.delete(key);
        return DONE;
      }
      const plan = planAttachment(account, claimsOn(view, account), (entry) => keeps(view, account, entry));
      if (!plan) return rest(parts, repairs, key, () => tell(key, account.namespace, undefined), problems);
      const wait = plan.added.length > 0 ? repairs.wait(key) : 0;
      if (wait > 0) {
        tell(key, account.namespace, CONTESTED);
        return { op: 'done', wakeAt: plus(clock.now(), wait as DurationMs) };
      }
      if (signal.aborted) return DONE;
      try {
        if (!(await write(account, plan))) return { op: 'retry' };
      } catch (thrown) {
        const { message, delay } = failureFrom(thrown);
        tell(key, account.namespace, message);
        log.warn('Could not change the ServiceAccount; trying again', { message }, thrown);
        return { op: 'done', wakeAt: plus(clock.now(), delay ?? REFUSED_AGAIN) };
      }
      if (plan.added.length > 0) repairs.repaired(key);
      report(log, account, plan.added, plan.pullSecrets);
      return { op: 'done', wakeAt: plus(clock.now(), SETTLED_AFTER) };
    },
  };
}

/** The account is as it should be: a problem that was told ends once it has been left alone for a while. */
function rest(
  { view, clock }: AttacherParts,
  repairs: RepairBackoff,
  key: ObjectKey,
  end: () => void,
  problems: ReadonlyMap<ObjectKey, string>,
): Result {
  const isTold = problems.get(key) === CONTESTED;
  if (repairs.isSettling(key, isTold, () => view.accounts.isUnseen(key)))
    return { op: 'done', wakeAt: plus(clock.now(), SETTLED_AFTER) };
  end();
  return DONE;
}

function report(log: Logger, account: SeenAccount, added: readonly string[], now: readonly string[]): void {
  const removed = account.pullSecrets.filter((name) => !now.includes(name));
  if (added.length > 0) log.info('Attached', { secrets: added.join(' ') });
  if (removed.length > 0) log.info('Detached', { secrets: removed.join(' ') });
}

/** What the objects of the cluster want this account to name: each Secret that is in place and its object's own. */
function claimsOn(view: ClusterView, account: SeenAccount): readonly Claim[] {
  const claims = new Map<string, Claim>();
  for (const object of view.attachments.claimants(account.namespace)) {
    const wish = view.wish(object);
    if (typeof wish === 'string' || object.isCollected || !asksFor(wish, account)) continue;
    const { secretName } = wish;
    const isIn = holds(view, account.namespace, { secretName, uid: object.uid }) === 'own';
    if (isIn && view.wants(object, account.namespace)) claims.set(secretName, { secretName, uid: object.uid });
  }
  return [...claims.values()];
}

function asksFor({ accounts }: Wish, account: SeenAccount): boolean {
  return accounts !== undefined && selectsAccount(accounts, account) === 'yes';
}

/** Whether an entry that no claim names stays: its Secret is still there, or is only away for a moment. */
function keeps(view: ClusterView, account: SeenAccount, entry: Claim): boolean {
  const { namespace } = account;
  const owner = view.objectByUid(entry.uid);
  const held = holds(view, namespace, entry);
  if (!owner || owner.isCollected) return held === 'own';
  const wish = view.wish(owner);
  if (typeof wish === 'string') return true;
  const asked = wish.accounts && selectsAccount(wish.accounts, account);
  if (wish.secretName !== entry.secretName || asked === undefined || asked === 'no') return false;
  return held === 'none' ? isStillWanted(view, owner, namespace) : held === 'own';
}

function isStillWanted(view: ClusterView, owner: PullSecretObject, namespace: string): boolean {
  return view.wants(owner, namespace) && !view.rivalOf(owner, namespace, secretNameOf(view, owner), false);
}

function secretNameOf(view: ClusterView, owner: PullSecretObject): string {
  const wish = view.wish(owner);
  return typeof wish === 'string' ? '' : wish.secretName;
}

/** What is in the place of a pull Secret, as far as the operator watches it. */
function holds(view: ClusterView, namespace: string, { secretName, uid }: Claim): 'own' | 'other' | 'none' {
  const secret = view.secrets.get(objectKey(namespace, secretName));
  if (!secret) return 'none';
  return isOwned(secret, uid) ? 'own' : 'other';
}
