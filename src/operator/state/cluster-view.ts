// Everything that was last seen, with the indexes that decisions need, and the map from a change to the keys it concerns.

import { isDeepStrictEqual } from 'node:util';
import { type ObjectKey, objectKey, splitKey } from '../../api/meta.ts';
import { NAMESPACED_KIND } from '../../api/names.ts';
import { type LegacyObject, type Predecessor, predecessorOf } from '../../core/conversion.ts';
import { concerns, isTarget, type NamespaceView } from '../../core/desired.ts';
import type { SeenSecret } from '../../core/plan.ts';
import {
  credentialsNamespace,
  isOlder,
  keyOf,
  type PullSecretObject,
  parseWish,
  type Wish,
} from '../../core/resource.ts';
import { type Change, createStore, type Store, type StoreReader } from '../../kube/store.ts';
import { stringOf } from '../../lib/json.ts';
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
}

export interface ClusterViewOptions {
  /** Told the key of every CR that a change may concern. */
  readonly enqueue: (key: ObjectKey) => void;
  /** Told the key of every object of the deprecated kind that changed, or whose successor may have. */
  readonly onLegacy: (key: ObjectKey) => void;
  /** Told of a CR that is gone. */
  readonly onGone: (uid: string) => void;
  /** Told of a Secret with AWS keys that changed. */
  readonly onCredentials: (key: ObjectKey) => void;
  /** Namespace in which the cluster kind's `secretRef` looks. */
  readonly operatorNamespace: string;
  /** Objects of one namespace that are kept whole. */
  readonly objectsPerNamespace: number;
}

export function createClusterView({
  enqueue,
  onLegacy,
  onGone,
  onCredentials,
  operatorNamespace,
  objectsPerNamespace,
}: ClusterViewOptions): ClusterState {
  const quota = createObjectQuota(objectsPerNamespace);
  const byUid = new Map<string, PullSecretObject>();
  /** Keys of the CRs that want a Secret, by its place: `namespace/name`, or `/name` for any namespace. */
  const byPlace = new Map<string, Set<ObjectKey>>();
  /** Keys of the CRs whose AWS keys are in a Secret, by its place. */
  const byCredentials = new Map<ObjectKey, Set<ObjectKey>>();
  const secretsByOwner: OwnedSecrets = new Map();
  const namespaceViews = new Map<string, NamespaceView>();
  const predecessors = new Map<ObjectKey, Predecessor>();
  const wishes = new WeakMap<PullSecretObject, Wish | string>();
  const lent = new Map<ObjectKey, PullSecretObject>();

  const wish = (object: PullSecretObject): Wish | string => {
    const known = wishes.get(object);
    if (known !== undefined) return known;
    const parsed = parseWish(object);
    wishes.set(object, parsed);
    return parsed;
  };

  const placeOf = (object: PullSecretObject): string =>
    objectKey(object.namespace, stringOf(object.spec['secretName']) ?? '');

  /** Where its AWS keys are, if they are in a Secret. */
  const credentialsPlaceOf = (object: PullSecretObject): ObjectKey | undefined => {
    const wanted = wish(object);
    const identity = typeof wanted === 'string' ? undefined : wanted.access.identity;
    return identity?.op === 'secretRef'
      ? objectKey(credentialsNamespace(object, operatorNamespace), identity.secretName)
      : undefined;
  };

  const index = (object: PullSecretObject, key: ObjectKey, change: typeof addTo): void => {
    change(byPlace, placeOf(object), key);
    const credentials = credentialsPlaceOf(object);
    if (credentials !== undefined) change(byCredentials, credentials, key);
  };

  /** What it wants is read once for each spec, not for each version: most of those are news of its status. */
  const reindex = (key: ObjectKey, before: PullSecretObject | undefined, after: PullSecretObject | undefined): void => {
    if (before && after && isDeepStrictEqual(before.spec, after.spec)) {
      const known = wishes.get(before);
      if (known !== undefined) wishes.set(after, known);
      return;
    }
    if (before) index(before, key, removeFrom);
    if (after) index(after, key, addTo);
  };

  const onObject = ({ key, before, after, own }: Change<PullSecretObject>): void => {
    reindex(key, before, after);
    if (before && before.uid !== after?.uid) {
      byUid.delete(before.uid);
      onGone(before.uid);
      const next = quota.leave(key, before);
      if (next !== undefined) enqueue(next);
    }
    if (after) byUid.set(after.uid, after);
    if (legacy.get(key)) onLegacy(key);
    if (own) return;
    enqueue(key);
    // A place that somebody gives up may be what another one waits for.
    if (before && (!after || placeOf(before) !== placeOf(after))) enqueueWanting(placeOf(before));
  };

  const onSecret = (change: Change<SeenSecret>): void => {
    const { key, before, after } = change;
    if (before?.ownerUidLabel !== undefined) removeOwned(secretsByOwner, before.ownerUidLabel, key);
    if (after?.ownerUidLabel !== undefined) addOwned(secretsByOwner, after.ownerUidLabel, key, after);
    tellOfSecret(change);
  };

  const tellOfSecret = ({ key, before, after, own }: Change<SeenSecret>): void => {
    const changesHands = before?.ownerUidLabel !== after?.ownerUidLabel;
    // A write of our own is no news to the CR that it was done for; a hand-over is news to the one that had it before.
    if (before && (changesHands || !own)) enqueueOwner(before);
    if (own) return;
    if (after) enqueueOwner(after);
    // The place is free, in other hands, or offered to somebody: whoever waits for it looks again.
    if (!after || changesHands || isOfferedAnew(before, after)) enqueueWanting(key);
  };

  const enqueueOwner = ({ ownerUidLabel }: SeenSecret): void => {
    const owner = ownerUidLabel === undefined ? undefined : byUid.get(ownerUidLabel);
    if (owner) enqueue(keyOf(owner));
  };

  /** Every CR that wants a Secret at this place. */
  const enqueueWanting = (place: ObjectKey): void => {
    const { namespace, name } = splitKey(place);
    for (const key of byPlace.get(place) ?? []) enqueue(key);
    if (namespace === undefined) return;
    for (const key of byPlace.get(objectKey(undefined, name)) ?? []) {
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
      const wanted = wish(object);
      if (typeof wanted !== 'string' && concerns(wanted.targets, before, after)) enqueue(objectKey);
    }
    // The namespaced kind follows its namespace by itself: it is deleted with it.
  };

  const onCredentialSecret = ({ key }: Change<{ readonly resourceVersion: string }>): void => {
    onCredentials(key);
    for (const object of byCredentials.get(key) ?? []) enqueue(object);
  };

  const legacy = createStore<LegacyObject>(({ key, after }) => {
    if (!after) return;
    predecessors.set(key, predecessorOf(after));
    onLegacy(key);
  });
  const namespaced = createStore(onObject);
  const cluster = createStore(onObject);
  const wants = (object: PullSecretObject, namespace: string): boolean => {
    const wanted = wish(object);
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
      for (const place of [objectKey(namespace, secretName), objectKey(undefined, secretName)]) {
        for (const key of byPlace.get(place) ?? []) {
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
    objectByUid: (uid) => byUid.get(uid),
    objects: () => byUid.values(),
    wish,
    secretsOf: (uid) => secretsByOwner.get(uid)?.values() ?? [],
    namespaceViews: () => namespaceViews,
  };
  return { view, stores };
}

/** It is offered to somebody else than before, or, offered, opens something else. */
function isOfferedAnew(before: SeenSecret | undefined, after: SeenSecret): boolean {
  if (before?.offeredTo !== after.offeredTo) return true;
  return after.offeredTo !== undefined && before?.contentDigest !== after.contentDigest;
}

type OwnedSecrets = Map<string, Map<ObjectKey, SeenSecret>>;

function addOwned(index: OwnedSecrets, uid: string, key: ObjectKey, secret: SeenSecret): void {
  const held = index.get(uid) ?? new Map<ObjectKey, SeenSecret>();
  index.set(uid, held.set(key, secret));
}

function removeOwned(index: OwnedSecrets, uid: string, key: ObjectKey): void {
  const held = index.get(uid);
  held?.delete(key);
  if (held?.size === 0) index.delete(uid);
}

function addTo(index: Map<string, Set<ObjectKey>>, place: string, key: ObjectKey): void {
  const keys = index.get(place) ?? new Set();
  index.set(place, keys.add(key));
}

function removeFrom(index: Map<string, Set<ObjectKey>>, place: string, key: ObjectKey): void {
  const keys = index.get(place);
  keys?.delete(key);
  if (keys?.size === 0) index.delete(place);
}
