// Which objects a change of the cluster concerns: their keys are worked on.

import { type ObjectKey, objectKey, splitKey } from '../../api/meta.ts';
import { concerns } from '../../core/desired.ts';
import { differInStatusOnly, keyOf, type PullSecretObject } from '../../core/resource.ts';
import type { SeenSecret } from '../../core/seen-secret.ts';
import type { Change, StoreReader } from '../../kube/store.ts';
import type { ObjectIndex } from './object-index.ts';
import type { ObjectQuota } from './object-quota.ts';
import type { StoredNamespace } from './reduced-objects.ts';

/** Is notified of changes. */
export interface ClusterListener {
  /** Gets the key of every object that a change may concern. */
  readonly enqueue: (key: ObjectKey) => void;
  /** Gets the key of every object that others changed, but in nothing that is kept of it except its status. */
  readonly onStatus: (key: ObjectKey) => void;
  /** Gets the key of every object of the deprecated kind that changed, or whose successor may have. */
  readonly onLegacy: (key: ObjectKey) => void;
  /** Gets the uid of an object that is gone. */
  readonly onGone: (uid: string) => void;
  /** Gets the key of a Secret with AWS keys that changed. */
  readonly onCredentials: (key: ObjectKey) => void;
  /** Gets the key of every ServiceAccount that a change may concern. */
  readonly onAccount: (key: ObjectKey) => void;
  /** Gets the key of every object whose status says something else of its ServiceAccounts now. */
  readonly onAttachment: (key: ObjectKey) => void;
}

export interface NewsParts {
  readonly index: ObjectIndex;
  readonly quota: ObjectQuota;
  /** Whether an object wants a Secret in this namespace. */
  readonly wants: (object: PullSecretObject, namespace: string) => boolean;
  readonly objectsOfCluster: () => StoreReader<PullSecretObject>;
  /** Keys of the Secrets without owner whose label names the object with this uid. */
  readonly ownerless: (uid: string) => Iterable<ObjectKey>;
  /** Whether there is an object of the deprecated kind with this key. */
  readonly isLegacy: (key: ObjectKey) => boolean;
  readonly listener: () => ClusterListener | undefined;
}

/** Takes each change of a store. */
export interface News {
  ofObject(change: Change<PullSecretObject>): void;
  ofSecret(change: Change<SeenSecret>): void;
  ofNamespace(change: Change<StoredNamespace>): void;
  ofCredentials(change: Pick<Change<unknown>, 'key'>): void;
}

export function createNews(parts: NewsParts): News {
  const { index, quota, wants, objectsOfCluster, ownerless, isLegacy, listener } = parts;
  const enqueue = (key: ObjectKey): void => listener()?.enqueue(key);

  const enqueueOwner = ({ ownerUidLabel }: SeenSecret): void => {
    const owner = ownerUidLabel === undefined ? undefined : index.byUid(ownerUidLabel);
    if (owner) enqueue(keyOf(owner));
  };

  /** Every object that wants this Secret. */
  const enqueueWanting = (secret: ObjectKey): void => {
    const { namespace, name } = splitKey(secret);
    for (const key of index.wanting(secret)) enqueue(key);
    if (namespace === undefined) return;
    for (const key of index.wanting(objectKey(undefined, name))) {
      const object = objectsOfCluster().get(key);
      // An event in one namespace costs nothing for objects that do not want a Secret there.
      if (object && wants(object, namespace)) enqueue(key);
    }
  };

  const forget = (object: PullSecretObject): void => {
    listener()?.onGone(object.uid);
    const next = quota.leave(object);
    if (next !== undefined) enqueue(next);
    // From now on they are offered to whoever wants them.
    for (const secret of ownerless(object.uid)) enqueueWanting(secret);
  };

  /** A Secret that one object gives up may be what another one waits for. */
  const givesUp = (wanted: ObjectKey, after: PullSecretObject | undefined): void => {
    if (!after || index.secretKey(after) !== wanted) enqueueWanting(wanted);
  };

  return {
    ofObject({ key, before, after, own }) {
      if (before && before.uid !== after?.uid) forget(before);
      if (isLegacy(key)) listener()?.onLegacy(key);
      if (own) return;
      if (before && after && differInStatusOnly(before, after)) return listener()?.onStatus(key);
      enqueue(key);
      if (before) givesUp(index.secretKey(before), after);
    },
    ofSecret({ key, before, after, own }) {
      const changesHands = before?.ownerUidLabel !== after?.ownerUidLabel;
      // The operator's own write is no news to the object that it was done for; a hand-over is, to the former owner.
      if (before && (changesHands || !own)) enqueueOwner(before);
      if (own) {
        // It may be offered for adoption before the answer to the write, and the write may change what it opens.
        if (after?.offeredTo !== undefined && isOfferedAnew(before, after)) enqueueWanting(key);
        return;
      }
      if (after) enqueueOwner(after);
      // The Secret is gone, has another owner, or is offered for adoption: the objects that wait for it look again.
      if (!after || changesHands || isOfferedAnew(before, after)) enqueueWanting(key);
    },
    ofNamespace({ before, after }) {
      // Those of the namespaced kind are deleted together with their namespace.
      for (const [key, object] of objectsOfCluster().entries()) {
        const wish = index.wish(object);
        if (typeof wish !== 'string' && concerns(wish.targets, before, after)) enqueue(key);
      }
    },
    ofCredentials({ key }) {
      listener()?.onCredentials(key);
      for (const object of index.referringTo(key)) enqueue(object);
    },
  };
}

/** Whether it is offered to another object than before, or, offered or without an owner, opens other hosts. */
function isOfferedAnew(before: SeenSecret | undefined, after: SeenSecret): boolean {
  if (before?.offeredTo !== after.offeredTo || before?.hasOwners !== after.hasOwners) return true;
  return (after.offeredTo !== undefined || !after.hasOwners) && before.contentDigest !== after.contentDigest;
}
