// The AWS keys of a CR: who it says it is, and how the keys for that are had when they are needed.
//
// Guarantees: nothing but what the CR names is ever used, least of all an identity of the operator's own; keys of a role are
// shared by everybody who takes it in the same way, one request at a time, and are fetched anew before they end.

import { type ObjectKey, SECRETS, SERVICE_ACCOUNTS } from '../api/meta.ts';
import { ROLE_ARN_ANNOTATION, STS_AUDIENCE } from '../api/names.ts';
import {
  accountOfRole,
  type Credentials,
  fingerprint,
  type Identity,
  isRoleArn,
  parseCredentials,
} from '../core/identity.ts';
import type { Access, PullSecretObject } from '../core/resource.ts';
import type { AmbientIdentity } from '../ecr/ambient.ts';
import { createLoginCache } from '../ecr/cache.ts';
import type { AwsKeys } from '../ecr/calls.ts';
import type { RoleRequest, StsClient, TemporaryKeys } from '../ecr/sts.ts';
import { isForbidden } from '../kube/api-error.ts';
import type { KubeClient, ServiceAccountName } from '../kube/client.ts';
import { digest } from '../lib/digest.ts';
import { Failure, failureFrom } from '../lib/errors.ts';
import { type JsonRecord, recordOf, stringMapOf } from '../lib/json.ts';
import { type Clock, type DurationMs, type EpochMs, MINUTE, plus, type Random } from '../lib/time.ts';
import { credentialsNamespace } from './cluster-view.ts';
import { createSharedReads } from './shared-reads.ts';

/** Where the keys of an identity come from. */
export interface KeySource {
  /** From memory or by asking. @throws Failure */
  get(signal: AbortSignal): Promise<AwsKeys>;
  /** What is in memory is not good any more: the next `get` asks. */
  forget(): void;
  /** Whose keys they are, where that is known without asking: the account of a role. */
  readonly account: string | undefined;
}

export type Resolved =
  | {
      readonly ok: true;
      readonly keys: KeySource;
      /** What a user should know of them, though they are good. */
      readonly remark: string | undefined;
      /** The same for the same identity, however often its keys change. */
      readonly fingerprint: string;
      /** When to look again; undefined for what stands in the spec. */
      readonly lookAgainAt: EpochMs | undefined;
    }
  | {
      readonly ok: false;
      readonly message: string;
      readonly denied: boolean;
      readonly lookAgainAt: EpochMs;
      /** What was thrown, for the log only; undefined when nothing was. */
      readonly cause?: unknown;
    };

export interface CredentialResolver {
  resolve(object: PullSecretObject, access: Access, signal: AbortSignal): Promise<Resolved>;
  /** A Secret changed: it is read again at the next need. */
  forget(key: ObjectKey): void;
}

export interface CredentialParts {
  readonly client: KubeClient;
  readonly sts: StsClient;
  /** Undefined: nobody may use the operator's own identity. */
  readonly ambient: AmbientIdentity | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly operatorNamespace: string;
}

/** While the API server does not answer. */
const TRY_AGAIN_AFTER = (MINUTE / 6) as DurationMs;
/** The shortest life that a TokenRequest takes (Kubernetes API reference, TokenRequestSpec). */
const TOKEN_SECONDS = 600;
/** Keys of a role are not used in their last minutes: a login that begins then would not be signed to its end. */
const MARGIN = (5 * MINUTE) as DurationMs;

/** What an identity comes to before any role is taken with it. */
type Base = Extract<Resolved, { readonly ok: true }>;
type Refused = Extract<Resolved, { readonly ok: false }>;

export function createCredentialResolver(parts: CredentialParts): CredentialResolver {
  const { client, sts, ambient, clock, random, operatorNamespace } = parts;
  const reads = createSharedReads(client, clock);
  const roles = createLoginCache<TemporaryKeys & { readonly renewAt: EpochMs }>(clock, random);

  /** Keys that end, shared by whoever has the same fingerprint and asks the same endpoint: another one may not be there. */
  const cached = (
    identity: string,
    { useFips, useDualstack }: Pick<Access, 'useFips' | 'useDualstack'>,
    account: string | undefined,
    fetch: (signal: AbortSignal) => Promise<TemporaryKeys>,
  ): KeySource => {
    const key = digest(identity, `${useFips} ${useDualstack}`);
    return {
      account,
      forget: () => roles.forget(key),
      get: (signal) =>
        roles.get(key, async () => {
          const keys = await fetch(signal);
          return { ...keys, renewAt: (keys.expiresAt - MARGIN) as EpochMs };
        }),
    };
  };

  const refusal = (message: string, denied: boolean, wait: DurationMs): Refused => ({
    ok: false,
    message,
    denied,
    lookAgainAt: plus(clock.now(), wait),
  });

  const ofSecret = async (
    { secretName, keys: names }: Extract<Identity, { op: 'secretRef' }>,
    namespace: string,
    signal: AbortSignal,
  ): Promise<Resolved> => {
    const called = `secret ${secretName} in namespace ${namespace}`;
    const about = JSON.stringify(names);
    const pick = (secret: JsonRecord): ReturnType<typeof parseCredentials> => parseCredentials(secret['data'], names);
    const asked = { resource: SECRETS, namespace, name: secretName, about, pick };
    const { part: found, fresh } = await reads.read(asked, signal);
    if (!found) return refusal(`${called} does not exist (spec.awsAccess.secretRef)`, true, fresh);
    if (typeof found === 'string') return refusal(`${called} ${found}`, true, fresh);
    const { credentials, trimmed } = found;
    const remark =
      trimmed.length === 0 ? undefined : `${called}: white space around ${trimmed.join(' and ')} was left out`;
    return { ...ofPair(credentials), remark, lookAgainAt: plus(clock.now(), fresh) };
  };

  const ofServiceAccount = async (
    { name, roleArn }: Extract<Identity, { op: 'serviceAccount' }>,
    namespace: string,
    session: Session,
    signal: AbortSignal,
  ): Promise<Resolved> => {
    const called = `service account ${name} in namespace ${namespace}`;
    const missing = `${called} does not exist (spec.awsAccess.serviceAccountRef)`;
    let role = roleArn;
    let lookAgainAt: EpochMs | undefined;
    if (role === undefined) {
      const question = { resource: SERVICE_ACCOUNTS, namespace, name, about: 'role', pick: roleOf };
      const { part: found, fresh } = await reads.read(question, signal);
      if (!found) return refusal(missing, true, fresh);
      ({ role } = found);
      if (role === undefined)
        return refusal(`${called} has no usable annotation ${ROLE_ARN_ANNOTATION}, and ${OR_NAME_IT}`, true, fresh);
      lookAgainAt = plus(clock.now(), fresh);
    }
    const key = digest('serviceAccount', namespace, name, role, session.region);
    const asked = { ...session, roleArn: role };
    const fetch = async (inner: AbortSignal): Promise<TemporaryKeys> => {
      const token = await tokenOf({ namespace, name }, called, inner);
      if (token === undefined) throw new Failure({ next: 'change', reason: 'NoServiceAccount', message: missing });
      return await sts.assumeRoleWithToken({ ...asked, token }, inner);
    };
    const keys = cached(key, session, accountOfRole(role), fetch);
    return { ok: true, keys, remark: undefined, fingerprint: key, lookAgainAt };
  };

  const tokenOf = async (
    account: ServiceAccountName,
    called: string,
    signal: AbortSignal,
  ): Promise<string | undefined> => {
    try {
      return await client.requestToken(account, { audience: STS_AUDIENCE, seconds: TOKEN_SECONDS }, signal);
    } catch (cause) {
      if (!isForbidden(cause)) throw cause;
      const message = `the operator may not request tokens of ${called}: it needs the right to create serviceaccounts/token, which is off by default`;
      throw new Failure({ next: 'change', reason: 'TokenRequestForbidden', message, cause });
    }
  };

  const ofAmbient = (access: Access): Resolved => {
    if (!ambient) {
      const message =
        "spec.awsAccess.ambient: use of the operator's own identity is switched off (--ambient-credentials=none)";
      return refusal(message, true, (5 * MINUTE) as DurationMs);
    }
    const key = digest('ambient', ambient.fingerprint, access.region);
    const keys = cached(key, access, undefined, (signal) => ambient.keys(access, signal));
    return { ok: true, keys, remark: undefined, fingerprint: key, lookAgainAt: undefined };
  };

  const withRole = (base: Base, { role }: Access, session: Session): Base => {
    if (!role) return base;
    const { roleArn, externalId } = role;
    const key = digest('role', base.fingerprint, roleArn, externalId ?? '', session.region);
    const fetch = async (signal: AbortSignal): Promise<TemporaryKeys> =>
      await sts.assumeRole({ ...session, roleArn, externalId, keys: await base.keys.get(signal) }, signal);
    const hop = cached(key, session, accountOfRole(roleArn), fetch);
    const forget = (): void => {
      base.keys.forget();
      hop.forget();
    };
    return { ...base, keys: { ...hop, forget }, fingerprint: key };
  };

  const baseOf = async (object: PullSecretObject, access: Access, signal: AbortSignal): Promise<Resolved> => {
    const { identity } = access;
    const namespace = credentialsNamespace(object, operatorNamespace);
    switch (identity.op) {
      case 'inline':
        return ofPair(identity.credentials);
      case 'secretRef':
        return await ofSecret(identity, namespace, signal);
      case 'serviceAccount':
        return await ofServiceAccount(identity, namespace, sessionOf(object, access), signal);
      case 'ambient':
        return ofAmbient(access);
    }
  };

  return {
    forget: (key) => reads.forget(SECRETS, key),
    async resolve(object, access, signal) {
      try {
        const base = await baseOf(object, access, signal);
        if (!base.ok) return base;
        const resolved = withRole(base, access, sessionOf(object, access));
        // Another endpoint names other hosts: a login of its own.
        const { useFips, useDualstack } = access;
        if (!useFips && !useDualstack) return resolved;
        return { ...resolved, fingerprint: digest(resolved.fingerprint, `${useFips} ${useDualstack}`) };
      } catch (thrown) {
        const message = `spec.awsAccess: what it refers to could not be read: ${failureFrom(thrown).message}`;
        return { ...refusal(message, false, TRY_AGAIN_AFTER), cause: thrown };
      }
    },
  };
}

const OR_NAME_IT = 'spec.awsAccess.serviceAccountRef.roleArn is not set';

function roleOf(account: JsonRecord): { readonly role: string | undefined } {
  const role = stringMapOf(recordOf(account['metadata'])['annotations']).get(ROLE_ARN_ANNOTATION);
  return { role: isRoleArn(role) ? role : undefined };
}

function ofPair(credentials: Credentials): Base {
  const keys: KeySource = { account: undefined, forget: () => {}, get: () => Promise.resolve(credentials) };
  return { ok: true, keys, remark: undefined, fingerprint: fingerprint(credentials), lookAgainAt: undefined };
}

/** Where a role is taken, and under which name: whoever reads CloudTrail sees for which object that was done first. */
type Session = Pick<RoleRequest, 'region' | 'useFips' | 'useDualstack' | 'sessionName'>;

function sessionOf({ namespace, name }: PullSecretObject, { region, useFips, useDualstack }: Access): Session {
  const sessionName = namespace === undefined ? `ecr-${name}` : `ecr-${namespace}-${name}`;
  return { region, useFips, useDualstack, sessionName };
}
