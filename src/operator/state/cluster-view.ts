// The last seen state of the cluster, the indexes that decisions need, and the map from a change to the keys it
// concerns.

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

/** The stores behind the view: reflectors fill them, and the parts that write note their own writes in them. */
export interface ClusterStores {
  readonly namespaced: Store<PullSecretObject>;
  readonly cluster: Store<PullSecretObject>;
  readonly secrets: Store<SeenSecret>;
  readonly namespaces: Store<StoredNamespace>;
  /** Objects of the Go project's deprecated kind, to convert. */
  readonly legacy: Store<LegacyObject>;
  /** Secrets whose label requests a watch for changed AWS keys. */
  readonly credentials: Store<{ readonly resourceVersion: string }>;
}

/** The same stores, for whoever only looks. */
type Readers = {
  readonly [Name in keyof ClusterStores]: ClusterStores[Name] extends Store<infer Item> ? StoreReader<Item> : never;
};

export interface ClusterView extends Readers {
  /** The object with this key: `namespace/name`, or `/name` for the cluster kind. */
  object(key: ObjectKey): PullSecretObject | undefined;
  /**
   * Makes `object` return the whole object for one that is not kept whole, while it has the spec of `whole`.
   *
   * @returns ends that
   */
  lend(key: ObjectKey, whole: PullSecretObject): () => void;
  /**
   * The object of the deprecated kind that has, or had, this key: once it is gone, the garbage collector deletes its
   * Secrets.
   */
  predecessor(key: ObjectKey): Predecessor | undefined;
  objectByUid(uid: string): PullSecretObject | undefined;
  objects(): Iterable<PullSecretObject>;
  /** Kind of an older object that also wants the Secret of this name in this namespace. */
  rivalOf(object: PullSecretObject, namespace: string, secretName: string): string | undefined;
  /** How much of each namespace is kept. An object passes `reserve` before it enters a store. */
  readonly quota: ObjectQuota;
  /** What an object wants, parsed once for each spec that it has. */
  wish(object: PullSecretObject): Wish | string;
  /** Every Secret whose label names the object with this uid. */
  secretsOf(uid: string): Iterable<SeenSecret>;
  namespaceViews(): ReadonlyMap<string, NamespaceView>;
}

export interface ClusterState {
  readonly view: ClusterView;
  readonly stores: ClusterStores;
  /** From now on `listener` is notified of changes: one listener, before anything is watched. */
  follow(this: void, listener: ClusterListener): void;
}

/** Is notified of changes. */
export interface ClusterListener {
  /** Gets the key of every object that a change may concern. */
  readonly enqueue: (key: ObjectKey) => void;
  /** Gets the key of every object of the deprecated kind that changed, or whose successor may have. */
  readonly onLegacy: (key: ObjectKey) => void;
  /** Gets the uid of an object that is gone. */
  readonly onGone: (uid: string) => void;
  /** Gets the key of a Secret with AWS keys that changed. */
  readonly onCredentials: (key: ObjectKey) => void;
}

export interface ClusterViewOptions {
  /** Namespace in which the operator looks up the cluster kind's `secretRef`. */
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
      const next = quota.leave(before);
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
    // The operator's own write is no news to the object that it was done for; a hand-over is news to the former owner.
    if (before && (changesHands || !own)) enqueueOwner(before);
    if (own) return;
    if (after) enqueueOwner(after);
    // The Secret is gone, has another owner, or is offered for adoption: the objects that wait for it look again.
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
      // An event in one namespace costs nothing for objects that do not want a Secret there.
      if (object && wants(object, namespace)) enqueue(key);
    }
  };

  const onNamespace = ({ key, before, after }: Change<StoredNamespace>): void => {
    const name = (after ?? before)?.name ?? key;
    if (after) namespaceViews.set(name, after);
    else namespaceViews.delete(name);
    // Those of the namespaced kind are deleted together with their namespace.
    for (const [objectOfCluster, object] of cluster.entries()) {
      const wanted = index.wish(object);
      if (typeof wanted !== 'string' && concerns(wanted.targets, before, after)) enqueue(objectOfCluster);
    }
  };

  const onCredentialSecret = ({ key }: Change<{ readonly resourceVersion: string }>): void => {
    listener?.onCredentials(key);
    for (const one of index.referringTo(key)) enqueue(one);
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

/** Whether it is offered to another object than before, or, offered, opens other hosts. */
function isOfferedAnew(before: SeenSecret | undefined, after: SeenSecret): boolean {
  if (before?.offeredTo !== after.offeredTo) return true;
  return after.offeredTo !== undefined && before?.contentDigest !== after.contentDigest;
}
