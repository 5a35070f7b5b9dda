// Which writes bring the Secrets of one CR to the wanted state. Pure: same arguments, same plan.

import { DOCKER_CONFIG_TYPE, REASON } from '../api/names.ts';
import { digest } from '../lib/digest.ts';
import { type EpochMs, formatRfc3339 } from '../lib/time.ts';
import type { Problem, Target } from './desired.ts';
import { makeDockerConfig } from './docker-config.ts';
import { isUsable, type Login } from './login.ts';

/** A Secret as it was last seen, reduced: nothing in it opens anything, and its size does not depend on its data. */
export interface SeenSecret {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly type: string;
  readonly immutable: boolean;
  readonly deleting: boolean;
  readonly ownerUids: readonly string[];
  /** Has our managed-by label and this owner's uid in the other one. */
  readonly ownerUidLabel: string | undefined;
  readonly managed: boolean;
  readonly inputs: string | undefined;
  readonly expiry: string | undefined;
  /** Digest of the base64 text of `.dockerconfigjson`. */
  readonly contentDigest: string;
}

/** What every Secret of one CR is to hold. */
export interface Payload {
  /** `.dockerconfigjson`, as base64. */
  readonly content: string;
  readonly contentDigest: string;
  readonly inputs: string;
  /** RFC 3339; when the first of the logins ends. */
  readonly expiry: string;
}

export type Action =
  | { readonly op: 'create'; readonly namespace: string; readonly named: boolean }
  | { readonly op: 'update'; readonly namespace: string; readonly named: boolean; readonly seen: SeenSecret }
  /** An immutable Secret of ours: deleting and creating is the only way left. */
  | { readonly op: 'replace'; readonly namespace: string; readonly named: boolean; readonly seen: SeenSecret };

export interface Plan {
  /** In order of namespace. */
  readonly actions: readonly Action[];
  /** Secrets of this CR where none is wanted any more. */
  readonly prune: readonly SeenSecret[];
  /** Namespaces whose Secret is as wanted, or holds the last good login while there is no newer. Sorted. */
  readonly ready: readonly string[];
  /** Namespaces that wait for the first login. Sorted. */
  readonly waiting: readonly string[];
  readonly problems: readonly Problem[];
}

export function contentDigest(base64: string): string {
  return digest(base64);
}

/**
 * What the Secrets are to hold, made of the logins that have not ended.
 *
 * @returns undefined when there is no such login: a Secret then stays as it is, since an old token may still pull and an
 *          empty one never does
 */
export function makePayload(logins: readonly Login[], inputs: string, now: EpochMs): Payload | undefined {
  const usable = logins.filter((login) => isUsable(login, now));
  if (usable.length === 0) return undefined;
  const content = Buffer.from(makeDockerConfig(usable)).toString('base64');
  const ends = Math.min(...usable.map((login) => login.expiresAt)) as EpochMs;
  return { content, contentDigest: contentDigest(content), inputs, expiry: formatRfc3339(ends) };
}

/** A Secret is ours only if an owner reference has the CR's uid and its type is the one we write. */
export function isOwned(seen: SeenSecret, ownerUid: string): boolean {
  return seen.type === DOCKER_CONFIG_TYPE && seen.ownerUids.includes(ownerUid);
}

function isCurrent(seen: SeenSecret, ownerUid: string, payload: Payload): boolean {
  return (
    seen.managed &&
    seen.ownerUidLabel === ownerUid &&
    seen.contentDigest === payload.contentDigest &&
    seen.inputs === payload.inputs &&
    seen.expiry === payload.expiry
  );
}

export function conflict(namespace: string, named: boolean, seen: Pick<SeenSecret, 'type' | 'name'>): Problem {
  const whose = seen.type === DOCKER_CONFIG_TYPE ? 'belongs to something else' : `has type ${seen.type}`;
  return {
    namespace,
    named,
    reason: REASON.secretConflict,
    message: `secret ${seen.name} already exists in namespace ${namespace} and ${whose}; it is left alone: delete it, or choose a different name`,
  };
}

/**
 * @param ownerUid  uid of the CR
 * @param targets   where its Secret is wanted, sorted, no repeats
 * @param seen      the Secrets of the wanted name by namespace, as last seen; absent means "not there then"
 * @param owned     every Secret seen that says it was written for this CR, whatever its name and namespace
 * @param payload   what the Secrets are to hold, if there is anything to hold
 *
 * Holds (plan.property.test.ts): planning again after applying yields no action; a Secret that is not owned is in no
 * action and in no prune; the order of the inputs does not matter.
 */
export function planSecrets(
  ownerUid: string,
  targets: readonly Target[],
  seen: ReadonlyMap<string, SeenSecret>,
  owned: Iterable<SeenSecret>,
  payload: Payload | undefined,
): Plan {
  const actions: Action[] = [];
  const ready: string[] = [];
  const waiting: string[] = [];
  const problems: Problem[] = [];
  const kept = new Set<string>();
  for (const { namespace, named } of targets) {
    const found = seen.get(namespace);
    if (found) kept.add(found.uid);
    if (!found) {
      if (payload) actions.push({ op: 'create', namespace, named });
      else waiting.push(namespace);
    } else if (!isOwned(found, ownerUid)) {
      problems.push(conflict(namespace, named, found));
    } else if (found.deleting) {
      waiting.push(namespace);
    } else if (!payload || isCurrent(found, ownerUid, payload)) {
      ready.push(namespace);
    } else {
      actions.push({ op: found.immutable ? 'replace' : 'update', namespace, named, seen: found });
    }
  }
  const prune = [...owned].filter((secret) => !kept.has(secret.uid) && !secret.deleting && isOwned(secret, ownerUid));
  return { actions, prune: prune.sort(byPlace), ready, waiting, problems };
}

function byPlace(one: SeenSecret, other: SeenSecret): number {
  return `${one.namespace}/${one.name}` < `${other.namespace}/${other.name}` ? -1 : 1;
}

/** More deletions than this in one round need a second, consistent look (DESIGN.md §3, rule 4). */
export function needsConfirmation(deletions: number, owned: number): boolean {
  return deletions > Math.max(10, owned * 0.2);
}
