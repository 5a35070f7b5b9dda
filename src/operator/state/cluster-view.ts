// The last seen state of the cluster, the indexes that decisions need, and the map from a change to the keys it
// concerns.

import { type ObjectKey, objectKey } from '../../api/meta.ts';
import { NAMESPACED_KIND } from '../../api/names.ts';
import type { SeenAccount } from '../../core/attachment.ts';
import { type LegacyObject, type Predecessor, predecessorOf } from '../../core/conversion.ts';
import { isTarget, type NamespaceView } from '../../core/desired.ts';
import type { IsLive } from '../../core/offers.ts';
import { isOlder, type PullSecretObject, type Wish } from '../../core/resource.ts';
import type { SeenSecret } from '../../core/seen-secret.ts';
import { createPartedStore, type PartedStore } from '../../kube/parted-store.ts';
import { type Change, createStore, type Store, type StoreReader } from '../../kube/store.ts';
import { type Attachments, createAttachments } from './attachments.ts';
import { createIndexBy } from './index-by.ts';
import { type ClusterListener, createNews } from './news.ts';
import { createObjectIndex } from './object-index.ts';
import { createObjectQuota, type ObjectQuota } from './object-quota.ts';
import type { StoredNamespace } from './reduced-objects.ts';

/** The stores behind the view: reflectors fill them, and the parts that write note their own writes in them. */
export interface ClusterStores {
  readonly namespaced: PartedStore<PullSecretObject>;
  readonly cluster: Store<PullSecretObject>;
  readonly secrets: PartedStore<SeenSecret>;
  readonly namespaces: Store<StoredNamespace>;
  /** Objects of the Go project's deprecated kind, to convert. */
  readonly legacy: Store<LegacyObject>;
  /** Secrets whose label requests a watch for changed AWS keys. */
  readonly credentials: PartedStore<{ readonly resourceVersion: string }>;
  /** ServiceAccounts; empty in an operator that changes none. */
  readonly accounts: PartedStore<SeenAccount>;
}

/** The same stores, for whoever only looks. */
type Readers = {
  readonly [Name in keyof ClusterStores]: ClusterStores[Name] extends StoreReader<infer Item>
    ? StoreReader<Item>
    : never;
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
  readonly objectByUid: (uid: string) => PullSecretObject | undefined;
  /**
   * Looks among objects of all of the operator's kinds, the deprecated one too; in some namespaces only, there are none
   * of the cluster kinds.
   */
  readonly isLive: IsLive;
  objects(): Iterable<PullSecretObject>;
  /**
   * An older object that also wants the Secret of this name in this namespace.
   *
   * @param isThere  whether the Secret exists: then an older one that is being deleted is no rival
   */
  rivalOf(
    object: PullSecretObject,
    namespace: string,
    secretName: string,
    isThere: boolean,
  ): PullSecretObject | undefined;
  /** How much of each namespace is kept. An object passes `reserve` before it enters a store. */
  readonly quota: ObjectQuota;
  /** What an object wants, parsed once for each spec that it has. */
  wish(object: PullSecretObject): Wish | string;
  /** Every Secret whose label names the object with this uid. */
  secretsOf(uid: string): Iterable<SeenSecret>;
  namespaceViews(): ReadonlyMap<string, NamespaceView>;
  /** Whether an object wants its Secret in a namespace, which exists. */
  readonly wants: (object: PullSecretObject, namespace: string) => boolean;
  readonly attachments: Pick<Attachments, 'claimants' | 'accountsIn'>;
}

export interface ClusterState {
  readonly view: ClusterView;
  readonly stores: ClusterStores;
  /** From now on `listener` is notified of changes: one listener, before anything is watched. */
  follow(this: void, listener: ClusterListener): void;
}

export interface ClusterViewOptions {
  /** Namespace in which the operator looks up the cluster kind's `secretRef`. */
  readonly operatorNamespace: string;
  /** Objects of one namespace that are kept whole. */
  readonly objectsPerNamespace: number;
  /** The only namespaces that are watched; undefined: the whole cluster is. */
  readonly scope: readonly string[] | undefined;
}

// oxlint-disable-next-line max-lines-per-function -- stores and indexes of one state; each function in it is short
export function createClusterView({ operatorNamespace, objectsPerNamespace, scope }: ClusterViewOptions): ClusterState {
  let listener: ClusterListener | undefined;
  const quota = createObjectQuota(objectsPerNamespace);
  const index = createObjectIndex(operatorNamespace);
  /** Keys of Secrets, by the uid of the object that their label names. */
  const secretsByOwner = createIndexBy<ObjectKey>();
  const namespaceViews = new Map<string, NamespaceView>();
  const predecessors = new Map<ObjectKey, Predecessor>();
  const lent = new Map<ObjectKey, PullSecretObject>();

  const wants = (object: PullSecretObject, namespace: string): boolean => {
    const wish = index.wish(object);
    const view = namespaceViews.get(namespace);
    if (typeof wish === 'string' || object.isCollected || !view) return false;
    return object.kind === NAMESPACED_KIND || isTarget(wish.targets, view);
  };
  const isLegacy = (key: ObjectKey): boolean => stores.legacy.get(key) !== undefined;
  const objectsOfCluster = () => stores.cluster;
  const ownerless = (uid: string): readonly ObjectKey[] =>
    Array.from(secretsByOwner.get(uid)).filter((key) => stores.secrets.get(key)?.hasOwners === false);
  const parts = { index, quota, wants, objectsOfCluster, ownerless, isLegacy };
  const news = createNews({ ...parts, listener: () => listener });
  const attachments = createAttachments({ index, wants, accounts: () => stores.accounts, listener: () => listener });
  const onObject = (change: Change<PullSecretObject>): void => {
    index.update(change.key, change.before, change.after);
    news.ofObject(change);
    attachments.ofObject(change);
  };

  const stores: ClusterStores = {
    namespaced: createPartedStore(scope, onObject),
    cluster: createStore(onObject),
    legacy: createStore(({ key, after }) => {
      if (!after) return;
      predecessors.set(key, predecessorOf(after));
      listener?.onLegacy(key);
    }),
    secrets: createPartedStore(scope, (change) => {
      const { key, before, after } = change;
      if (before?.ownerUidLabel !== undefined) secretsByOwner.remove(before.ownerUidLabel, key);
      if (after?.ownerUidLabel !== undefined) secretsByOwner.add(after.ownerUidLabel, key);
      news.ofSecret(change);
      attachments.ofSecret(change);
    }),
    namespaces: createStore((change) => {
      const { before, after } = change;
      if (after) namespaceViews.set(after.name, after);
      else if (before) namespaceViews.delete(before.name);
      news.ofNamespace(change);
      attachments.ofNamespace(change);
    }),
    credentials: createPartedStore(scope, (change) => news.ofCredentials(change)),
    accounts: createPartedStore(scope, (change) => attachments.ofAccount(change)),
  };
  const held = (key: ObjectKey): PullSecretObject | undefined =>
    (key.startsWith('/') ? stores.cluster : stores.namespaced).get(key);

  const view: ClusterView = {
    ...stores,
    quota,
    rivalOf(object, namespace, secretName, isThere) {
      for (const secret of [objectKey(namespace, secretName), objectKey(undefined, secretName)]) {
        for (const key of index.wanting(secret)) {
          const other = held(key);
          if (!other || other.uid === object.uid || !isOlder(other, object)) continue;
          // One that is being deleted creates its Secret anew, and takes over none.
          if (wants(other, namespace) && !(isThere && other.deleting)) return other;
        }
      }
      return undefined;
    },
    object(key) {
      const kept = held(key);
      const whole = kept?.isWaiting ? lent.get(key) : undefined;
      const isSame = whole && kept?.uid === whole.uid && kept.generation === whole.generation;
      return isSame ? { ...kept, isWaiting: false, spec: whole.spec } : kept;
    },
    lend(key, whole) {
      lent.set(key, whole);
      return () => void lent.delete(key);
    },
    predecessor: (key) => predecessors.get(key),
    objectByUid: (uid) => index.byUid(uid),
    isLive(uid, namespace) {
      const object = index.byUid(uid);
      if (object) return object.namespace === undefined || object.namespace === namespace;
      for (const [, legacy] of stores.legacy.entries()) if (legacy.uid === uid) return true;
      return false;
    },
    objects: () => index.all(),
    wish: (object) => index.wish(object),
    secretsOf: (uid) => Array.from(secretsByOwner.get(uid)).flatMap((key) => stores.secrets.get(key) ?? []),
    namespaceViews: () => namespaceViews,
    wants,
    attachments,
  };
  return {
    view,
    stores,
    follow(next) {
      listener = next;
    },
  };
}
