// The identity that calls AWS: the forms of `spec.awsAccess`. Pure; shows no key.

import {
  CLUSTER_KIND,
  CREDENTIAL_KEYS,
  EXTERNAL_ID_MAX_LENGTH,
  EXTERNAL_ID_PATTERN,
  type PullSecretKind,
  ROLE_ARN_MAX_LENGTH,
  ROLE_ARN_PATTERN,
  SECRET_NAME_MAX_LENGTH,
  SECRET_NAME_PATTERN,
} from '../api/names.ts';
import { isRecord, type JsonRecord, recordOf, stringOf } from '../lib/json.ts';
import { type FoundCredentials, parseInlinePair } from './aws-keys.ts';
import type { CredentialKeys } from './credentials-file.ts';

export type Identity =
  | ({ readonly op: 'inline' } & FoundCredentials)
  | { readonly op: 'secretRef'; readonly secretName: string; readonly keys: CredentialKeys }
  /** Without `roleArn` the annotation of the ServiceAccount names the role. */
  | { readonly op: 'serviceAccount'; readonly name: string; readonly roleArn: string | undefined }
  /** The operator's own. */
  | { readonly op: 'ambient' };

/** A role that the identity assumes. */
export interface Role {
  readonly roleArn: string;
  readonly externalId: string | undefined;
}

const FORMS = 'accessKeyId and secretAccessKey, or secretRef, or serviceAccountRef';

/**
 * Reads the identity of a `spec.awsAccess`.
 *
 * The schema and its CEL rules demand the same, but an object may have been stored before them.
 *
 * @returns the identity, or a sentence that says what is missing; never an identity that is not written there
 */
export function parseIdentity(awsAccess: JsonRecord, kind: PullSecretKind): Identity | string {
  const { accessKeyId, secretAccessKey, secretRef, serviceAccountRef, ambient } = awsAccess;
  const hasPair = accessKeyId !== undefined || secretAccessKey !== undefined;
  const given = [hasPair, ...[secretRef, serviceAccountRef, ambient].map((one) => one !== undefined)].filter(Boolean);
  const forms = kind === CLUSTER_KIND ? `${FORMS}, or ambient` : FORMS;
  if (given.length === 0) return `spec.awsAccess has no identity: give ${forms}`;
  if (given.length > 1) return `spec.awsAccess has more than one identity: give only one of ${forms}`;
  if (secretRef !== undefined) return parseReference(recordOf(secretRef));
  if (serviceAccountRef !== undefined) return parseServiceAccount(recordOf(serviceAccountRef));
  if (hasPair) return parsePair(accessKeyId, secretAccessKey);
  if (kind !== CLUSTER_KIND) return "spec.awsAccess.ambient, the operator's own identity, is for the cluster kind only";
  return isRecord(ambient) ? { op: 'ambient' } : 'spec.awsAccess.ambient is not {}';
}

function parsePair(accessKeyId: unknown, secretAccessKey: unknown): Identity | string {
  const found = parseInlinePair(accessKeyId, secretAccessKey);
  return typeof found === 'string' ? found : { op: 'inline', ...found };
}

function parseServiceAccount(reference: JsonRecord): Identity | string {
  const name = stringOf(reference['name']);
  if (!name) return 'spec.awsAccess.serviceAccountRef.name is empty';
  if (!isObjectName(name)) return 'spec.awsAccess.serviceAccountRef.name is not a name a ServiceAccount can have';
  const roleArn = stringOf(reference['roleArn']);
  if (reference['roleArn'] !== undefined && !isRoleArn(roleArn)) return notRole('serviceAccountRef.roleArn');
  return { op: 'serviceAccount', name, roleArn };
}

/** The role that a `spec.awsAccess` assumes; undefined when there is none, a sentence when it cannot be used. */
export function parseRole(awsAccess: JsonRecord): Role | string | undefined {
  if (awsAccess['assumeRole'] === undefined) return undefined;
  const { roleArn, externalId } = recordOf(awsAccess['assumeRole']);
  if (!isRoleArn(roleArn)) return notRole('assumeRole.roleArn');
  if (externalId === undefined) return { roleArn, externalId };
  const id = stringOf(externalId) ?? '';
  if (id.length < 2 || id.length > EXTERNAL_ID_MAX_LENGTH || !new RegExp(EXTERNAL_ID_PATTERN).test(id))
    return 'spec.awsAccess.assumeRole.externalId is none that AWS takes (2 to 1224 letters, digits and _+=,.@:/-)';
  return { roleArn, externalId: id };
}

function isObjectName(name: string): boolean {
  return name.length <= SECRET_NAME_MAX_LENGTH && new RegExp(SECRET_NAME_PATTERN).test(name);
}

export function isRoleArn(value: unknown): value is string {
  return typeof value === 'string' && value.length <= ROLE_ARN_MAX_LENGTH && new RegExp(ROLE_ARN_PATTERN).test(value);
}

function notRole(field: string): string {
  return `spec.awsAccess.${field} is not the ARN of a role (an example: arn:aws:iam::111122223333:role/puller)`;
}

function parseReference(reference: JsonRecord): Identity | string {
  const secretName = stringOf(reference['name']);
  if (!secretName) return 'spec.awsAccess.secretRef.name is empty';
  if (!isObjectName(secretName)) return 'spec.awsAccess.secretRef.name is not a name a Secret can have';
  const names = recordOf(reference['keys']);
  return {
    op: 'secretRef',
    secretName,
    keys: {
      accessKeyId: stringOf(names['accessKeyId']) ?? CREDENTIAL_KEYS.accessKeyId,
      secretAccessKey: stringOf(names['secretAccessKey']) ?? CREDENTIAL_KEYS.secretAccessKey,
      sessionToken: stringOf(names['sessionToken']) ?? CREDENTIAL_KEYS.sessionToken,
    },
  };
}

/** The account in the ARN of a role. */
export function accountOfRole(roleArn: string): string | undefined {
  return roleArn.split(':')[4];
}
