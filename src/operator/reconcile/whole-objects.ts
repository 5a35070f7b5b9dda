// Objects that the operator serves though the quota lets it keep only a part of them: each reconciliation reads them
// again. So a user who makes an object grow costs no memory here, and its Secrets are still renewed, across restarts
// too.

import { RESOURCES } from '../../api/kinds.ts';
import type { ObjectKey } from '../../api/meta.ts';
import { isServed } from '../../core/quota.ts';
import { type PullSecretObject, since } from '../../core/resource.ts';
import type { KubeReader } from '../../kube/client.ts';
import type { Reconcile } from '../../kube/controller.ts';
import type { StoreWriter } from '../../kube/store.ts';
import type { ClusterView } from '../state/cluster-view.ts';
import { pullSecretOf } from '../state/reduced-objects.ts';

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
  readmit(key: ObjectKey, object: PullSecretObject, signal: AbortSignal): Promise<boolean>;
}

export function createWholeObjects({ client, view, store }: WholeObjectsParts): WholeObjects {
  const readNow = async (object: PullSecretObject, signal: AbortSignal): Promise<PullSecretObject | undefined> => {
    const { kind, namespace, name } = object;
    const raw = await client.find(RESOURCES[kind], namespace, name, signal);
    return raw && pullSecretOf(kind, raw);
  };

  return {
    reading: (reconcile) => async (key, attempt) => {
      const held = view.object(key);
      if (!held?.isWaiting || held.isCollected || !isServed(held)) return await reconcile(key, attempt);
      const whole = await readNow(held, attempt.signal);
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
    async readmit(key, object, signal) {
      const found = view.quota.hasRoom(object) ? await readNow(object, signal) : undefined;
      const whole = found && view.quota.reserve(found);
      if (!whole || whole.isWaiting) return false;
      store.complete(key, whole);
      // Deleted or replaced during the read: it does not count against the quota.
      if (view.object(key)?.uid !== whole.uid) view.quota.leave(key, whole);
      return true;
    },
  };
}
