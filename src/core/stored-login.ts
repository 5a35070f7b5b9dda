// A login found in a Secret, believed only as far as the object's own status proves it. Pure.

import type { LoginStatus } from '../api/schema.ts';
import { digest } from '../lib/digest.ts';
import { parseRfc3339 } from '../lib/time.ts';
import type { RegistryAuth } from './docker-config.ts';
import { type Login, loginDigest } from './login.ts';
import type { SeenSecret } from './seen-secret.ts';

/**
 * Times and hosts come from the status, which only the operator may write. The Secret contributes only the user name
 * and the password, and those only if their digest, together with the end in the status, is the one in the status. So
 * an editor of the Secret can neither lengthen a login nor plant one.
 *
 * @param status   one entry of `status.logins`
 * @param entries  of the Secret's `.dockerconfigjson`, by host
 * @returns undefined when the Secret does not hold this login
 */
export function proveLogin(status: LoginStatus, entries: ReadonlyMap<string, RegistryAuth>): Login | undefined {
  const { registry, hosts, digest, accessKeyIdSuffix, ambientSource } = status;
  const entry = entries.get(hosts[0] ?? '');
  const expiresAt = parseRfc3339(status.expiresAt);
  const refreshedAt = parseRfc3339(status.refreshedAt);
  const renewAt = parseRfc3339(status.nextRefreshAt);
  if (!entry || expiresAt === undefined || refreshedAt === undefined || renewAt === undefined) return undefined;
  if (loginDigest(entry, expiresAt) !== digest) return undefined;
  const shown = {
    ...(accessKeyIdSuffix === undefined ? {} : { accessKeyIdSuffix }),
    ...(ambientSource === undefined ? {} : { ambientSource }),
  };
  return {
    registry,
    ...entry,
    hosts,
    expiresAt,
    refreshedAt,
    renewAt,
    digest,
    ...(Object.keys(shown).length === 0 ? {} : { shown }),
  };
}

/**
 * The current logins, each with those of its hosts that the Secret opens with the previous login. Entries that anybody
 * else put into the Secret are left out.
 *
 * @param proofs   `status.logins`: only entries that they prove count
 * @param entries  of the Secret's `.dockerconfigjson`, by host
 * @param wanted   the current logins, with all the hosts that they are to open
 * @returns empty when the Secret holds none of the logins in the status
 */
export function renewedAsStored(
  proofs: readonly LoginStatus[],
  entries: ReadonlyMap<string, RegistryAuth>,
  wanted: readonly Login[],
): readonly Login[] {
  return proofs.flatMap(({ registry, digest, expiresAt }) => {
    const end = parseRfc3339(expiresAt);
    const login = wanted.find((one) => one.registry === registry);
    if (end === undefined || !login) return [];
    const hosts = login.hosts.filter((host) => {
      const auth = entries.get(host);
      return auth !== undefined && loginDigest(auth, end) === digest;
    });
    return hosts.length === 0 ? [] : [{ ...login, hosts }];
  });
}

type Place = Pick<SeenSecret, 'namespace' | 'name'>;

/**
 * The order in which to read Secrets labelled for one object. A user who controls a namespace that a selector matched
 * can create any number there, under any name. So those in namespaces that the object names come first, the first of
 * each namespace comes before the second of any, and the rest of the order is unpredictable without `secret`.
 *
 * @param named   namespaces that the object names
 * @param secret  differs from login to login
 */
export function likeliestFirst<Seen extends Place>(
  secrets: readonly Seen[],
  named: ReadonlySet<string>,
  secret: string,
): readonly Seen[] {
  const lot = secrets.map((seen) => ({ seen, drawn: digest(secret, seen.namespace, seen.name) }));
  lot.sort((one, other) => (one.drawn < other.drawn ? -1 : 1));
  const counts = new Map<string, number>();
  const ranked = lot.map(({ seen }) => {
    const before = counts.get(seen.namespace) ?? 0;
    counts.set(seen.namespace, before + 1);
    return { seen, rank: 2 * before + (named.has(seen.namespace) ? 0 : 1) };
  });
  return ranked.sort((one, other) => one.rank - other.rank).map(({ seen }) => seen);
}

/**
 * The inputs annotation that most namespaces' Secrets share: an editor of one Secret can write any value into its own.
 */
export function commonInputs(inOrder: readonly Pick<SeenSecret, 'namespace' | 'inputs'>[]): string | undefined {
  const namespaces = new Set<string>();
  const votes = new Map<string, number>();
  for (const { namespace, inputs } of inOrder) {
    if (inputs === undefined || namespaces.has(namespace)) continue;
    namespaces.add(namespace);
    votes.set(inputs, (votes.get(inputs) ?? 0) + 1);
  }
  const most = Math.max(...votes.values());
  return [...votes].find(([, count]) => count === most)?.[0];
}
