// The Go project's deprecated AWSECRCredential -> a ClusterAWSECRImagePullSecret with the same wish. Pure.

import {
  CLUSTER_KIND,
  CONDITION_READY,
  INLINE_KEY_MAX_LENGTH,
  MAX_NAMESPACES,
  type PullSecretKind,
} from '../api/names.ts';
import type { Condition } from '../api/schema.ts';
import { digest } from '../lib/digest.ts';
import { canonicalJson, isRecord, type JsonRecord, listOf, recordOf, sameJson, stringsOf } from '../lib/json.ts';
import { type EpochMs, formatRfc3339 } from '../lib/time.ts';
import { isNamespaceName, type PullSecretObject, parseWish } from './resource.ts';
import type { Cause } from './status.ts';

/** An AWSECRCredential, reduced. */
export interface LegacyObject {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  /** A user deletes it, or the conversion has and the garbage collector has not let it go yet. */
  readonly deleting: boolean;
  readonly spec: JsonRecord;
  readonly conditions: readonly JsonRecord[];
}

/**
 * The spec of the successor: the old kind's fields as they stand (the keys plain or base64), and nothing else.
 *
 * @returns the spec, or a sentence that says why there can be none; the sentence quotes nothing of the spec
 */
export function convertedSpec({ spec }: Pick<LegacyObject, 'spec'>): JsonRecord | string {
  const { region, accessKeyId, secretAccessKey } = recordOf(spec['awsAccess']);
  const namespaces = stringsOf(spec['namespaces']);
  const converted = {
    awsAccess: { region, accessKeyId, secretAccessKey },
    secretName: spec['secretName'],
    // The new kind takes no empty list; an absent one means the same.
    ...(namespaces.length === 0 ? {} : { namespaces }),
  };
  const wish = parseWish({ kind: CLUSTER_KIND, namespace: undefined, spec: converted });
  if (typeof wish === 'string') return wish;
  if ([accessKeyId, secretAccessKey].some((key) => typeof key === 'string' && key.length > INLINE_KEY_MAX_LENGTH))
    return `a key in spec.awsAccess is longer than ${INLINE_KEY_MAX_LENGTH} characters`;
  if (namespaces.length > MAX_NAMESPACES) return `spec.namespaces has more than ${MAX_NAMESPACES} items`;
  if (!namespaces.every(isNamespaceName)) return 'spec.namespaces has a name that no namespace can have: take it out';
  return converted;
}

/** Whether `object` is what the old one converts to: of its name, of the same spec, and not being deleted. */
export function isSuccessor(old: LegacyObject, object: PullSecretObject): boolean {
  return mayFollow(old, object) && sameJson(convertedSpec(old), object.spec);
}

function mayFollow(old: Pick<LegacyObject, 'name'>, object: PullSecretObject): boolean {
  return object.kind === CLUSTER_KIND && object.name === old.name && !object.deleting;
}

/** What is kept of an old object, also after its deletion, as long as the process lives. Its keys are not. */
export interface Predecessor {
  readonly uid: string;
  readonly name: string;
  readonly deleting: boolean;
  /** Digest of the spec that it converts to; undefined when it cannot be converted. */
  readonly specDigest: string | undefined;
}

export function predecessorOf(old: LegacyObject): Predecessor {
  const { uid, name, deleting } = old;
  const converted = convertedSpec(old);
  return { uid, name, deleting, specDigest: typeof converted === 'string' ? undefined : specDigest(converted) };
}

function specDigest(spec: JsonRecord): string {
  return digest(canonicalJson(spec));
}

/**
 * The uid of the old object from which `object` takes over: its Secrets are not in the way for long. The operator hands
 * them to `object`; or, when the user has deleted the old object, the garbage collector deletes them.
 *
 * @param old  the old object of the same name as last seen, if there is or was one
 */
export function formerUid(old: Predecessor | undefined, object: PullSecretObject): string | undefined {
  if (!old || old.deleting || !mayFollow(old, object)) return undefined;
  return old.specDigest === specDigest(object.spec) ? old.uid : undefined;
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: PullSecretKind;
  readonly name: string;
  readonly uid: string;
  readonly controller: true;
}

/**
 * The owner references of a Secret after `owner` has replaced those for which `stepsBack` is true; all others stay.
 *
 * Only one of them may be the controller: where another owner is, `owner` becomes an owner that is not the controller.
 */
export function reparented(
  references: unknown,
  stepsBack: (reference: JsonRecord) => boolean,
  owner: OwnerReference,
): readonly JsonRecord[] {
  const others = listOf(references)
    .filter(isRecord)
    .filter((reference) => reference['uid'] !== owner.uid && !stepsBack(reference));
  const { controller, ...plain } = owner;
  const isFree = others.every((other) => other['controller'] !== true);
  return [...others, isFree ? { ...plain, controller } : plain];
}

/** @returns the conditions that say why `old` is not converted; undefined when its conditions already say so */
export function refusedConditions(
  old: LegacyObject,
  { reason, message }: Cause,
  now: EpochMs,
): readonly JsonRecord[] | undefined {
  const before = old.conditions.find(({ type }) => type === CONDITION_READY) ?? {};
  if (before['status'] === 'False' && before['reason'] === reason && before['message'] === message) return undefined;
  const since = before['status'] === 'False' ? before['lastTransitionTime'] : undefined;
  const ready: Condition = {
    type: CONDITION_READY,
    status: 'False',
    observedGeneration: old.generation,
    lastTransitionTime: typeof since === 'string' ? since : formatRfc3339(now),
    reason,
    message,
  };
  return [...old.conditions.filter(({ type }) => type !== CONDITION_READY), ready];
}
