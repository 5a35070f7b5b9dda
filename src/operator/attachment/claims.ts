// What the objects of the cluster want one ServiceAccount to name, and which of its entries stay without that.

import { objectKey } from '../../api/meta.ts';
import { type Claim, type SeenAccount, selectsAccount } from '../../core/attachment.ts';
import { isOwned } from '../../core/plan.ts';
import type { PullSecretObject, Wish } from '../../core/resource.ts';
import type { Match } from '../../core/selector.ts';
import type { ClusterView } from '../state/cluster-view.ts';

/** Each Secret that is in place and its object's own, of the objects that ask for the account. */
export function claimsOn(view: ClusterView, account: SeenAccount): readonly Claim[] {
  const claims = new Map<string, Claim>();
  for (const object of view.attachments.claimants(account.namespace)) {
    const wish = view.wish(object);
    if (typeof wish === 'string' || object.isCollected || asks(wish, account) !== 'yes') continue;
    const claim = { secretName: wish.secretName, uid: object.uid };
    if (holds(view, account.namespace, claim) === 'own' && view.wants(object, account.namespace))
      claims.set(claim.secretName, claim);
  }
  return [...claims.values()];
}

/** `undecided`: what the object asks for is not known, or whether that is this account. */
function asks({ accounts }: Wish, account: SeenAccount): Match {
  if (accounts === undefined) return 'no';
  return typeof accounts === 'string' ? 'undecided' : selectsAccount(accounts, account);
}

/** Whether an entry that no claim names stays: its Secret is still there, or is only away for a moment. */
export function keeps(view: ClusterView, account: SeenAccount, entry: Claim): boolean {
  const { namespace } = account;
  const owner = view.objectByUid(entry.uid);
  const held = holds(view, namespace, entry);
  if (!owner || owner.isCollected) return held === 'own' || (held === 'none' && isWantedAnew(view, account, entry));
  const wish = view.wish(owner);
  // Of an object without room most of the spec is not kept.
  if (typeof wish === 'string' || owner.isWaiting) return held !== 'other';
  if (wish.secretName !== entry.secretName || asks(wish, account) === 'no') return false;
  if (held !== 'none') return held === 'own';
  return isStillWanted(view, owner, wish, namespace) || isWantedAnew(view, account, entry);
}

function isStillWanted(view: ClusterView, owner: PullSecretObject, wish: Wish, namespace: string): boolean {
  return view.wants(owner, namespace) && !view.rivalOf(owner, namespace, wish.secretName, false);
}

/** Another object asks for the same, and is about to take the Secret over, or to make it anew. */
function isWantedAnew(view: ClusterView, account: SeenAccount, { secretName }: Claim): boolean {
  for (const object of view.attachments.claimants(account.namespace)) {
    const wish = view.wish(object);
    if (typeof wish === 'string' || wish.secretName !== secretName || object.isCollected) continue;
    if (asks(wish, account) === 'yes' && view.wants(object, account.namespace)) return true;
  }
  return false;
}

/** What is in the place of a pull Secret, as far as the operator watches it; `none`: nothing, or nobody's. */
function holds(view: ClusterView, namespace: string, { secretName, uid }: Claim): 'own' | 'other' | 'none' {
  const secret = view.secrets.get(objectKey(namespace, secretName));
  if (!secret?.hasOwners) return 'none';
  return isOwned(secret, uid) ? 'own' : 'other';
}
