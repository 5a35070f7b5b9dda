// What the webhook answers to a change of an object (docs/design/rules.md, rule 18). Pure: it names the look-ups
// it needs, and the caller makes them.
//
// A review is input from anybody: the API server shows no credential to a webhook. So the webhook follows no reference
// in it: of AWS it asks only about the pair of keys in the review itself, of the cluster only whether the pull Secret
// exists.

import {
  API_VERSION,
  CLUSTER_KIND,
  CONVERTED_FROM_ANNOTATION,
  NAMESPACED_KIND,
  type PullSecretKind,
} from '../api/names.ts';
import { type IdentityKey, identityKey } from '../lib/identity-key.ts';
import { isRecord, type JsonRecord, recordOf, sameJson, stringMapOf, stringOf } from '../lib/json.ts';
import type { Credentials } from './aws-keys.ts';
import { type Bearings, offerTo } from './offers.ts';
import { isNamespaceName, type PullSecretObject, parseStrictly, type Wish } from './resource.ts';
import { cut, listNames } from './text.ts';

/** What a review shows of an object that a decision needs. */
export type ReviewedObject = Pick<PullSecretObject, 'kind' | 'namespace' | 'name' | 'deleting' | 'spec'>;

export interface Review {
  readonly isCreation: boolean;
  readonly dryRun: boolean;
  readonly object: ReviewedObject;
  /** The stored object; undefined for a creation. */
  readonly before: ReviewedObject | undefined;
  /** Value of the annotation that names the object it was converted from. */
  readonly convertedFrom: string | undefined;
}

/** The pair of keys to try, and where. */
export interface Trial {
  readonly credentials: Credentials;
  readonly region: string;
  readonly useFips: boolean;
  readonly useDualstack: boolean;
  /** The same for the same pair of keys. */
  readonly identity: IdentityKey;
}

/** What must be looked up before a review can be answered. */
export interface Questions {
  readonly trial: Trial | undefined;
  /** Namespaces in which the Secret is wanted by name, sorted. */
  readonly namespaces: readonly string[];
  /** Whether one of them may be missing; an object's own always exists. */
  readonly mayBeMissing: boolean;
  /** The Secret that must not exist yet in any of them. */
  readonly secretName: string | undefined;
  /** Whether no namespace can ever want the Secret: nothing to look up, and no reason to refuse. */
  readonly wantsNone: boolean;
}

/** The owner of a Secret that already has the name of the wanted pull Secret. */
export interface Occupant extends Bearings {
  readonly deleting: boolean;
  readonly ownerUid: string | undefined;
  /** Only of an owner in the operator's API group. */
  readonly ownerKind: string | undefined;
  readonly ownerName: string | undefined;
}

/** The results of the look-ups. `unknown`: one failed; the reason, in words for the user. */
export interface Answers extends Pick<Questions, 'wantsNone'> {
  readonly login: { readonly op: 'good' | 'none' } | { readonly op: 'denied' | 'unknown'; readonly message: string };
  readonly missing: readonly string[];
  /** The first Secret that is in the way. */
  readonly occupied: { readonly secretName: string; readonly namespace: string } | undefined;
  readonly unknown: string | undefined;
}

export interface AdmissionVerdict {
  /** Undefined: allowed. */
  readonly denial: string | undefined;
  readonly warnings: readonly string[];
}

export interface AdmitPolicy {
  /** The answer to a creation that names a namespace that does not exist. */
  readonly missingNamespaces: 'deny' | 'warn';
}

const KINDS: readonly PullSecretKind[] = [NAMESPACED_KIND, CLUSTER_KIND];
/** The API server cuts a warning after 256 characters, all of them after 4,096 (Kubernetes, warning headers). */
const LONGEST_WARNING = 250;
const LONGEST_DENIAL = 1_000;
/** Room for names in one sentence. */
const LONGEST_NAMES = 200;

const INLINE_KEYS =
  'spec.awsAccess: whoever may read this object can read its keys; a Secret keeps them better, see spec.awsAccess.secretRef';
const NO_NAMESPACE =
  'no namespace can want the secret: spec.namespaces names none that spec.excludeNamespaces leaves, and there is no spec.namespaceSelector ({} selects every namespace)';
const BAD_LOGIN = 'aws credentials specified in .spec.awsAccess are invalid or missing permissions';
const LET_THROUGH: AdmissionVerdict = { denial: undefined, warnings: [] };

/**
 * Reads an AdmissionReview of admission.k8s.io/v1.
 *
 * @returns the review, and the uid that the answer repeats; without a review there is nothing to judge, and it is
 *          allowed; or why the body is none
 */
export function parseReview(body: unknown): { readonly uid: string; readonly review: Review | undefined } | string {
  const { apiVersion, kind, request } = recordOf(body);
  if (apiVersion !== 'admission.k8s.io/v1' || kind !== 'AdmissionReview' || !isRecord(request))
    return 'the body is no AdmissionReview of admission.k8s.io/v1 with a request';
  const uid = stringOf(request['uid']);
  if (!uid || uid.length > 128) return 'request.uid is missing, or is longer than 128 characters';
  const { operation, object, oldObject, subResource } = request;
  if (!isOurs(object) || subResource || (operation !== 'CREATE' && operation !== 'UPDATE'))
    return { uid, review: undefined };
  if (operation === 'UPDATE' && !isRecord(oldObject)) return 'request.oldObject is missing';
  const annotations = stringMapOf(recordOf(object['metadata'])['annotations']);
  const review = {
    isCreation: operation === 'CREATE',
    dryRun: request['dryRun'] === true,
    object: objectOf(object),
    before: operation === 'CREATE' ? undefined : objectOf({ ...recordOf(oldObject), kind: object.kind }),
    convertedFrom: annotations.get(CONVERTED_FROM_ANNOTATION),
  };
  return { uid, review };
}

type OurObject = JsonRecord & { readonly kind: PullSecretKind };

function isOurs(object: unknown): object is OurObject {
  return isRecord(object) && object['apiVersion'] === API_VERSION && KINDS.some((kind) => kind === object['kind']);
}

function objectOf({ kind, ...raw }: OurObject): ReviewedObject {
  const metadata = recordOf(raw['metadata']);
  return {
    kind,
    namespace: kind === NAMESPACED_KIND ? stringOf(metadata['namespace']) : undefined,
    name: stringOf(metadata['name']) ?? '',
    deleting: metadata['deletionTimestamp'] !== undefined,
    spec: recordOf(raw['spec']),
  };
}

/**
 * The first look, without any look-up.
 *
 * A change that leaves the spec alone is always allowed: the webhook never holds up metadata and finalizers. A fault
 * that is already stored is no reason to refuse the repair of another one.
 *
 * @returns the verdict when no look-up is needed
 */
export function examine(review: Review): AdmissionVerdict | Questions {
  const { object, before, isCreation, dryRun } = review;
  if (object.deleting || (before && sameJson(before.spec, object.spec))) return LET_THROUGH;
  const wish = parseStrictly(object);
  if (typeof wish === 'string') {
    const isOld = before !== undefined && parseStrictly(before) === wish;
    return isOld ? { denial: undefined, warnings: [cut(wish, LONGEST_WARNING)] } : { denial: wish, warnings: [] };
  }
  const { named, excluded, selector, isOwn } = wish.targets;
  const namespaces = named.filter((name) => !excluded.has(name));
  const isNewAccess = before === undefined || !sameJson(before.spec['awsAccess'], object.spec['awsAccess']);
  return {
    trial: isNewAccess && !dryRun ? trialOf(wish) : undefined,
    namespaces,
    mayBeMissing: !isOwn,
    secretName: isCreation ? wish.secretName : undefined,
    wantsNone: selector === undefined && namespaces.length === 0,
  };
}

/** Only a pair of keys in the review itself, tried directly: taking a role needs STS, which the webhook never calls. */
function trialOf({ access: { identity, role, region, useFips, useDualstack } }: Wish): Trial | undefined {
  if (identity.op !== 'inline' || role) return undefined;
  const { credentials } = identity;
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  const pair = identityKey('pair', { accessKeyId, secretAccessKey, sessionToken });
  return { credentials, region, useFips, useDualstack, identity: pair };
}

/**
 * Whether a Secret is in the way of an object that is being created.
 *
 * @param isLive  whether the object with this uid exists; the garbage collector deletes what it leaves behind otherwise
 */
export function isInTheWay(
  occupant: Occupant,
  { kind, name }: Pick<PullSecretObject, 'kind' | 'name'>,
  isLive: (uid: string) => boolean,
): boolean {
  const { deleting, ownerUid, ownerKind, ownerName } = occupant;
  // A new object has no uid yet that a label could name.
  if (deleting || offerTo({ uid: '', kind, name }, occupant, isLive) !== undefined) return false;
  if (ownerUid === undefined || ownerKind === undefined) return true;
  // Left by a deleted object of this name: the operator takes it over, or makes it anew after its garbage collection.
  if (ownerKind === kind && ownerName === name) return false;
  return isLive(ownerUid);
}

/** The verdict after all look-ups. A conversion is never refused: its Secrets would be lost with its predecessor. */
export function judgeReview(
  review: Review,
  answers: Answers,
  { missingNamespaces }: AdmitPolicy,
  isConversion: boolean,
): AdmissionVerdict {
  const { login, missing, occupied, unknown, wantsNone } = answers;
  const { object, isCreation } = review;
  const denials: string[] = [];
  const warnings: string[] = [];
  if (hasInlineKeys(object)) warnings.push(INLINE_KEYS);
  if (login.op === 'denied') denials.push(`${BAD_LOGIN}: ${login.message}`);
  if (login.op === 'unknown') warnings.push(`spec.awsAccess: the keys could not be tried: ${login.message}`);
  const [firstMissing, ...alsoMissing] = missing;
  if (firstMissing !== undefined) {
    const isDenied = isCreation && missingNamespaces === 'deny';
    (isDenied ? denials : warnings).push(missingWords(firstMissing, alsoMissing));
  }
  if (occupied !== undefined) {
    const { secretName, namespace } = occupied;
    denials.push(`secret ${secretName} already exists in namespace ${namespace}, you can choose a different name`);
  }
  if (unknown !== undefined) warnings.push(unknown);
  if (wantsNone) warnings.push(NO_NAMESPACE);
  const [denial] = denials;
  if (denial !== undefined && !isConversion) return { denial: cut(denial, LONGEST_DENIAL), warnings: cutAll(warnings) };
  return { denial: undefined, warnings: cutAll([...warnings, ...denials]) };
}

function hasInlineKeys({ spec }: ReviewedObject): boolean {
  return recordOf(spec['awsAccess'])['secretAccessKey'] !== undefined;
}

function cutAll(warnings: readonly string[]): readonly string[] {
  return warnings.map((text) => cut(text, LONGEST_WARNING));
}

function missingWords(first: string, others: readonly string[]): string {
  const words = isNamespaceName(first)
    ? `namespace ${first} does not exist`
    : 'spec.namespaces has a name that no namespace can have';
  return others.length === 0 ? words : `${words}, nor do ${listNames(others, ', ', LONGEST_NAMES)}`;
}
