// The writes that bring the Secrets of one object to the wanted state. Pure: same arguments, same plan.

import { DOCKER_CONFIG_TYPE, REASON } from '../api/names.ts';
import { digest } from '../lib/digest.ts';
import { type EpochMs, formatRfc3339 } from '../lib/time.ts';
import type { Problem, Target } from './desired.ts';
import { dockerConfigBytes, makeDockerConfig } from './docker-config.ts';
import { isUsable, type Login } from './login.ts';
import { type Claimant, type KnownObjects, nameFor, type ObjectName, whyLeft } from './offers.ts';
import type { SecretTemplate } from './secret-template.ts';
import type { SeenSecret } from './seen-secret.ts';

/** What every Secret of one object is to hold. */
export interface Payload {
  /** `.dockerconfigjson`, as base64. */
  readonly content: string;
  readonly hosts: readonly string[];
  readonly contentDigest: string;
  readonly inputs: string;
  /** When the first of the logins ends. */
  readonly endsAt: EpochMs;
  /** The same as RFC 3339. */
  readonly expiry: string;
  /** Labels and annotations beside the operator's own. */
  readonly template: SecretTemplate;
}

/**
 * `adopt`: a Secret that is offered to this object (`offers.ts`). `replace`: an immutable Secret of this object, which
 * only deleting and creating can change.
 */
export type Action = Target &
  ({ readonly op: 'create' } | { readonly op: 'update' | 'adopt' | 'replace'; readonly seen: SeenSecret });

export interface Plan {
  /** In order of namespace. */
  readonly actions: readonly Action[];
  /** Secrets of this object where none is wanted any longer. */
  readonly prune: readonly SeenSecret[];
  /** Namespaces whose Secret is as wanted, or holds the last good login while there is no newer. Sorted. */
  readonly ready: readonly string[];
  /** Namespaces that wait for the first login. Sorted. */
  readonly pending: readonly string[];
  readonly problems: readonly Problem[];
}

export function contentDigest(base64: string): string {
  return digest(base64);
}

/**
 * What the Secrets are to hold, made of the logins that have not expired.
 *
 * @returns undefined when there is no such login: a Secret then stays as it is, since an old token may still pull and
 *          an empty one never does
 */
export function makePayload(
  logins: readonly Login[],
  inputs: string,
  template: SecretTemplate,
  now: EpochMs,
): Payload | undefined {
  const usable = logins.filter((login) => isUsable(login, now));
  if (usable.length === 0) return undefined;
  const content = Buffer.from(makeDockerConfig(usable)).toString('base64');
  const endsAt = Math.min(...usable.map((login) => login.expiresAt)) as EpochMs;
  const hosts = usable.flatMap((login) => login.hosts);
  const expiry = formatRfc3339(endsAt);
  return { content, hosts, contentDigest: contentDigest(content), inputs, endsAt, expiry, template };
}

/** All data of a Secret together, decoded: `MaxSecretSize` of Kubernetes' core/v1. */
const MOST_BYTES = 1_048_576;

/** Why no Secret can hold these logins; undefined when one can. Checked before anything is made or sent. */
export function sizeProblem(logins: readonly Login[]): string | undefined {
  const bytes = dockerConfigBytes(logins);
  if (bytes <= MOST_BYTES) return undefined;
  const hosts = logins.reduce((sum, login) => sum + login.hosts.length, 0);
  const size = `${(bytes / MOST_BYTES).toFixed(1)} MiB`;
  return `the pull secret would hold ${hosts} hosts and ${size}, but Kubernetes takes 1 MiB: name fewer regions, accounts or hosts in spec.registries`;
}

/** A Secret is an object's only if its owner has the object's uid and its type is the one the operator writes. */
export function isOwned(seen: SeenSecret, ownerUid: string): boolean {
  return seen.type === DOCKER_CONFIG_TYPE && seen.ownerUid === ownerUid;
}

/** Whether nothing in an object's own Secret is to be changed. */
function isCurrent(seen: SeenSecret, ownerUid: string, payload: Payload): boolean {
  return (
    seen.managed &&
    seen.ownerUidLabel === ownerUid &&
    seen.contentDigest === payload.contentDigest &&
    seen.inputs === payload.inputs &&
    seen.expiry === payload.expiry &&
    seen.templateDigest === payload.template.digest
  );
}

/** Whether a Secret is this object's, and as wanted. */
export function isAsWanted(seen: SeenSecret, ownerUid: string, payload: Payload): boolean {
  return isOwned(seen, ownerUid) && isCurrent(seen, ownerUid, payload);
}

/** The operator can create nothing under this name before the Secret is gone. */
export function terminating(namespace: string, named: boolean, name: string): Problem {
  const message = `secret ${name} in namespace ${namespace} is being deleted, and its finalizers hold it; it is made anew when it is gone`;
  return { namespace, named, reason: REASON.secretTerminating, message };
}

function preceded(claimant: Claimant, { namespace, named }: Target, rival: ObjectName): Problem {
  const name = nameFor(claimant, rival);
  const who = name === undefined ? `an older ${rival.kind}` : `the older ${name}`;
  const message = `${who} wants the same secret in namespace ${namespace}: create this object again with another secretName`;
  return { namespace, named, reason: REASON.secretConflict, message };
}

/** The Secrets and rivals, as last seen. */
export interface Observed extends KnownObjects {
  /** The Secrets of the wanted name by namespace; absent means "did not exist then". */
  readonly seen: ReadonlyMap<string, SeenSecret>;
  /** Every Secret labelled as written for this object, whatever its name and namespace. */
  readonly owned: Iterable<SeenSecret>;
  /** An older object that wants the same Secret, by namespace. It counts only where the Secret is nobody's. */
  readonly rivals: Pick<ReadonlyMap<string, ObjectName>, 'get'>;
}

/** One namespace's part of a plan. */
type Decision = Action | Problem | 'ready' | 'pending';

/** Of a Secret that may be taken over, or of none: nobody asked that this object has it. Age decides then. */
function isNobodys(seen: SeenSecret | undefined, { uid }: Claimant): boolean {
  return seen === undefined || (seen.offeredTo === undefined && seen.ownerUidLabel !== uid);
}

function decide(claimant: Claimant, target: Target, found: Observed, payload: Payload | undefined): Decision {
  const { namespace, named } = target;
  const seen = found.seen.get(namespace);
  if (!seen || !isOwned(seen, claimant.uid)) {
    const refusal = seen && whyLeft(claimant, target, seen, found);
    if (refusal) return refusal;
    const rival = isNobodys(seen, claimant) ? found.rivals.get(namespace) : undefined;
    if (rival !== undefined) return preceded(claimant, target, rival);
    if (!payload) return 'pending';
    return seen ? { op: 'adopt', namespace, named, seen } : { op: 'create', namespace, named };
  }
  // A finalizer may hold a Secret that is being deleted: kubelets read it until it is gone, so it is kept up to date.
  if (!payload || isCurrent(seen, claimant.uid, payload)) return 'ready';
  if (!seen.immutable) return { op: 'update', namespace, named, seen };
  return seen.deleting ? terminating(namespace, named, seen.name) : { op: 'replace', namespace, named, seen };
}

/**
 * @param targets  where the Secret is wanted, sorted, no repeats
 * @param payload  what the Secrets are to hold, if anything
 *
 * Guarantees (plan.property.test.ts): planning again after applying yields no action; a Secret that is neither owned
 * nor offered is in no action and in no prune; the order of the inputs does not matter.
 */
export function planSecrets(
  claimant: Claimant,
  targets: readonly Target[],
  found: Observed,
  payload: Payload | undefined,
): Plan {
  const actions: Action[] = [];
  const ready: string[] = [];
  const pending: string[] = [];
  const problems: Problem[] = [];
  const kept = new Set<string>();
  for (const target of targets) {
    const seen = found.seen.get(target.namespace);
    if (seen) kept.add(seen.uid);
    const decision = decide(claimant, target, found, payload);
    if (decision === 'ready') ready.push(target.namespace);
    else if (decision === 'pending') pending.push(target.namespace);
    else if ('op' in decision) actions.push(decision);
    else problems.push(decision);
  }
  const prune = [...found.owned].filter(
    (secret) => !kept.has(secret.uid) && !secret.deleting && isOwned(secret, claimant.uid),
  );
  return { actions, prune: prune.sort(byPlace), ready, pending, problems };
}

function byPlace(one: SeenSecret, other: SeenSecret): number {
  return `${one.namespace}/${one.name}` < `${other.namespace}/${other.name}` ? -1 : 1;
}

/**
 * Whether so many deletions at once need a list of all namespaces, rather than a look at their own
 * (docs/design/rules.md, rule 4).
 */
export function needsWholeList(deletions: number, owned: number): boolean {
  return deletions > Math.max(10, owned * 0.2);
}
