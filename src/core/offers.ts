// What becomes of a Secret that stands in the place of a wanted one and belongs to another owner, or to none: whether
// it is offered to an object, and what is said when it is not taken over. Pure.

import { ADOPT_ANNOTATION, DOCKER_CONFIG_TYPE, MANAGED_BY_LABEL, OPERATOR_NAME, REASON } from '../api/names.ts';
import type { Problem, Target } from './desired.ts';
import { PROBLEM_MESSAGE } from './problems.ts';
import type { PullSecretObject } from './resource.ts';
import type { SeenSecret } from './seen-secret.ts';

/** The part of a Secret that says to whom it is offered. */
export type Bearings = Pick<SeenSecret, 'managed' | 'offeredTo' | 'hasOwners' | 'ownerUidLabel'>;

/** The object that wants the place. */
export type Claimant = Pick<PullSecretObject, 'deleting' | 'uid' | 'kind' | 'namespace' | 'name'>;

/**
 * `asked`: an editor of the Secret names the object in an annotation. `left`: the operator wrote it, and it has no
 * owner any longer, as after a restore from a backup.
 */
export type Offer = 'asked' | 'left';

/**
 * Whether an object of the operator's kinds has this uid and can own a Secret in this namespace: one of the namespaced
 * kind owns none elsewhere, and a Secret restored under another namespace's name has lost it.
 */
export type IsLive = (uid: string, namespace: string) => boolean;

export type ObjectName = Pick<PullSecretObject, 'kind' | 'namespace' | 'name'>;

/** The objects of the operator's kinds. */
export interface KnownObjects {
  readonly isLive: IsLive;
  readonly byUid: (uid: string) => ObjectName | undefined;
}

/**
 * The kind and name of another object in a message for the users of `reader`; undefined when they may not be allowed to
 * see it. Whoever may read an object may read those of its kind in its namespace; nothing else follows from it.
 */
export function nameFor(reader: Pick<ObjectName, 'namespace'>, other: ObjectName | undefined): string | undefined {
  const isNeighbour = other?.namespace !== undefined && other.namespace === reader.namespace;
  return isNeighbour ? `${other.kind} ${other.name}` : undefined;
}

/**
 * Whoever can write the labels of a Secret can write the annotation too: that a Secret without owner is an offer gives
 * nobody anything. While the object that the label names exists, the Secret is offered to that one alone. An object
 * that no watch has shown yet loses nothing: the operator writes label and owner reference in one request.
 */
export function offerTo(
  { uid, kind, name }: Pick<Claimant, 'uid' | 'kind' | 'name'>,
  { managed, offeredTo, hasOwners, ownerUidLabel }: Bearings,
  isLive: (uid: string) => boolean,
): Offer | undefined {
  if (!managed) return undefined;
  if (offeredTo !== undefined) return offeredTo === `${kind}/${name}` ? 'asked' : undefined;
  if (hasOwners || ownerUidLabel === undefined) return undefined;
  return ownerUidLabel === uid || !isLive(ownerUidLabel) ? 'left' : undefined;
}

/**
 * Why the operator does not take over this Secret for `claimant`; undefined when it does. The hosts in it are looked at
 * when it is taken over.
 */
export function whyLeft(
  claimant: Claimant,
  target: Target,
  seen: SeenSecret,
  known: KnownObjects,
): Problem | undefined {
  const isLiveHere = (uid: string): boolean => known.isLive(uid, target.namespace);
  // One that is being deleted takes over nothing: the user may have asked that its Secrets lose their owner and stay.
  const offer = claimant.deleting ? undefined : offerTo(claimant, seen, isLiveHere);
  const obstacle = obstacleIn(seen);
  if (offer !== undefined) {
    if (obstacle === undefined) return undefined;
    return conflict(target, `${begin(offer, target.namespace, seen)}, but ${obstacle}; ${LEFT_ALONE}`);
  }
  if (seen.offeredTo !== undefined && !claimant.deleting) {
    const fault = faultOf(claimant, seen);
    return conflict(target, `${begin('asked', target.namespace, seen)}, but ${fault}; it is left alone`);
  }
  const keeper = keeperOf(claimant, seen, known);
  return conflict(target, taken(claimant, target.namespace, seen, obstacle, keeper));
}

/** The Secret is offered, but not taken over. Its hosts are not told: the object's author may not read Secrets. */
export function opensMore({ namespace, named }: Target, seen: Pick<SeenSecret, 'name' | 'offeredTo'>): Problem {
  const offer = seen.offeredTo === undefined ? 'left' : 'asked';
  const fault = 'opens hosts that this object would not, or is no docker config';
  const message = `${begin(offer, namespace, seen)}, but ${fault}; it is left alone: take them out of it, or ${MAKE_ANEW}`;
  return conflict({ namespace, named }, message);
}

/** The name of the Secret cannot be changed in an object. */
const MAKE_ANEW = 'create this object again with another secretName';
const LEFT_ALONE = `it is left alone: delete it, or ${MAKE_ANEW}`;

function conflict({ namespace, named }: Target, message: string): Problem {
  return { namespace, named, reason: REASON.secretConflict, message };
}

function begin(offer: Offer, namespace: string, { name }: Pick<SeenSecret, 'name'>): string {
  const how = { asked: 'is offered', left: 'has lost its owner' }[offer];
  return `secret ${name} in namespace ${namespace} ${how}`;
}

/** What no offer helps against. */
function obstacleIn({ type, immutable, ownerUid, ownerKind }: SeenSecret): string | undefined {
  if (type !== DOCKER_CONFIG_TYPE) return `has type ${type}`;
  if (ownerUid !== undefined && ownerKind === undefined) return 'has another controller as owner';
  return immutable ? 'is immutable' : undefined;
}

/** What is wrong with an annotation that offers the Secret. It may name an object of others, and is not repeated. */
function faultOf({ kind, name }: Claimant, { offeredTo }: SeenSecret): string {
  return offeredTo === `${kind}/${name}`
    ? `lacks the label ${MANAGED_BY_LABEL}=${OPERATOR_NAME}`
    : `its annotation ${ADOPT_ANNOTATION} does not name ${kind}/${name}`;
}

function taken(
  claimant: Claimant,
  namespace: string,
  seen: SeenSecret,
  obstacle: string | undefined,
  keeper: string,
): string {
  const place = `secret ${seen.name} already exists in namespace ${namespace}`;
  if (obstacle !== undefined || claimant.deleting) return `${place} and ${obstacle ?? keeper}; ${LEFT_ALONE}`;
  const choice = `${place} and ${keeper}: delete it, or offer it: `;
  const whole = `${choice}${commands(claimant, seen)}`;
  if (whole.length <= PROBLEM_MESSAGE) return whole;
  return `${choice}kubectl label secret and kubectl annotate secret, as docs/status.md says`;
}

/** Owner reference and label are other people's texts: a name comes from the object that has the uid. */
function keeperOf(claimant: Claimant, seen: SeenSecret, { byUid }: KnownObjects): string {
  const { ownerKind, ownerUid, managed, ownerUidLabel } = seen;
  const name = (uid: string | undefined) => nameFor(claimant, uid === undefined ? undefined : byUid(uid));
  if (ownerKind !== undefined) return `is kept by ${name(ownerUid) ?? `another ${ownerKind}`}`;
  if (!managed || ownerUidLabel === undefined) return 'is not ours';
  if (ownerUidLabel === claimant.uid) return 'has lost its owner';
  return `is of ${name(ownerUidLabel) ?? 'another object'} by its label`;
}

function commands({ kind, name }: Claimant, { managed }: SeenSecret): string {
  const annotate = `kubectl annotate secret … ${ADOPT_ANNOTATION}=${kind}/${name}`;
  return managed ? annotate : `kubectl label secret … ${MANAGED_BY_LABEL}=${OPERATOR_NAME}; ${annotate}`;
}
