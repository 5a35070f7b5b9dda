// The pull secret objects by their uid, by the Secret that they want, and by the Secret that holds their AWS keys.

import { isDeepStrictEqual } from 'node:util';
import { type ObjectKey, objectKey } from '../../api/meta.ts';
import { credentialsNamespace, type PullSecretObject, parseWish, type Wish } from '../../core/resource.ts';
import { stringOf } from '../../lib/json.ts';
import { createIndexBy } from './index-by.ts';

export interface ObjectIndex {
  /** What an object wants, or a sentence that says what is wrong with it. Parsed once for each spec that it has. */
  wish(object: PullSecretObject): Wish | string;
  /** One change of the object with this key; undefined `before`: it is new; undefined `after`: it is deleted. */
  update(key: ObjectKey, before: PullSecretObject | undefined, after: PullSecretObject | undefined): void;
  byUid(uid: string): PullSecretObject | undefined;
  all(): Iterable<PullSecretObject>;
  /** `namespace/name` of the Secret that an object wants, or `/name` for any namespace. */
  secretKey(object: PullSecretObject): ObjectKey;
  /** Keys of the objects whose `secretKey` is this one. */
  wanting(secret: ObjectKey): Iterable<ObjectKey>;
  /** Keys of the objects whose AWS keys are in this Secret. */
  referringTo(secret: ObjectKey): Iterable<ObjectKey>;
}

/** @param operatorNamespace  where the operator looks up `secretRef` of the cluster kind */
export function createObjectIndex(operatorNamespace: string): ObjectIndex {
  const byUid = new Map<string, PullSecretObject>();
  const bySecret = createIndexBy<ObjectKey>();
  const byCredentials = createIndexBy<ObjectKey>();
  const wishes = new WeakMap<PullSecretObject, Wish | string>();

  const wish = (object: PullSecretObject): Wish | string => {
    const known = wishes.get(object);
    if (known !== undefined) return known;
    const parsed = parseWish(object);
    wishes.set(object, parsed);
    return parsed;
  };
  const secretKey = (object: PullSecretObject): ObjectKey =>
    objectKey(object.namespace, stringOf(object.spec['secretName']) ?? '');
  const credentialsKey = (object: PullSecretObject): ObjectKey | undefined => {
    const wanted = wish(object);
    const identity = typeof wanted === 'string' ? undefined : wanted.access.identity;
    if (identity?.op !== 'secretRef') return undefined;
    return objectKey(credentialsNamespace(object, operatorNamespace), identity.secretName);
  };
  const change = (how: 'add' | 'remove', key: ObjectKey, object: PullSecretObject): void => {
    bySecret[how](secretKey(object), key);
    const credentials = credentialsKey(object);
    if (credentials !== undefined) byCredentials[how](credentials, key);
  };

  return {
    wish,
    secretKey,
    update(key, before, after) {
      if (before && before.uid !== after?.uid) byUid.delete(before.uid);
      if (after) byUid.set(after.uid, after);
      // Most new versions of an object change only its status.
      if (before && after && isDeepStrictEqual(before.spec, after.spec)) {
        const known = wishes.get(before);
        if (known !== undefined) wishes.set(after, known);
        return;
      }
      if (before) change('remove', key, before);
      if (after) change('add', key, after);
    },
    byUid: (uid) => byUid.get(uid),
    all: () => byUid.values(),
    wanting: (secret) => bySecret.get(secret),
    referringTo: (secret) => byCredentials.get(secret),
  };
}
