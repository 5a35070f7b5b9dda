// The AWS keys of an object: which identity it names, and how the operator gets the keys of that identity.
//
// Guarantees: the operator uses only the identity that the object names, least of all one of its own. Objects that take
// a role in the same way share its keys: one request at a time fetches them, and fetches new ones before they end. The
// request to AWS is made only of what the cache key is made of, so every object that shares an answer or a refusal
// would have got the same.

import { type ObjectKey, SECRETS } from '../../api/meta.ts';
import { OPERATOR_NAME } from '../../api/names.ts';
import type { AmbientIdentity } from '../../aws/ambient.ts';
import type { StsClient } from '../../aws/sts-client.ts';
import { type Access, credentialsNamespace, type PullSecretObject } from '../../core/resource.ts';
import type { KubeReader, TokenRequester } from '../../kube/client.ts';
import type { Load } from '../../lib/fair-semaphore.ts';
import { identityKey } from '../../lib/identity-key.ts';
import { type Clock, type DurationMs, MINUTE, type Random } from '../../lib/time.ts';
import {
  endpointOf,
  identityOfPair,
  type RefusedIdentity,
  type Resolved,
  refuse,
  remarkOn,
  type UsableIdentity,
} from './key-source.ts';
import { createSharedReads } from './referenced-objects.ts';
import { createRoleKeys } from './role-keys.ts';
import { readingSecretKeys } from './secret-keys.ts';
import { readingServiceAccountKeys } from './service-account-keys.ts';

export interface CredentialResolver {
  /** Never waits. Undefined: the operator is reading what the object refers to, and wakes the object afterwards. */
  resolve(object: PullSecretObject, access: Access): Resolved | undefined;
  /** A Secret changed: the next use reads it again. */
  forget(key: ObjectKey): void;
  /** The object with this uid is gone. */
  leave(uid: string): void;
  /** Reads of what objects refer to. */
  readonly load: Load;
}

export interface CredentialParts {
  readonly client: Pick<KubeReader, 'find'> & TokenRequester;
  readonly sts: StsClient;
  /** Undefined: no object may use the operator's own identity. */
  readonly ambient: AmbientIdentity | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly operatorNamespace: string;
  /** Adds the object with this uid to its queue. @returns false: there is no such object */
  readonly wake: (uid: string) => boolean;
  /** Ends reads. */
  readonly signal: AbortSignal;
  /** Why no object may use a ServiceAccount in this cluster; undefined: objects may. */
  readonly tokenAudienceProblem: string | undefined;
}

export function createCredentialResolver(parts: CredentialParts): CredentialResolver {
  const { client, sts, ambient, clock, random, operatorNamespace, tokenAudienceProblem } = parts;
  const reads = createSharedReads(parts);
  const roles = createRoleKeys(sts, clock, random);
  const ofSecret = readingSecretKeys(reads, clock);
  const ofServiceAccount = readingServiceAccountKeys({ client, reads, roles, sts, tokenAudienceProblem, clock });

  const ofAmbient = (access: Access): UsableIdentity | RefusedIdentity => {
    if (!ambient) {
      const message =
        "spec.awsAccess.ambient: use of the operator's own identity is switched off (--ambient-credentials=none)";
      return refuse(clock, message, true, (5 * MINUTE) as DurationMs);
    }
    const identity = identityKey('ambientIn', { ambient: ambient.identity, ...endpointOf(access) });
    const source = roles.source(identity, undefined, (signal) => ambient.keys(access, signal));
    const keys = { ...source, shown: { ambientSource: ambient.source } };
    const rest = { remark: undefined, lookAgainAt: undefined, session: OPERATOR_NAME };
    return { ok: true, keys, identity, ...rest, kept: [identity] };
  };

  const baseOf = (object: PullSecretObject, access: Access): UsableIdentity | RefusedIdentity | undefined => {
    const { identity } = access;
    const namespace = credentialsNamespace(object, operatorNamespace);
    switch (identity.op) {
      case 'inline':
        return { ...identityOfPair(identity.credentials, OPERATOR_NAME), remark: remarkOn(identity.mended) };
      case 'secretRef':
        return ofSecret(identity, namespace, object);
      case 'serviceAccount':
        return ofServiceAccount(identity, namespace, access, object);
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
      const { kept, keys, remark, lookAgainAt, identity } = roles.withRole(base, access);
      roles.keep(object.uid, kept);
      const at = endpointOf(access);
      const isUsual = !at.useFips && !at.useDualstack;
      const atEndpoint = isUsual ? identity : identityKey('endpoint', { identity, ...at });
      return { ok: true, keys, remark, lookAgainAt, identity: atEndpoint };
    },
  };
}
