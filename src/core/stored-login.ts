// A login found in a Secret, believed only as far as the CR's own status proves it. Pure.

import type { LoginStatus } from '../api/schema.ts';
import { parseRfc3339 } from '../lib/time.ts';
import type { RegistryAuth } from './docker-config.ts';
import { type Login, loginDigest } from './login.ts';

/**
 * Times and hosts come from the status, which only the operator may write; the Secret gives nothing but the user name and
 * the password, and those only if their digest, together with the end that the status tells, is the one in the status. So who can edit a Secret
 * can neither lengthen a login nor plant one.
 *
 * @param status   one entry of `status.logins`
 * @param entries  of the Secret's `.dockerconfigjson`, by host
 * @returns undefined when the Secret does not hold this login
 */
export function proveLogin(status: LoginStatus, entries: ReadonlyMap<string, RegistryAuth>): Login | undefined {
  const { registry, hosts, digest } = status;
  const entry = entries.get(hosts[0] ?? '');
  const expiresAt = parseRfc3339(status.expiresAt);
  const refreshedAt = parseRfc3339(status.refreshedAt);
  const renewAt = parseRfc3339(status.nextRefreshAt);
  if (!entry || expiresAt === undefined || refreshedAt === undefined || renewAt === undefined) return undefined;
  if (loginDigest(entry, expiresAt) !== digest) return undefined;
  return { registry, ...entry, hosts, expiresAt, refreshedAt, renewAt, digest };
}

/**
 * The logins of today with those of their hosts that a Secret has, each of which is opened there by the login before. What somebody
 * else has put into it is left out.
 *
 * @param told     `status.logins`: only what they prove is heeded
 * @param entries  of the Secret's `.dockerconfigjson`, by host
 * @param wanted   the logins of today, with all the hosts that they are to open
 * @returns empty when the Secret holds none of the logins that are told of
 */
export function renewedAsStored(
  told: readonly LoginStatus[],
  entries: ReadonlyMap<string, RegistryAuth>,
  wanted: readonly Login[],
): readonly Login[] {
  return told.flatMap(({ registry, digest, expiresAt }) => {
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
