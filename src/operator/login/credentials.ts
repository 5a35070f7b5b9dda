// The AWS keys of a CR: who it says it is, and how the keys for that are had when they are needed.
//
// Guarantees: nothing but what the CR names is ever used, least of all an identity of the operator's own; keys of a role are
// shared by everybody who takes it in the same way, one request at a time, and are fetched anew before they end; what AWS is asked for them is
// made of nothing but what their key is made of, so whoever shares an answer or a refusal would have got the same.

import { type ObjectKey, SECRETS, SERVICE_ACCOUNTS } from '../../api/meta.ts';
import { OPERATOR_NAME, ROLE_ARN_ANNOTATION, STS_AUDIENCE } from '../../api/names.ts';
import type { AmbientIdentity } from '../../aws/ambient.ts';
import type { AwsKeys, Endpoints } from '../../aws/calls.ts';
import type { StsClient, TemporaryKeys } from '../../aws/sts-client.ts';
import { createTokenCache } from '../../aws/token-cache.ts';
import { accountOfRole, type Credentials, type Identity, isRoleArn, parseCredentials } from '../../core/identity.ts';
import type { Access, PullSecretObject } from '../../core/resource.ts';
import { credentialsNamespace } from '../../core/resource.ts';
import { isForbidden } from '../../kube/api-error.ts';
import type { KubeReader, ServiceAccountName, TokenRequester } from '../../kube/client.ts';
import { Failure, failureFrom } from '../../lib/errors.ts';
import type { Load } from '../../lib/fair-semaphore.ts';
import { type IdentityKey, identityKey } from '../../lib/identity-key.ts';
import { type JsonRecord, recordOf, stringMapOf, stringOf } from '../../lib/json.ts';
import { type Clock, type DurationMs, type EpochMs, HOUR, MINUTE, plus, type Random } from '../../lib/time.ts';
import { createSharedReads, type ReferenceRead } from './referenced-objects.ts';

/** Where the keys of an identity come from. */
export interface KeySource {
  /**
   * From memory or by asking.
   *
   * @param force  not from memory, and in spite of an earlier refusal; what is in memory stays until there are others
   * @throws Failure
   */
  get(signal: AbortSignal, force?: boolean): Promise<AwsKeys>;
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
      readonly identity: IdentityKey;
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
  /** Never waits. Undefined: what the object refers to is being read, and the object is woken when it has been. */
  resolve(object: PullSecretObject, access: Access): Resolved | undefined;
  /** A Secret changed: it is read again at the next need. */
  forget(key: ObjectKey): void;
  /** The object with this uid is gone. */
  leave(uid: string): void;
  /** Reads of what objects refer to. */
  readonly load: Load;
}

export interface CredentialParts {
  readonly client: Pick<KubeReader, 'find'> & TokenRequester;
  readonly sts: StsClient;
  /** Undefined: nobody may use the operator's own identity. */
  readonly ambient: AmbientIdentity | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly operatorNamespace: string;
  /** The object with this uid is to be worked on. @returns false: there is none any more */
  readonly wake: (uid: string) => boolean;
  /** Ends what is read. */
  readonly signal: AbortSignal;
  /** Why no ServiceAccount may be used in this cluster; undefined: they may. */
  readonly tokenAudienceProblem?: string | undefined;
}

/** The shortest life that a TokenRequest takes (Kubernetes API reference, TokenRequestSpec). */
const TOKEN_SECONDS = 600;
/** Keys of a role are not used in their last minutes: a login that begins then would not be signed to its end. */
const MARGIN = (5 * MINUTE) as DurationMs;

/** What an identity comes to before any role is taken with it. */
type Base = Extract<Resolved, { readonly ok: true }> & {
  /** Name of the session in which a further role is taken (`RoleSessionName`): who asks, in CloudTrail. Part of the identity. */
  readonly session: string;
  /** Keys that are kept in memory for it. */
  readonly kept: readonly IdentityKey[];
};
type Refused = Extract<Resolved, { readonly ok: false }>;

export function createCredentialResolver(parts: CredentialParts): CredentialResolver {
  const { client, sts, ambient, clock, random, operatorNamespace } = parts;
  const reads = createSharedReads(parts);
  const roles = createTokenCache<TemporaryKeys & { readonly renewAt: EpochMs }>(clock, random);

  /** Keys that end, shared by whoever has the same identity. */
  const cached = (
    key: IdentityKey,
    account: string | undefined,
    fetch: (signal: AbortSignal, force: boolean) => Promise<TemporaryKeys>,
  ): KeySource => ({
    account,
    forget: () => roles.forget(key),
    get: (signal, force = false) => {
      const fetchOne = async () => {
        const keys = await fetch(signal, force);
        return { ...keys, renewAt: (keys.expiresAt - MARGIN) as EpochMs };
      };
      return roles.get(key, fetchOne, force ? { force, since: clock.monotonic() } : {});
    },
  });

  const refusal = (message: string, denied: boolean, wait: DurationMs, cause?: unknown): Refused => ({
    ok: false,
    message,
    denied,
    lookAgainAt: plus(clock.now(), wait),
    ...(cause === undefined ? {} : { cause }),
  });

  const unread = ({ thrown, fresh }: Extract<ReferenceRead<unknown>, { readonly ok: false }>): Refused => {
    const message = `spec.awsAccess: what it refers to could not be read: ${failureFrom(thrown).message}`;
    return refusal(message, false, fresh, thrown);
  };

  const ofSecret = (
    { secretName, keys: names }: Extract<Identity, { op: 'secretRef' }>,
    namespace: string,
    uid: string,
  ): Base | Refused | undefined => {
    const called = `secret ${secretName} in namespace ${namespace}`;
    const about = JSON.stringify(names);
    const pick = (secret: JsonRecord): ReturnType<typeof parseCredentials> => parseCredentials(secret['data'], names);
    const read = reads.read({ resource: SECRETS, namespace, name: secretName, about, pick }, uid);
    if (!read?.ok) return read && unread(read);
    const { part: found, fresh } = read;
    if (!found) return refusal(`${called} does not exist (spec.awsAccess.secretRef)`, true, fresh);
    if (typeof found === 'string') return refusal(`${called} ${found}`, true, fresh);
    const { credentials, trimmed } = found;
    const remark =
      trimmed.length === 0 ? undefined : `${called}: white space around ${trimmed.join(' and ')} was left out`;
    return { ...ofPair(credentials), remark, lookAgainAt: plus(clock.now(), fresh) };
  };

  const ofServiceAccount = (
    { name, roleArn }: Extract<Identity, { op: 'serviceAccount' }>,
    namespace: string,
    access: Access,
    objectUid: string,
  ): Base | Refused | undefined => {
    if (parts.tokenAudienceProblem !== undefined) return refusal(parts.tokenAudienceProblem, true, HOUR);
    const called = `service account ${name} in namespace ${namespace}`;
    const missing = `${called} does not exist (spec.awsAccess.serviceAccountRef)`;
    const question = { resource: SERVICE_ACCOUNTS, namespace, name, about: 'role', pick: accountOf };
    const read = reads.read(question, objectUid);
    if (!read?.ok) return read && unread(read);
    const { part: found, fresh } = read;
    if (!found) return refusal(missing, true, fresh);
    const role = roleArn ?? found.role;
    if (role === undefined)
      return refusal(`${called} has no usable annotation ${ROLE_ARN_ANNOTATION}, and ${OR_NAME_IT}`, true, fresh);
    const at = endpointOf(access);
    // One that was deleted and made anew is another account.
    const identity = identityKey('serviceAccount', { namespace, name, uid: found.uid, roleArn: role, ...at });
    const session = `ecr-${namespace}-${name}`;
    const fetch = async (inner: AbortSignal): Promise<TemporaryKeys> => {
      const token = await tokenOf({ namespace, name }, called, inner);
      if (token === undefined) throw new Failure({ next: 'change', reason: 'NoServiceAccount', message: missing });
      return await sts.assumeRoleWithToken({ ...at, roleArn: role, sessionName: session, token }, inner);
    };
    const keys = cached(identity, accountOfRole(role), fetch);
    const lookAgainAt = plus(clock.now(), fresh);
    return { ok: true, keys, remark: undefined, identity, lookAgainAt, session, kept: [identity] };
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

  const ofAmbient = (access: Access): Base | Refused => {
    if (!ambient) {
      const message =
        "spec.awsAccess.ambient: use of the operator's own identity is switched off (--ambient-credentials=none)";
      return refusal(message, true, (5 * MINUTE) as DurationMs);
    }
    const identity = identityKey('ambientIn', { ambient: ambient.identity, ...endpointOf(access) });
    const keys = cached(identity, undefined, (signal) => ambient.keys(access, signal));
    const rest = { remark: undefined, lookAgainAt: undefined, session: OPERATOR_NAME };
    return { ok: true, keys, identity, ...rest, kept: [identity] };
  };

  const withRole = (base: Base, access: Access): Base => {
    if (!access.role) return base;
    const { roleArn, externalId } = access.role;
    const at = endpointOf(access);
    const identity = identityKey('role', { base: base.identity, roleArn, externalId, ...at });
    const fetch = async (signal: AbortSignal, force: boolean): Promise<TemporaryKeys> => {
      const keys = await base.keys.get(signal, force);
      return await sts.assumeRole({ ...at, roleArn, externalId, sessionName: base.session, keys }, signal);
    };
    const hop = cached(identity, accountOfRole(roleArn), fetch);
    const forget = (): void => {
      base.keys.forget();
      hop.forget();
    };
    return { ...base, keys: { ...hop, forget }, identity, kept: [...base.kept, identity] };
  };

  const baseOf = (object: PullSecretObject, access: Access): Base | Refused | undefined => {
    const { identity } = access;
    const namespace = credentialsNamespace(object, operatorNamespace);
    switch (identity.op) {
      case 'inline':
        return ofPair(identity.credentials);
      case 'secretRef':
        return ofSecret(identity, namespace, object.uid);
      case 'serviceAccount':
        return ofServiceAccount(identity, namespace, access, object.uid);
      case 'ambient':
        return ofAmbient(access);
    }
  };

  return {
    load: reads.load,
    forget: (key) => reads.forget(SECRETS, key),
    leave(uid) {
      reads.leave(uid);
      roles.keep(uid, []);
    },
    resolve(object, access) {
      const base = baseOf(object, access);
      if (!base?.ok) return base;
      const { kept, keys, remark, lookAgainAt, identity } = withRole(base, access);
      roles.keep(object.uid, kept);
      const at = endpointOf(access);
      const isUsual = !at.useFips && !at.useDualstack;
      const atEndpoint = isUsual ? identity : identityKey('endpoint', { identity, ...at });
      return { ok: true, keys, remark, lookAgainAt, identity: atEndpoint };
    },
  };
}

const OR_NAME_IT = 'spec.awsAccess.serviceAccountRef.roleArn is not set';

/** Which ServiceAccount it is, and the role in its annotation. */
function accountOf(account: JsonRecord): { readonly uid: string; readonly role: string | undefined } {
  const metadata = recordOf(account['metadata']);
  const role = stringMapOf(metadata['annotations']).get(ROLE_ARN_ANNOTATION);
  return { uid: stringOf(metadata['uid']) ?? '', role: isRoleArn(role) ? role : undefined };
}

/** The same pair is the same identity wherever it stands: AWS asks for nothing else. */
function ofPair({ accessKeyId, secretAccessKey, sessionToken }: Credentials): Base {
  const pair = { accessKeyId, secretAccessKey, sessionToken };
  const keys: KeySource = { account: undefined, forget: () => {}, get: () => Promise.resolve(pair) };
  const identity = identityKey('pair', pair);
  return { ok: true, keys, remark: undefined, identity, lookAgainAt: undefined, session: OPERATOR_NAME, kept: [] };
}

function endpointOf({ region, useFips, useDualstack }: Access): Endpoints {
  return { region, useFips, useDualstack };
}
