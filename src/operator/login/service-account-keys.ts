// Keys of a role that the operator takes with a token of a ServiceAccount.

import { SERVICE_ACCOUNTS } from '../../api/meta.ts';
import { ROLE_ARN_ANNOTATION, STS_AUDIENCE } from '../../api/names.ts';
import type { StsClient, TemporaryKeys } from '../../aws/sts-client.ts';
import { accountOfRole, type Identity, isRoleArn } from '../../core/identity.ts';
import { type Access, forcedBy, type PullSecretObject } from '../../core/resource.ts';
import { isForbidden } from '../../kube/api-error.ts';
import type { ServiceAccountName, TokenRequester } from '../../kube/client.ts';
import { Failure } from '../../lib/errors.ts';
import { identityKey } from '../../lib/identity-key.ts';
import { type JsonRecord, recordOf, stringMapOf, stringOf } from '../../lib/json.ts';
import { type Clock, HOUR, plus } from '../../lib/time.ts';
import { endpointOf, type RefusedIdentity, refuse, type UsableIdentity, unread } from './key-source.ts';
import { LOOKS_AGAIN, type SharedReads } from './referenced-objects.ts';
import type { RoleKeys } from './role-keys.ts';

export type IdentityOfServiceAccount = (
  reference: Extract<Identity, { op: 'serviceAccount' }>,
  namespace: string,
  access: Access,
  user: Pick<PullSecretObject, 'uid' | 'reconcileAt' | 'status'>,
) => UsableIdentity | RefusedIdentity | undefined;

export interface ServiceAccountKeysParts {
  readonly client: TokenRequester;
  readonly reads: SharedReads;
  readonly roles: RoleKeys;
  readonly sts: Pick<StsClient, 'assumeRoleWithToken'>;
  /** Why no object may use a ServiceAccount in this cluster; undefined: objects may. */
  readonly tokenAudienceProblem: string | undefined;
  readonly clock: Clock;
}

/** The shortest life that a TokenRequest takes (Kubernetes API reference, TokenRequestSpec). */
const TOKEN_SECONDS = 600;
const OR_NAME_IT = 'spec.awsAccess.serviceAccountRef.roleArn is not set';

/**
 * @returns the identity; undefined while the operator reads the ServiceAccount for the object with this uid, which it
 *          wakes afterwards
 */
export function readingServiceAccountKeys(parts: ServiceAccountKeysParts): IdentityOfServiceAccount {
  const { client, reads, roles, sts, tokenAudienceProblem, clock } = parts;

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

  return ({ name, roleArn }, namespace, access, user) => {
    if (tokenAudienceProblem !== undefined) return refuse(clock, tokenAudienceProblem, true, HOUR);
    const called = `service account ${name} in namespace ${namespace}`;
    const missing = `${called} does not exist (spec.awsAccess.serviceAccountRef)`;
    const question = { resource: SERVICE_ACCOUNTS, namespace, name, about: 'role', pick: accountOf };
    const read = reads.read(question, user.uid, forcedBy(user));
    if (!read?.ok) return read && unread(read, clock);
    const { part: found, fresh } = read;
    if (!found) return refuse(clock, `${missing}: ${LOOKS_AGAIN}`, true, fresh);
    const role = roleArn ?? found.role;
    if (role === undefined)
      return refuse(clock, `${called} has no usable annotation ${ROLE_ARN_ANNOTATION}, and ${OR_NAME_IT}`, true, fresh);
    const at = endpointOf(access);
    // A ServiceAccount that was deleted and created anew is another identity.
    const identity = identityKey('serviceAccount', { namespace, name, uid: found.uid, roleArn: role, ...at });
    const session = `ecr-${namespace}-${name}`;
    const fetch = async (inner: AbortSignal): Promise<TemporaryKeys> => {
      const token = await tokenOf({ namespace, name }, called, inner);
      if (token === undefined) throw new Failure({ next: 'change', reason: 'NoServiceAccount', message: missing });
      return await sts.assumeRoleWithToken({ ...at, roleArn: role, sessionName: session, token }, inner);
    };
    const keys = roles.source(identity, accountOfRole(role), fetch);
    const lookAgainAt = plus(clock.now(), fresh);
    return { ok: true, keys, remark: undefined, identity, lookAgainAt, session, kept: [identity] };
  };
}

/** The uid of the ServiceAccount, and the role in its annotation. */
function accountOf(account: JsonRecord): { readonly uid: string; readonly role: string | undefined } {
  const metadata = recordOf(account['metadata']);
  const role = stringMapOf(metadata['annotations']).get(ROLE_ARN_ANNOTATION);
  return { uid: stringOf(metadata['uid']) ?? '', role: isRoleArn(role) ? role : undefined };
}
