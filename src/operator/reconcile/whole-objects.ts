// Objects that the operator serves though the quota lets it keep only a part of them: each reconciliation reads them
// again. So a user who makes an object grow costs no memory here, and its Secrets are still renewed, across restarts
// too.

import { isServed } from '../../core/quota.ts';
import { keyOf, type PullSecretObject, since } from '../../core/resource.ts';
import type { KubeReader } from '../../kube/client.ts';
import type { Reconcile } from '../../kube/controller.ts';
import type { StoreWriter } from '../../kube/store.ts';
import type { ClusterView } from '../state/cluster-view.ts';
import { readObject } from '../state/read-object.ts';

export interface WholeObjectsParts {
  readonly client: Pick<KubeReader, 'find'>;
  readonly view: ClusterView;
  readonly store: Pick<StoreWriter<PullSecretObject>, 'complete'>;
}

export interface WholeObjects {
  /** @returns as `reconcile`, which gets the whole object; it throws a Failure too when the object cannot be read */
  reading(reconcile: Reconcile): Reconcile;
  /**
   * Reads an object that waits for quota again, if there is space by now.
   *
   * @returns whether it is kept whole from now on: its key then comes back by itself, if it still exists
   * @throws Failure when it cannot be read
   */
  readmit(object: PullSecretObject, signal: AbortSignal): Promise<boolean>;
}

export function createWholeObjects({ client, view, store }: WholeObjectsParts): WholeObjects {
  return {
    reading: (reconcile) => async (key, attempt) => {
      const held = view.object(key);
      if (!held?.isWaiting || held.isCollected || !isServed(held)) return await reconcile(key, attempt);
      const whole = await readObject(client, held, attempt.signal);
      // The watch has yet to show the deletion, which causes another attempt.
      if (!whole || since(held, whole) === 'replaced') return { op: 'done', wakeAt: undefined };
      // The watch has yet to show another version: only what is held may count against the quota.
      if (view.object(key)?.resourceVersion === whole.resourceVersion) store.complete(key, view.quota.reserve(whole));
      const giveBack = view.lend(key, whole);
      try {
        return view.object(key)?.isWaiting ? { op: 'retry' } : await reconcile(key, attempt);
      } finally {
        giveBack();
      }
    },
    async readmit(object, signal) {
      const found = view.quota.hasRoom(object) ? await readObject(client, object, signal) : undefined;
      const whole = found && view.quota.reserve(found);
      if (!whole || whole.isWaiting) return false;
      store.complete(keyOf(whole), whole);
      // Deleted or replaced during the read: it does not count against the quota.
      if (view.object(keyOf(whole))?.uid !== whole.uid) view.quota.leave(whole);
      return true;
    },
  };
}
