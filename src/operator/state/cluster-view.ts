// Everything that was last seen, with the indexes that decisions need, and the map from a change to the keys it concerns.

import { type ObjectKey, objectKey, splitKey } from '../../api/meta.ts';
import { NAMESPACED_KIND } from '../../api/names.ts';
import { type LegacyObject, type Predecessor, predecessorOf } from '../../core/conversion.ts';
import { concerns, isTarget, type NamespaceView } from '../../core/desired.ts';
import type { SeenSecret } from '../../core/plan.ts';
import { isOlder, keyOf, type PullSecretObject, type Wish } from '../../core/resource.ts';
import { type Change, createStore, type Store, type StoreReader } from '../../kube/store.ts';
import { createIndexBy } from './index-by.ts';
import { createObjectIndex } from './object-index.ts';
import { createObjectQuota, type ObjectQuota } from './object-quota.ts';
import type { StoredNamespace } from './reduced-objects.ts';

export interface ClusterView {
  readonly namespaced: StoreReader<PullSecretObject>;
  readonly cluster: StoreReader<PullSecretObject>;
  readonly secrets: StoreReader<SeenSecret>;
  readonly namespaces: StoreReader<StoredNamespace>;
  /** Objects of the original's deprecated kind, to be converted. */
  readonly legacy: StoreReader<LegacyObject>;
  /** Secrets that ask to be watched for changed AWS keys. */
  readonly credentials: StoreReader<{ readonly resourceVersion: string }>;
  /** The CR with this key: `namespace/name`, or `/name` for the cluster kind. */
  object(key: ObjectKey): PullSecretObject | undefined;
  /**
   * Has `object` give all of an object that is not kept whole, as long as it wants what `whole` says.
   *
   * @returns to be called when that is not needed any more
   */
  lend(key: ObjectKey, whole: PullSecretObject): () => void;
  /** The object of the deprecated kind that had, or has, this key: when it is gone, the collector comes for its Secrets. */
  predecessor(key: ObjectKey): Predecessor | undefined;
  objectByUid(uid: string): PullSecretObject | undefined;
  objects(): Iterable<PullSecretObject>;
  /** Kind of an older CR that wants the Secret of this name in this namespace too. */
  rivalOf(object: PullSecretObject, namespace: string, secretName: string): string | undefined;
  /** How much of each namespace is kept. What is put into the stores of objects has passed its `admit`. */
  readonly quota: ObjectQuota;
  /** What a CR wants, read once for each spec that it has. */
  wish(object: PullSecretObject): Wish | string;
  /** Every Secret whose label says that it was written for the CR with this uid. */
  secretsOf(uid: string): Iterable<SeenSecret>;
  namespaceViews(): ReadonlyMap<string, NamespaceView>;
}

/** What the view shows, to be filled: by reflectors, and by whoever is given one of them to take note of its own writes. */
export interface ClusterStores {
  readonly namespaced: Store<PullSecretObject>;
  readonly cluster: Store<PullSecretObject>;
  readonly secrets: Store<SeenSecret>;
  readonly namespaces: Store<StoredNamespace>;
  readonly legacy: Store<LegacyObject>;
  readonly credentials: Store<{ readonly resourceVersion: string }>;
}

export interface ClusterState {
  readonly view: ClusterView;
  readonly stores: ClusterStores;
  /** From now on `listener` is told of changes: one, before anything is watched. */
  follow(this: void, listener: ClusterListener): void;
}

/** Whoever follows the news. */
export interface ClusterListener {
  /** Told the key of every CR that a change may concern. */
  readonly enqueue: (key: ObjectKey) => void;
  /** Told the key of every object of the deprecated kind that changed, or whose successor may have. */
  readonly onLegacy: (key: ObjectKey) => void;
  /** Told of a CR that is gone. */
  readonly onGone: (uid: string) => void;
  /** Told of a Secret with AWS keys that changed. */
  readonly onCredentials: (key: ObjectKey) => void;
}

export interface ClusterViewOptions {
  /** Namespace in which the cluster kind's `secretRef` looks. */
  readonly operatorNamespace: string;
  /** Objects of one namespace that are kept whole. */
  readonly objectsPerNamespace: number;
}

export function createClusterView({ operatorNamespace, objectsPerNamespace }: ClusterViewOptions): ClusterState {
  let listener: ClusterListener | undefined;
  const enqueue = (key: ObjectKey): void => listener?.enqueue(key);
  const quota = createObjectQuota(objectsPerNamespace);
  const index = createObjectIndex(operatorNamespace);
  /** Keys of Secrets, by the uid of the object that their label names. */
  const secretsByOwner = createIndexBy<ObjectKey>();
  const namespaceViews = new Map<string, NamespaceView>();
  const predecessors = new Map<ObjectKey, Predecessor>();
  const lent = new Map<ObjectKey, PullSecretObject>();

  const onObject = ({ key, before, after, own }: Change<PullSecretObject>): void => {
    index.update(key, before, after);
    if (before && before.uid !== after?.uid) {
      listener?.onGone(before.uid);
      const next = quota.leave(key, before);
      if (next !== undefined) enqueue(next);
    }
    if (legacy.get(key)) listener?.onLegacy(key);
    if (own) return;
    enqueue(key);
    // A Secret that one object gives up may be what another one waits for.
    const wanted = before && index.secretKey(before);
    if (wanted !== undefined && (!after || index.secretKey(after) !== wanted)) enqueueWanting(wanted);
  };

  const onSecret = (change: Change<SeenSecret>): void => {
    const { key, before, after } = change;
    if (before?.ownerUidLabel !== undefined) secretsByOwner.remove(before.ownerUidLabel, key);
    if (after?.ownerUidLabel !== undefined) secretsByOwner.add(after.ownerUidLabel, key);
    enqueueAffected(change);
  };

  const enqueueAffected = ({ key, before, after, own }: Change<SeenSecret>): void => {
    const changesHands = before?.ownerUidLabel !== after?.ownerUidLabel;
    // A write of our own is no news to the CR that it was done for; a hand-over is news to the one that had it before.
    if (before && (changesHands || !own)) enqueueOwner(before);
    if (own) return;
    if (after) enqueueOwner(after);
    // The place is free, in other hands, or offered to somebody: whoever waits for it looks again.
    if (!after || changesHands || isOfferedAnew(before, after)) enqueueWanting(key);
  };

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
      const object = cluster.get(key);
      // What happens in one namespace costs nothing for objects that are not about it.
      if (object && wants(object, namespace)) enqueue(key);
    }
  };

  const onNamespace = ({ key, before, after }: Change<StoredNamespace>): void => {
    const name = (after ?? before)?.name ?? key;
    if (after) namespaceViews.set(name, after);
    else namespaceViews.delete(name);
    for (const [objectKey, object] of cluster.entries()) {
      const wanted = index.wish(object);
      if (typeof wanted !== 'string' && concerns(wanted.targets, before, after)) enqueue(objectKey);
    }
    // The namespaced kind follows its namespace by itself: it is deleted with it.
  };

  const onCredentialSecret = ({ key }: Change<{ readonly resourceVersion: string }>): void => {
    listener?.onCredentials(key);
    for (const object of index.referringTo(key)) enqueue(object);
  };

  const legacy = createStore<LegacyObject>(({ key, after }) => {
    if (!after) return;
    predecessors.set(key, predecessorOf(after));
    listener?.onLegacy(key);
  });
  const namespaced = createStore(onObject);
  const cluster = createStore(onObject);
  const wants = (object: PullSecretObject, namespace: string): boolean => {
    const wanted = index.wish(object);
    const view = namespaceViews.get(namespace);
    if (typeof wanted === 'string' || object.isCollected || !view) return false;
    return object.kind === NAMESPACED_KIND || isTarget(wanted.targets, view);
  };

  const stores: ClusterStores = {
    namespaced,
    cluster,
    legacy,
    secrets: createStore(onSecret),
    namespaces: createStore(onNamespace),
    credentials: createStore(onCredentialSecret),
  };
  const view: ClusterView = {
    ...stores,
    quota,
    rivalOf(object, namespace, secretName) {
      for (const secret of [objectKey(namespace, secretName), objectKey(undefined, secretName)]) {
        for (const key of index.wanting(secret)) {
          const other = (key.startsWith('/') ? cluster : namespaced).get(key);
          if (other && other.uid !== object.uid && isOlder(other, object) && wants(other, namespace)) return other.kind;
        }
      }
      return undefined;
    },
    object(key) {
      const held = (key.startsWith('/') ? cluster : namespaced).get(key);
      const whole = held?.isWaiting ? lent.get(key) : undefined;
      const isSame = whole && held?.uid === whole.uid && held.generation === whole.generation;
      return isSame ? { ...held, isWaiting: false, spec: whole.spec } : held;
    },
    lend(key, whole) {
      lent.set(key, whole);
      return () => void lent.delete(key);
    },
    predecessor: (key) => predecessors.get(key),
    objectByUid: (uid) => index.byUid(uid),
    objects: () => index.all(),
    wish: (object) => index.wish(object),
    secretsOf: (uid) => Array.from(secretsByOwner.get(uid)).flatMap((key) => stores.secrets.get(key) ?? []),
    namespaceViews: () => namespaceViews,
  };
  return {
    view,
    stores,
    follow(next) {
      listener = next;
    },
  };
}

/** It is offered to somebody else than before, or, offered, opens something else. */
function isOfferedAnew(before: SeenSecret | undefined, after: SeenSecret): boolean {
  if (before?.offeredTo !== after.offeredTo) return true;
  return after.offeredTo !== undefined && before?.contentDigest !== after.contentDigest;
}
