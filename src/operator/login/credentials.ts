// The AWS keys of a CR: who it says it is, and how the keys for that are had when they are needed.
//
// Guarantees: nothing but what the CR names is ever used, least of all an identity of the operator's own; keys of a role are
// shared by everybody who takes it in the same way, one request at a time, and are fetched anew before they end; what AWS is asked for them is
// made of nothing but what their key is made of, so whoever shares an answer or a refusal would have got the same.

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
  type BaseIdentity,
  endpointOf,
  identityOfPair,
  type RefusedIdentity,
  type Resolved,
  refuse,
} from './key-source.ts';
import { createSharedReads } from './referenced-objects.ts';
import { createRoleKeys } from './role-keys.ts';
import { readingSecretKeys } from './secret-keys.ts';
import { readingServiceAccountKeys } from './service-account-keys.ts';

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

export function createCredentialResolver(parts: CredentialParts): CredentialResolver {
  const { client, sts, ambient, clock, random, operatorNamespace, tokenAudienceProblem } = parts;
  const reads = createSharedReads(parts);
  const roles = createRoleKeys(sts, clock, random);
  const ofSecret = readingSecretKeys(reads, clock);
  const ofServiceAccount = readingServiceAccountKeys({ client, reads, roles, sts, tokenAudienceProblem, clock });

  const ofAmbient = (access: Access): BaseIdentity | RefusedIdentity => {
    if (!ambient) {
      const message =
        "spec.awsAccess.ambient: use of the operator's own identity is switched off (--ambient-credentials=none)";
      return refuse(clock, message, true, (5 * MINUTE) as DurationMs);
    }
    const identity = identityKey('ambientIn', { ambient: ambient.identity, ...endpointOf(access) });
    const keys = roles.source(identity, undefined, (signal) => ambient.keys(access, signal));
    const rest = { remark: undefined, lookAgainAt: undefined, session: OPERATOR_NAME };
    return { ok: true, keys, identity, ...rest, kept: [identity] };
  };

  const baseOf = (object: PullSecretObject, access: Access): BaseIdentity | RefusedIdentity | undefined => {
    const { identity } = access;
    const namespace = credentialsNamespace(object, operatorNamespace);
    switch (identity.op) {
      case 'inline':
        return identityOfPair(identity.credentials, OPERATOR_NAME);
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
      const { kept, keys, remark, lookAgainAt, identity } = roles.withRole(base, access);
      roles.keep(object.uid, kept);
      const at = endpointOf(access);
      const isUsual = !at.useFips && !at.useDualstack;
      const atEndpoint = isUsual ? identity : identityKey('endpoint', { identity, ...at });
      return { ok: true, keys, remark, lookAgainAt, identity: atEndpoint };
    },
  };
}
