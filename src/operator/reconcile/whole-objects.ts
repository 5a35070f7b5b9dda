// An object that is served, though there is no room for all of it in memory, is read again for each of its turns: so whoever makes an
// object grow makes nothing grow here, and what its Secrets hold is renewed all the same, through restarts too.

import { RESOURCES } from '../../api/kinds.ts';
import { isServed } from '../../core/quota.ts';
import type { KubeReader } from '../../kube/client.ts';
import type { Reconcile } from '../../kube/controller.ts';
import type { ClusterView } from '../state/cluster-view.ts';
import { pullSecretOf } from '../state/reduced-objects.ts';

export interface WholeObjectsParts {
  readonly client: Pick<KubeReader, 'find'>;
  readonly view: ClusterView;
}

/** @returns as `reconcile`, which is shown all of the object; it throws a Failure too when the object cannot be read */
export function readingWhole({ client, view }: WholeObjectsParts, reconcile: Reconcile): Reconcile {
  return async (key, attempt) => {
    const held = view.object(key);
    if (!held?.isWaiting || held.isCollected || !isServed(held)) return await reconcile(key, attempt);
    const { kind, namespace, name, uid } = held;
    const raw = await client.find(RESOURCES[kind], namespace, name, attempt.signal);
    const whole = raw && pullSecretOf(kind, raw);
    // Its going is still to be told by the watch, which makes another turn.
    if (whole?.uid !== uid) return { op: 'done', wakeAt: undefined };
    // Of another version the watch is still to tell: only what is held may take room.
    if (view.object(key)?.resourceVersion === whole.resourceVersion) {
      view.namespaced.complete(key, view.quota.admit(whole));
    }
    const giveBack = view.lend(key, whole);
    try {
      return view.object(key)?.isWaiting ? { op: 'retry' } : await reconcile(key, attempt);
    } finally {
      giveBack();
    }
  };
}
