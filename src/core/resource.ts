// An object as the API server stores it -> what it wants, checked. Pure. No part of it reaches a request unchecked.

import { type ObjectKey, objectKey } from '../api/meta.ts';
import {
  CLUSTER_KIND,
  NAMESPACE_MAX_LENGTH,
  NAMESPACE_PATTERN,
  NAMESPACED_KIND,
  type PullSecretKind,
  SECRET_NAME_MAX_LENGTH,
  SECRET_NAME_PATTERN,
} from '../api/names.ts';
import type { PullSecretStatus } from '../api/schema.ts';
import { digest } from '../lib/digest.ts';
import { type JsonRecord, recordOf, sameJson, stringOf, stringsOf } from '../lib/json.ts';
import { type AccountSelection, parseServiceAccounts } from './attachment.ts';
import { type Identity, parseIdentity, parseRole, type Role } from './identity.ts';
import { type ProbeWish, parseProbe } from './probe.ts';
import { type ExtraHosts, isRegion, parseRegistries, type Registry } from './registries.ts';
import { parseSecretTemplate, type SecretTemplate } from './secret-template.ts';
import { parseSelector, type Selector } from './selector.ts';

/** An object, reduced to what decisions need. Its spec is what the API server stored, under whichever schema. */
export interface PullSecretObject {
  readonly kind: PullSecretKind;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly deleting: boolean;
  /** The garbage collector is deleting or orphaning its Secrets: the operator writes nothing any longer. */
  readonly isCollected: boolean;
  /**
   * Its namespace has no room for all of it: most of its spec is not kept. A served one is read again for each
   * reconciliation.
   */
  readonly isWaiting: boolean;
  /** RFC 3339, whole seconds; empty when unknown. */
  readonly createdAt: string;
  /** Value of the annotation `reconcile-at`. */
  readonly reconcileAt: string | undefined;
  readonly spec: JsonRecord;
  readonly status: PullSecretStatus;
}

/** Where the pull secret is wanted. */
export interface Targets {
  /** Sorted, no repeats. For the namespaced kind: its own namespace. */
  readonly named: readonly string[];
  /** The object is in the namespace that it names, which therefore exists, whether it has been seen yet or not. */
  readonly isOwn: boolean;
  readonly selector: Selector | undefined;
  readonly excluded: ReadonlySet<string>;
}

/** The identity that calls AWS, and which endpoints. */
export interface Access {
  readonly identity: Identity;
  /** A further role that the identity assumes. */
  readonly role: Role | undefined;
  /** Region whose STS grants a role: that of `spec.awsAccess`. */
  readonly region: string;
  readonly useFips: boolean;
  readonly useDualstack: boolean;
}

export interface Wish {
  readonly secretName: string;
  readonly access: Access;
  /** Sorted by name, at least one. */
  readonly registries: readonly Registry[];
  readonly extra: ExtraHosts;
  readonly targets: Targets;
  /** Labels and annotations that the pull Secrets are to have. */
  readonly template: SecretTemplate;
  /**
   * ServiceAccounts of the targets that are to name the pull Secret; undefined: none. A sentence: the field is wrong,
   * which holds back no Secret.
   */
  readonly accounts: AccountSelection | string | undefined;
  /** What registries are asked about; undefined: nothing. A sentence: as above. */
  readonly probe: ProbeWish | string | undefined;
}

/** The part of an object that says what it wants. */
type Specified = Pick<PullSecretObject, 'kind' | 'namespace' | 'spec'>;

const SECRET_NAME = new RegExp(SECRET_NAME_PATTERN);
const NAMESPACE = new RegExp(NAMESPACE_PATTERN);

/**
 * Reads what an object wants.
 *
 * @returns the wish, or a sentence that says which field is wrong and what it must be
 */
export function parseWish(object: Specified): Wish | string {
  const awsAccess = recordOf(object.spec['awsAccess']);
  const region = stringOf(awsAccess['region']) ?? '';
  if (!isRegion(region)) return 'spec.awsAccess.region is not the name of an AWS region (an example: eu-west-1)';
  const secretName = stringOf(object.spec['secretName']) ?? '';
  if (secretName.length > SECRET_NAME_MAX_LENGTH || !SECRET_NAME.test(secretName)) {
    return 'spec.secretName is not a name a Secret can have (lower case letters, digits, "-" and ".")';
  }
  const access = parseAccess(awsAccess, region, object.kind);
  if (typeof access === 'string') return access;
  const wanted = parseRegistries(object.spec, region);
  if (typeof wanted === 'string') return wanted;
  // ECR Public has endpoints for IPv4 and dual-stack only (ECR Public user guide, Making requests).
  if (access.useFips && wanted.registries.some(({ kind }) => kind === 'public'))
    return 'spec.registries.public: ECR Public has no FIPS endpoint; leave it out, or spec.awsAccess.useFipsEndpoint';
  const targets = parseTargets(object);
  if (typeof targets === 'string') return targets;
  const template = parseSecretTemplate(object.spec);
  if (typeof template === 'string') return template;
  const [accounts, probe] = [parseServiceAccounts(object.spec), parseProbe(object.spec)];
  return { secretName, access, ...wanted, targets, template, accounts, probe };
}

/** As `parseWish`, and a sentence also for the fields that hold back no Secret. */
export function parseStrictly(object: Specified): Wish | string {
  const wish = parseWish(object);
  if (typeof wish === 'string') return wish;
  return [wish.accounts, wish.probe].find((part) => typeof part === 'string') ?? wish;
}

function parseAccess(awsAccess: JsonRecord, region: string, kind: PullSecretKind): Access | string {
  const identity = parseIdentity(awsAccess, kind);
  if (typeof identity === 'string') return identity;
  const role = parseRole(awsAccess);
  if (typeof role === 'string') return role;
  const useFips = awsAccess['useFipsEndpoint'] === true;
  const useDualstack = awsAccess['useDualstackEndpoint'] === true;
  return { identity, role, region, useFips, useDualstack };
}

function parseTargets({ kind, namespace, spec }: Specified): Targets | string {
  if (kind === NAMESPACED_KIND) {
    return { named: namespace === undefined ? [] : [namespace], isOwn: true, selector: undefined, excluded: new Set() };
  }
  for (const field of ['namespaces', 'excludeNamespaces']) {
    // A list that cannot be read must not look like an empty one: the operator would delete Secrets.
    const list = spec[field] ?? [];
    if (!Array.isArray(list) || stringsOf(list).length < list.length) return `spec.${field} is not a list of names`;
  }
  const selector = spec['namespaceSelector'] === undefined ? undefined : parseSelector(spec['namespaceSelector']);
  if (typeof selector === 'string') return `spec.namespaceSelector: ${selector}`;
  return {
    // A name that no namespace can have is kept: it is reported as a missing namespace.
    named: [...new Set(stringsOf(spec['namespaces']))].sort(),
    isOwn: false,
    selector,
    excluded: new Set(stringsOf(spec['excludeNamespaces'])),
  };
}

/** Whether a namespace can have this name; no other name is ever put into a request. */
export function isNamespaceName(name: string): boolean {
  return name.length <= NAMESPACE_MAX_LENGTH && NAMESPACE.test(name);
}

/** Digest of everything that a Secret's content is made from; a Secret made from other inputs is stale. */
export function inputsDigest(
  identityFingerprint: string,
  { registries, extra }: Pick<Wish, 'registries' | 'extra'>,
): string {
  return digest(identityFingerprint, ...registries.map(({ registry }) => registry), ...extra.accounts, ...extra.hosts);
}

type Claim = Pick<PullSecretObject, 'createdAt' | 'uid'>;

/** Whether one object precedes another when nothing else decides: by age, then by uid. */
export function isOlder(one: Claim, other: Claim): boolean {
  return one.createdAt === other.createdAt ? one.uid < other.uid : one.createdAt < other.createdAt;
}

/** Key of an object in stores and queues. */
export function keyOf(object: Pick<PullSecretObject, 'namespace' | 'name'>): ObjectKey {
  return objectKey(object.namespace, object.name);
}

/** Where `secretRef` looks: the object's own namespace; for the cluster kind, the operator's. */
export function credentialsNamespace(object: PullSecretObject, operatorNamespace: string): string {
  return object.kind === CLUSTER_KIND ? operatorNamespace : (object.namespace ?? operatorNamespace);
}

/** What has become of an object since something was decided about it. */
export type Since =
  /** It wants what it wanted. */
  | 'same'
  /** Its spec changed: decide again. */
  | 'changed'
  /** It was deleted, and another object has its name. */
  | 'replaced'
  /** It was deleted, or the garbage collector is at work on its Secrets: write nothing. */
  | 'gone';

/**
 * That a fresh login is asked for changes nothing here: a user who asks again and again would keep the object from its
 * writes.
 *
 * @param now  the object of that name as it is now; undefined: there is none
 */
export function since(decidedOn: PullSecretObject, now: PullSecretObject | undefined): Since {
  if (!now) return 'gone';
  if (now.uid !== decidedOn.uid) return 'replaced';
  if (now.isCollected) return 'gone';
  return now.generation === decidedOn.generation ? 'same' : 'changed';
}

/** The mark by which a user asks for a fresh login; undefined when it has been heeded, or there is none. */
export function forcedBy({
  reconcileAt,
  status,
}: Pick<PullSecretObject, 'reconcileAt' | 'status'>): string | undefined {
  return reconcileAt === status.lastHandledReconcileAt ? undefined : reconcileAt;
}

/** Whether two versions of an object differ in nothing that is kept of it but the status. */
export function differInStatusOnly(one: PullSecretObject, other: PullSecretObject): boolean {
  const { resourceVersion, status } = other;
  return sameJson({ ...one, resourceVersion, status }, other);
}
