// Who asks AWS: the forms of `spec.awsAccess`, and the pair of keys behind them. Pure; never shows a key.

import { CREDENTIAL_KEYS } from '../api/names.ts';
import { digest } from '../lib/digest.ts';
import { type JsonRecord, recordOf, stringMapOf, stringOf } from '../lib/json.ts';

/** AWS keys as a request is signed with. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export type Identity =
  | { readonly op: 'inline'; readonly credentials: Credentials }
  | { readonly op: 'secretRef'; readonly secretName: string; readonly keys: CredentialKeys };

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
/** What a header of a request may hold; anything else is a slip of the editor, and no key that AWS ever gave out. */
const SENDABLE = /^[\x21-\x7e]+$/;
const UNSENDABLE = 'holds white space or characters that no key has';
const BASE64 = /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * Reads the identity of a `spec.awsAccess`.
 *
 * The schema and its CEL rules say the same, but an object may have been stored before them.
 *
 * @returns the identity, or a sentence that says what is missing
 */
export function parseIdentity(awsAccess: JsonRecord): Identity | string {
  const accessKeyId = stringOf(awsAccess['accessKeyId'])?.trim();
  const secretAccessKey = stringOf(awsAccess['secretAccessKey'])?.trim();
  const reference = awsAccess['secretRef'];
  if (reference !== undefined) {
    if (accessKeyId !== undefined || secretAccessKey !== undefined) {
      return 'spec.awsAccess has more than one identity: give secretRef, or accessKeyId and secretAccessKey, not both';
    }
    return parseReference(recordOf(reference));
  }
  if (accessKeyId === undefined && secretAccessKey === undefined) {
    return 'spec.awsAccess has no identity: give secretRef, or accessKeyId and secretAccessKey';
  }
  if (!accessKeyId) return 'spec.awsAccess.accessKeyId is empty';
  if (!secretAccessKey) return 'spec.awsAccess.secretAccessKey is empty';
  if (!SENDABLE.test(accessKeyId)) return `spec.awsAccess.accessKeyId ${UNSENDABLE}`;
  if (!SENDABLE.test(secretAccessKey)) return `spec.awsAccess.secretAccessKey ${UNSENDABLE}`;
  return { op: 'inline', credentials: plainPair(accessKeyId, secretAccessKey) };
}

function parseReference(reference: JsonRecord): Identity | string {
  const secretName = stringOf(reference['name']);
  if (!secretName) return 'spec.awsAccess.secretRef.name is empty';
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
 * The pair in plain form. The original's webhook stored both keys as base64: a key id that is base64 of a key id says so,
 * and then a secret that is base64 of a secret is taken out of it too.
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

/**
 * Reads the pair out of a Secret's `data`.
 *
 * @param data  as on the wire: base64 values by name
 * @returns the pair, its surrounding white space trimmed, or a sentence that names the key that is missing or empty
 */
export function parseCredentials(data: unknown, keys: CredentialKeys): Credentials | string {
  const values = stringMapOf(data);
  const read = (name: string): string | undefined => {
    const value = values.get(name);
    return value === undefined ? undefined : Buffer.from(value, 'base64').toString('utf8').trim();
  };
  const accessKeyId = read(keys.accessKeyId);
  const secretAccessKey = read(keys.secretAccessKey);
  const sessionToken = read(keys.sessionToken);
  if (!accessKeyId) return lack(keys.accessKeyId, accessKeyId);
  if (!secretAccessKey) return lack(keys.secretAccessKey, secretAccessKey);
  if (!SENDABLE.test(accessKeyId)) return `has a key ${keys.accessKeyId} that ${UNSENDABLE}`;
  if (!SENDABLE.test(secretAccessKey)) return `has a key ${keys.secretAccessKey} that ${UNSENDABLE}`;
  if (sessionToken && !SENDABLE.test(sessionToken)) return `has a key ${keys.sessionToken} that ${UNSENDABLE}`;
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
}

function lack(name: string, value: string | undefined): string {
  return value === undefined ? `has no key ${name}` : `has an empty ${name}`;
}

/** Recognises a pair of keys without showing it; 128 bits of a digest over 240 random bits of key. */
export function fingerprint(credentials: Credentials): string {
  return digest(credentials.accessKeyId, credentials.secretAccessKey, credentials.sessionToken ?? '');
}
