// The identity that calls AWS: the forms of `spec.awsAccess`, and the pair of keys behind them. Pure; shows no key.

import {
  CLUSTER_KIND,
  CREDENTIAL_KEYS,
  EXTERNAL_ID_MAX_LENGTH,
  EXTERNAL_ID_PATTERN,
  INLINE_KEY_MAX_LENGTH,
  type PullSecretKind,
  ROLE_ARN_MAX_LENGTH,
  ROLE_ARN_PATTERN,
  SECRET_NAME_MAX_LENGTH,
  SECRET_NAME_PATTERN,
} from '../api/names.ts';
import { isRecord, type JsonRecord, recordOf, stringMapOf, stringOf } from '../lib/json.ts';
import { ownText } from '../lib/own-text.ts';

/** AWS keys that sign a request. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export type Identity =
  | { readonly op: 'inline'; readonly credentials: Credentials }
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

/** Names of the keys in the Secret that holds the credentials. */
export interface CredentialKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** A plain access key id: upper case and digits, 16 to 128 of them (IAM API reference, AccessKey). */
const PLAIN_KEY_ID = /^[A-Z0-9]{16,128}$/;
/** A plain secret access key as AWS hands it out: 40 characters of base64 (IAM user guide). */
const PLAIN_SECRET = /^[A-Za-z0-9/+=]{40}$/;
/** What a Secret may give as a secret access key: the 40 characters above, or up to 128 of the same alphabet. */
const SECRET_SHAPE = /^[A-Za-z0-9/+=]{40,128}$/;
/** A session token is base64 of some hundred characters (STS API reference, Credentials); AWS documents no minimum. */
const SESSION_TOKEN_SHAPE = /^[A-Za-z0-9/+=_-]{32,}$/;
/** What a header of a request may hold; anything else is an editing slip, and no key that AWS ever issued. */
const SENDABLE = /^[\x21-\x7e]+$/;
/**
 * STS documents no bound; its own are under 4,096 (STS API reference, Credentials), and a request has room for few
 * times as much.
 */
const SESSION_TOKEN_MAX_LENGTH = 8_192;
/** Of a value of a Secret, as base64: the longest key, and as much white space around it. */
const LONGEST_VALUE = (SESSION_TOKEN_MAX_LENGTH * 2 * 4) / 3;
const UNSENDABLE = 'holds white space or characters that no key has';
const BASE64 = /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

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
  if (hasPair) return parsePair(stringOf(accessKeyId)?.trim(), stringOf(secretAccessKey)?.trim());
  if (kind !== CLUSTER_KIND) return "spec.awsAccess.ambient, the operator's own identity, is for the cluster kind only";
  return isRecord(ambient) ? { op: 'ambient' } : 'spec.awsAccess.ambient is not {}';
}

function parsePair(accessKeyId: string | undefined, secretAccessKey: string | undefined): Identity | string {
  if (!accessKeyId) return 'spec.awsAccess.accessKeyId is empty';
  if (!secretAccessKey) return 'spec.awsAccess.secretAccessKey is empty';
  if (!SENDABLE.test(accessKeyId)) return `spec.awsAccess.accessKeyId ${UNSENDABLE}`;
  if (!SENDABLE.test(secretAccessKey)) return `spec.awsAccess.secretAccessKey ${UNSENDABLE}`;
  if (isSwapped(accessKeyId, secretAccessKey)) return `spec.awsAccess has ${SWAPPED}`;
  if (looksSecret(accessKeyId)) return 'spec.awsAccess.accessKeyId has the shape of a secret access key';
  return { op: 'inline', credentials: plainPair(accessKeyId, secretAccessKey) };
}

/** Reported before any call: AWS would repeat in its answer what it takes for a key id. */
const SWAPPED = "accessKeyId and secretAccessKey in each other's place";

function isSwapped(accessKeyId: string, secretAccessKey: string): boolean {
  return PLAIN_KEY_ID.test(secretAccessKey) && !PLAIN_KEY_ID.test(accessKeyId);
}

function looksSecret(accessKeyId: string): boolean {
  // A value that ends in `=` is base64 of something.
  return PLAIN_SECRET.test(accessKeyId) && !accessKeyId.endsWith('=') && !PLAIN_KEY_ID.test(accessKeyId);
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

/**
 * The pair in plain form. The Go project's webhook stored both keys as base64: a key id that is base64 of a key id
 * shows it, and then a secret that is base64 of a secret is decoded too.
 */
function plainPair(accessKeyId: string, secretAccessKey: string): Credentials {
  const id = decoded(accessKeyId, PLAIN_KEY_ID);
  if (id === undefined) return { accessKeyId, secretAccessKey };
  return { accessKeyId: id, secretAccessKey: decoded(secretAccessKey, PLAIN_SECRET) ?? secretAccessKey };
}

function decoded(text: string, plain: RegExp): string | undefined {
  if (!BASE64.test(text)) return undefined;
  const result = Buffer.from(text, 'base64').toString('latin1');
  return plain.test(result) ? result : undefined;
}

export interface FoundCredentials {
  readonly credentials: Credentials;
  /** Names of the keys with surrounding white space, which was left out: an editor's line feed, most often. */
  readonly trimmed: readonly string[];
}

/**
 * Reads the pair out of a Secret's `data`.
 *
 * A user who writes the names of the keys may not be allowed to read the Secret, and may name any value in it. So a
 * value without the shape of AWS's keys is never used, and a refusal says only which shape it lacks.
 *
 * @param data  as on the wire: base64 values by name
 * @returns the pair, its surrounding white space trimmed, or a sentence that names the key that is missing, empty or
 *          misshapen
 */
export function parseCredentials(data: unknown, keys: CredentialKeys): FoundCredentials | string {
  const values = stringMapOf(data);
  const trimmed: string[] = [];
  const read = (name: string): string | undefined => {
    const value = values.get(name);
    if (value === undefined) return undefined;
    // A longer value is no key, whatever it holds: it is not even decoded.
    if (value.length > LONGEST_VALUE) return 'x'.repeat(SESSION_TOKEN_MAX_LENGTH + 1);
    const text = Buffer.from(value, 'base64').toString('utf8');
    if (text !== text.trim()) trimmed.push(name);
    return ownText(text.trim());
  };
  const accessKeyId = read(keys.accessKeyId);
  const secretAccessKey = read(keys.secretAccessKey);
  const sessionToken = read(keys.sessionToken);
  if (!accessKeyId) return lack(keys.accessKeyId, accessKeyId);
  if (!secretAccessKey) return lack(keys.secretAccessKey, secretAccessKey);
  const fault =
    faultOf(keys.accessKeyId, accessKeyId, INLINE_KEY_MAX_LENGTH) ??
    faultOf(keys.secretAccessKey, secretAccessKey, INLINE_KEY_MAX_LENGTH) ??
    (sessionToken ? faultOf(keys.sessionToken, sessionToken, SESSION_TOKEN_MAX_LENGTH) : undefined) ??
    shapeFaultOf({ accessKeyId, secretAccessKey, sessionToken }, keys);
  if (fault !== undefined) return fault;
  return { credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) }, trimmed };
}

/** What is wrong with the shape of a pair: one of five sentences, which hold only the names of keys. */
function shapeFaultOf(
  { accessKeyId, secretAccessKey, sessionToken }: { readonly [Key in keyof CredentialKeys]: string | undefined },
  names: CredentialKeys,
): string | undefined {
  const [id = '', secret = ''] = [accessKeyId, secretAccessKey];
  if (isSwapped(id, secret)) return `has ${SWAPPED}: see ${names.accessKeyId} and ${names.secretAccessKey}`;
  if (!PLAIN_KEY_ID.test(id))
    return `has a key ${names.accessKeyId} that is no access key id (16 to 128 capital letters and digits; it begins with AKIA or ASIA)`;
  if (!SECRET_SHAPE.test(secret))
    return `has a key ${names.secretAccessKey} that is no secret access key (40 characters: letters, digits, / and +)`;
  if (sessionToken && !SESSION_TOKEN_SHAPE.test(sessionToken))
    return `has a key ${names.sessionToken} that is no session token (base64 of some hundred characters)`;
  return undefined;
}

function faultOf(name: string, value: string, longest: number): string | undefined {
  if (value.length > longest) return `has a key ${name} of over ${longest} characters, which no key of AWS has`;
  return SENDABLE.test(value) ? undefined : `has a key ${name} that ${UNSENDABLE}`;
}

/** The account in the ARN of a role. */
export function accountOfRole(roleArn: string): string | undefined {
  return roleArn.split(':')[4];
}

function lack(name: string, value: string | undefined): string {
  return value === undefined ? `has no key ${name}` : `has an empty ${name}`;
}
