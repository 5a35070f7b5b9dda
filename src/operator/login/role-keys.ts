// Keys of roles. They end; objects that take a role in the same way share them, and new ones are fetched before that.

import type { StsClient, TemporaryKeys } from '../../aws/sts-client.ts';
import { createTokenCache } from '../../aws/token-cache.ts';
import { accountOfRole } from '../../core/identity.ts';
import type { Access } from '../../core/resource.ts';
import { type IdentityKey, identityKey } from '../../lib/identity-key.ts';
import { type Clock, type DurationMs, type EpochMs, MINUTE, type Random } from '../../lib/time.ts';
import { endpointOf, type KeySource, type UsableIdentity } from './key-source.ts';

export interface RoleKeys {
  /**
   * @param account  the account of the keys, where it is known without a request
   * @param fetch    requests them, one request at a time for each cache key; `force` reaches it
   */
  source(
    key: IdentityKey,
    account: string | undefined,
    fetch: (signal: AbortSignal, force: boolean) => Promise<TemporaryKeys>,
  ): KeySource;
  /** The identity that has taken the further role of `access`; `base` itself when there is none. */
  withRole(base: UsableIdentity, access: Access): UsableIdentity;
  /** The object with this uid uses these keys, and no others. */
  keep(uid: string, keys: readonly IdentityKey[]): void;
}

/** The last minutes of a role's keys are not used: a login that begins then may be signed after their end. */
const MARGIN = (5 * MINUTE) as DurationMs;

export function createRoleKeys(sts: Pick<StsClient, 'assumeRole'>, clock: Clock, random: Random): RoleKeys {
  const roles = createTokenCache<TemporaryKeys & { readonly renewAt: EpochMs }>(clock, random);

  const source: RoleKeys['source'] = (key, account, fetch) => ({
    account,
    shown: {},
    forget: () => roles.forget(key),
    get(signal, force = false) {
      const fetchOne = async () => {
        const keys = await fetch(signal, force);
        return { ...keys, renewAt: (keys.expiresAt - MARGIN) as EpochMs };
      };
      return roles.get(key, fetchOne, force ? { force, since: clock.monotonic() } : {});
    },
  });

  return {
    source,
    keep: (uid, keys) => roles.keep(uid, keys),
    withRole(base, access) {
      if (!access.role) return base;
      const { roleArn, externalId } = access.role;
      const at = endpointOf(access);
      const identity = identityKey('role', { base: base.identity, roleArn, externalId, ...at });
      const fetch = async (signal: AbortSignal, force: boolean): Promise<TemporaryKeys> => {
        const keys = await base.keys.get(signal, force);
        return await sts.assumeRole({ ...at, roleArn, externalId, sessionName: base.session, keys }, signal);
      };
      const hop = source(identity, accountOfRole(roleArn), fetch);
      const forget = (): void => {
        base.keys.forget();
        hop.forget();
      };
      return {
        ...base,
        keys: { ...hop, forget, shown: base.keys.shown },
        identity,
        kept: [...base.kept, identity],
      };
    },
  };
}
