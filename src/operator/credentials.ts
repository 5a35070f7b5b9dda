// The AWS keys of a CR: who it says it is, and how the keys for that are had when they are needed.
//
// Guarantees: nothing but what the CR names is ever used, least of all an identity of the operator's own; keys of a role are
// shared by everybody who takes it in the same way, one request at a time, and are fetched anew before they end.

import { type ObjectKey, SECRETS, SERVICE_ACCOUNTS } from '../api/meta.ts';
import { ROLE_ARN_ANNOTATION, STS_AUDIENCE } from '../api/names.ts';
import { fingerprint, type Identity, isRoleArn, parseCredentials } from '../core/identity.ts';
import type { Access, PullSecretObject } from '../core/resource.ts';
import type { AmbientIdentity } from '../ecr/ambient.ts';
import { createLoginCache } from '../ecr/cache.ts';
import type { AwsKeys } from '../ecr/calls.ts';
import type { StsClient, TemporaryKeys } from '../ecr/sts.ts';
import type { KubeClient } from '../kube/client.ts';
import { digest } from '../lib/digest.ts';
import { Failure, failureFrom } from '../lib/errors.ts';
import { type JsonRecord, recordOf, stringMapOf } from '../lib/json.ts';
import { type Clock, type DurationMs, type EpochMs, MINUTE, plus, type Random } from '../lib/time.ts';
import { credentialsNamespace } from './cluster-view.ts';
import { createSharedReads } from './shared-reads.ts';

/** Gives the keys, from memory or by asking. @throws Failure */
export type KeySource = (signal: AbortSignal) => Promise<AwsKeys>;

export type Resolved =
  | {
      readonly ok: true;
      readonly keys: KeySource;
      /** The same for the same identity, however often its keys change. */
      readonly fingerprint: string;
      /** When to look again; undefined for what stands in the spec. */
      readonly lookAgainAt: EpochMs | undefined;
    }
  | { readonly ok: false; readonly message: string; readonly denied: boolean; readonly lookAgainAt: EpochMs };

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
type Base = Exclude<Resolved, { readonly ok: false }>;

export function createCredentialResolver(parts: CredentialParts): CredentialResolver {
  const { client, sts, ambient, clock, random, operatorNamespace } = parts;
  const reads = createSharedReads(client, clock);
  const roles = createLoginCache<TemporaryKeys & { readonly renewAt: EpochMs }>(clock, random);

  /** Keys of a role, shared by whoever has the same fingerprint. */
  const cached =
    (key: string, fetch: (signal: AbortSignal) => Promise<TemporaryKeys>): KeySource =>
    (signal) =>
      roles.get(key, async () => {
        const keys = await fetch(signal);
        return { ...keys, renewAt: (keys.expiresAt - MARGIN) as EpochMs };
      });

  const refusal = (message: string, denied: boolean, wait: DurationMs): Resolved => ({
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
    const { object: secret, fresh } = await reads.read(SECRETS, namespace, secretName, signal);
    if (!secret) return refusal(`${called} does not exist (spec.awsAccess.secretRef)`, true, fresh);
    const credentials = parseCredentials(secret['data'], names);
    if (typeof credentials === 'string') return refusal(`${called} ${credentials}`, true, fresh);
    const keys: KeySource = () => Promise.resolve(credentials);
    return { ok: true, keys, fingerprint: fingerprint(credentials), lookAgainAt: plus(clock.now(), fresh) };
  };

  const ofServiceAccount = async (
    { name, roleArn }: Extract<Identity, { op: 'serviceAccount' }>,
    { namespace, region, sessionName }: { namespace: string; region: string; sessionName: string },
    signal: AbortSignal,
  ): Promise<Resolved> => {
    const called = `service account ${name} in namespace ${namespace}`;
    const missing = `${called} does not exist (spec.awsAccess.serviceAccountRef)`;
    let role = roleArn;
    let lookAgainAt: EpochMs | undefined;
    if (role === undefined) {
      const { object: account, fresh } = await reads.read(SERVICE_ACCOUNTS, namespace, name, signal);
      if (!account) return refusal(missing, true, fresh);
      role = roleOf(account);
      if (role === undefined)
        return refusal(`${called} has no usable annotation ${ROLE_ARN_ANNOTATION}, and ${OR_NAME_IT}`, true, fresh);
      lookAgainAt = plus(clock.now(), fresh);
    }
    const key = digest('serviceAccount', namespace, name, role, region);
    const asked = { region, roleArn: role, sessionName };
    const fetch = async (inner: AbortSignal): Promise<TemporaryKeys> => {
      const terms = { audience: STS_AUDIENCE, seconds: TOKEN_SECONDS };
      const token = await client.requestToken({ namespace, name }, terms, inner);
      if (token === undefined) throw new Failure({ next: 'change', reason: 'NoServiceAccount', message: missing });
      return await sts.assumeRoleWithToken({ ...asked, token }, inner);
    };
    return { ok: true, keys: cached(key, fetch), fingerprint: key, lookAgainAt };
  };

  const ofAmbient = (region: string): Resolved => {
    if (!ambient) {
      const message =
        "spec.awsAccess.ambient: use of the operator's own identity is switched off (--ambient-credentials=none)";
      return refusal(message, true, (5 * MINUTE) as DurationMs);
    }
    const key = digest('ambient', region);
    return {
      ok: true,
      keys: cached(key, (signal) => ambient.keys(region, signal)),
      fingerprint: key,
      lookAgainAt: undefined,
    };
  };

  const withRole = (base: Base, { role, region }: Access, sessionName: string): Base => {
    if (!role) return base;
    const { roleArn, externalId } = role;
    const key = digest('role', base.fingerprint, roleArn, externalId ?? '', region);
    const fetch = async (signal: AbortSignal): Promise<TemporaryKeys> =>
      await sts.assumeRole({ region, roleArn, externalId, sessionName, keys: await base.keys(signal) }, signal);
    return { ...base, keys: cached(key, fetch), fingerprint: key };
  };

  const baseOf = async (object: PullSecretObject, access: Access, signal: AbortSignal): Promise<Resolved> => {
    const { identity, region } = access;
    const namespace = credentialsNamespace(object, operatorNamespace);
    switch (identity.op) {
      case 'inline': {
        const { credentials } = identity;
        const keys: KeySource = () => Promise.resolve(credentials);
        return { ok: true, keys, fingerprint: fingerprint(credentials), lookAgainAt: undefined };
      }
      case 'secretRef':
        return await ofSecret(identity, namespace, signal);
      case 'serviceAccount':
        return await ofServiceAccount(identity, { namespace, region, sessionName: sessionNameOf(object) }, signal);
      case 'ambient':
        return ofAmbient(region);
    }
  };

  return {
    forget: (key) => reads.forget(SECRETS, key),
    async resolve(object, access, signal) {
      try {
        const base = await baseOf(object, access, signal);
        if (!base.ok) return base;
        const resolved = withRole(base, access, sessionNameOf(object));
        // Another endpoint names other hosts: a login of its own.
        const { useFips, useDualstack } = access;
        if (!useFips && !useDualstack) return resolved;
        return { ...resolved, fingerprint: digest(resolved.fingerprint, `${useFips} ${useDualstack}`) };
      } catch (thrown) {
        const message = `spec.awsAccess: what it refers to could not be read: ${failureFrom(thrown).message}`;
        return refusal(message, false, TRY_AGAIN_AFTER);
      }
    },
  };
}

const OR_NAME_IT = 'spec.awsAccess.serviceAccountRef.roleArn is not set';

function roleOf(account: JsonRecord): string | undefined {
  const role = stringMapOf(recordOf(account['metadata'])['annotations']).get(ROLE_ARN_ANNOTATION);
  return isRoleArn(role) ? role : undefined;
}

/** Whoever reads CloudTrail sees for which object the role was taken first. */
function sessionNameOf({ namespace, name }: PullSecretObject): string {
  return namespace === undefined ? `ecr-${name}` : `ecr-${namespace}-${name}`;
}
