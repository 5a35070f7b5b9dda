// The permissions in the stand-in: keys, roles and their trust policies. Decides; knows no HTTP and no signatures.

import { randomBytes } from 'node:crypto';
import { type DurationMs, type EpochMs, HOUR, plus } from '../../src/lib/time.ts';
import { type Refusal, refuse } from './refusal.ts';
import type { SigningKey } from './sigv4.ts';
import { type Claims, type IdentityProvider, verifyIdentityToken } from './web-identity.ts';

/** A key the stand-in knows. */
export interface AwsKey extends SigningKey, Permissions {
  readonly accessKeyId: string;
  /** 12 digits. */
  readonly accountId: string;
  /** ARN of the key's owner. Default: a user called `test`. */
  readonly principal?: string;
}

interface Permissions {
  /** false: every operation is refused with `AccessDeniedException`. Default true. */
  readonly allowed?: boolean;
  /** Actions that are refused although `allowed`, such as `sts:GetServiceBearerToken`. */
  readonly mayNot?: readonly string[];
}

/** Who may assume a role. */
export type Trust =
  | { readonly op: 'account'; readonly accountId: string; readonly externalId?: string }
  /** The `sub` and `aud` of a token that the provider with this `issuer` signed. */
  | { readonly op: 'webIdentity'; readonly issuer: string; readonly subject: string; readonly audience: string };

export interface AwsRole extends Permissions {
  readonly arn: string;
  readonly trusts: readonly Trust[];
  /** Default an hour (STS API reference, AssumeRole). */
  readonly sessionLifeMs?: number;
}

/** A verified caller. */
export interface Caller {
  readonly accountId: string;
  readonly principal: string;
  /** Whether the caller's policies allow an action such as `ecr:GetAuthorizationToken`. */
  may(action: string): boolean;
}

export interface Session {
  readonly key: AwsKey & Required<Pick<AwsKey, 'sessionToken' | 'expiresAt' | 'principal'>>;
}

export interface Iam {
  addKey(key: AwsKey): void;
  removeKey(accessKeyId: string): void;
  findKey(accessKeyId: string): AwsKey | undefined;
  addRole(role: AwsRole): void;
  removeRole(arn: string): void;
  addIdentityProvider(provider: IdentityProvider): void;
  callerOf(key: AwsKey): Caller;
  /** @returns the keys of a new session, which are known from now on */
  assumeRole(caller: Caller, request: RoleRequest, now: EpochMs): Session | Refusal;
  /** As `assumeRole`, for the holder of a token of an identity provider. */
  assumeRoleWithToken(token: string, request: RoleRequest, now: EpochMs): Session | Refusal;
}

export interface RoleRequest {
  readonly roleArn: string;
  readonly sessionName: string;
  readonly externalId?: string | undefined;
}

/** @param onSecret  called with every key that is learned or made */
export function createIam(onSecret: (sort: 'id' | 'key', secret: string) => void): Iam {
  const keys = new Map<string, AwsKey>();
  const roles = new Map<string, AwsRole>();
  const providers = new Map<string, IdentityProvider>();

  const learn = (key: AwsKey): void => {
    keys.set(key.accessKeyId, key);
    onSecret('id', key.accessKeyId);
    onSecret('key', key.secretAccessKey);
    if (key.sessionToken !== undefined) onSecret('key', key.sessionToken);
  };

  const startSession = (role: AwsRole, { sessionName }: RoleRequest, now: EpochMs): Session => {
    const { arn, sessionLifeMs = HOUR, allowed = true, mayNot = [] } = role;
    const accountId = arn.split(':')[4] ?? '';
    const key = {
      accessKeyId: `ASIA${randomBytes(10).toString('hex').slice(0, 16).toUpperCase()}`,
      secretAccessKey: randomBytes(30).toString('base64'),
      sessionToken: randomBytes(300).toString('base64'),
      expiresAt: plus(now, sessionLifeMs as DurationMs),
      accountId,
      principal: `arn:aws:sts::${accountId}:assumed-role/${arn.split('/').at(-1)}/${sessionName}`,
      allowed,
      mayNot,
    };
    learn(key);
    return { key };
  };

  return {
    addKey: learn,
    removeKey: (accessKeyId) => void keys.delete(accessKeyId),
    findKey: (accessKeyId) => keys.get(accessKeyId),
    addRole: (role) => void roles.set(role.arn, role),
    removeRole: (arn) => void roles.delete(arn),
    addIdentityProvider: (provider) => void providers.set(provider.issuer, provider),
    callerOf: ({ accountId, principal = `arn:aws:iam::${accountId}:user/test`, allowed = true, mayNot = [] }) => ({
      accountId,
      principal,
      may: (action) => allowed && !mayNot.includes(action),
    }),
    assumeRole(caller, request, now) {
      const role = roles.get(request.roleArn);
      const isTrusted = role?.trusts.some(
        (trust) =>
          trust.op === 'account' &&
          trust.accountId === caller.accountId &&
          (trust.externalId === undefined || trust.externalId === request.externalId),
      );
      if (role && isTrusted && caller.may('sts:AssumeRole')) return startSession(role, request, now);
      // A missing role looks like one that does not trust the caller.
      return mayNotAssume(`User: ${caller.principal}`, 'sts:AssumeRole', request.roleArn);
    },
    assumeRoleWithToken(token, request, now) {
      const claims = verifyIdentityToken(token, providers, now);
      if ('code' in claims) return claims;
      const role = roles.get(request.roleArn);
      const isTrusted = role?.trusts.some((trust) => trust.op === 'webIdentity' && isMeant(trust, claims));
      if (role && isTrusted) return startSession(role, request, now);
      return refuse('AccessDenied', 'Not authorized to perform sts:AssumeRoleWithWebIdentity', 403);
    },
  };
}

function isMeant(trust: Extract<Trust, { op: 'webIdentity' }>, { issuer, subject, audiences }: Claims): boolean {
  return trust.issuer === issuer && trust.subject === subject && audiences.includes(trust.audience);
}

function mayNotAssume(who: string, action: string, resource: string): Refusal {
  return refuse('AccessDenied', `${who} is not authorized to perform: ${action} on resource: ${resource}`, 403);
}
