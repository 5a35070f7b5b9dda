// Which of an object's Secrets to read first in search of a login that its status announces.

import { isOwned } from '../../core/plan.ts';
import type { PullSecretObject } from '../../core/resource.ts';
import type { SeenSecret } from '../../core/seen-secret.ts';
import { likeliestFirst } from '../../core/stored-login.ts';
import type { ClusterView } from '../state/cluster-view.ts';

/** @param logins  no user knows their digests beforehand, so none knows the order */
export function likeliestSecrets(
  view: Pick<ClusterView, 'wish' | 'secretsOf'>,
  object: PullSecretObject,
  logins: readonly { readonly digest: string }[],
): readonly SeenSecret[] {
  const wish = view.wish(object);
  const named = new Set(typeof wish === 'string' ? [] : wish.targets.named);
  const owned = [...view.secretsOf(object.uid)].filter((seen) => isOwned(seen, object.uid) && !seen.deleting);
  return likeliestFirst(owned, named, logins.map(({ digest }) => digest).join());
}
