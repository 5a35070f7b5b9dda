// AWS keys as people store them -> as AWS issued them: what an editor, a shell or another tool has put around a key
// comes off, and what is no key is refused in words that show nothing of it. Pure.

import { INLINE_KEY_MAX_LENGTH } from '../api/names.ts';
import { stringMapOf } from '../lib/json.ts';
import { ownText } from '../lib/own-text.ts';
import { type CredentialKeys, FILE_NAMES, isCredentialsFile, parseCredentialsFile } from './credentials-file.ts';

/** AWS keys that sign a request. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface FoundCredentials {
  readonly credentials: Credentials;
  /** What was taken off, in phrases that name the value and show nothing of it; empty when nothing was. */
  readonly mended: readonly string[];
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
/** As `base64` writes it, in lines too; the padding may be lost. */
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
/** A value is encoded by hand, and once more by a tool that encodes what is encoded. */
const MOST_ENCODINGS = 2;
/** Quotes in quotes do occur: those of a file inside those of a shell. */
const MOST_QUOTES = 2;
/** `NAME=value`, as in a shell or an environment file. */
const ASSIGNMENT = /^(?:export\s+)?AWS_[A-Z_]+\s*=/i;

/** What can be around a key. */
type Wrapping = 'white space' | 'quotes' | 'base64';

interface Bare {
  readonly value: string;
  readonly wrappings: ReadonlySet<Wrapping>;
}

/** Takes white space, line feeds, byte order marks and pairs of quotes off the ends of a text. */
function strip(text: string, wrappings: Set<Wrapping>): string {
  let bare = text.trim();
  for (let turn = 0; turn < MOST_QUOTES && /^(["'`]).*\1$/s.test(bare) && bare.length > 1; turn += 1) {
    bare = bare.slice(1, -1).trim();
    wrappings.add('quotes');
  }
  // `trim` counts a byte order mark as white space (ECMA-262, WhiteSpace).
  if (text !== text.trim()) wrappings.add('white space');
  return bare;
}

/**
 * Takes off whatever is around a key. Base64 comes off only when a text of the key's own shape is inside: a secret key
 * may itself look like base64.
 */
function unwrap(text: string, isPlain: (text: string) => boolean): Bare {
  const wrappings = new Set<Wrapping>();
  const value = strip(text, wrappings);
  let inner = value;
  const within = new Set(wrappings);
  for (let turn = 0; turn < MOST_ENCODINGS && !isPlain(inner); turn += 1) {
    const packed = inner.replace(/\s+/g, '');
    if (!BASE64.test(packed)) return { value, wrappings };
    inner = strip(textOf(Buffer.from(packed, 'base64')), within);
    within.add('base64');
  }
  return isPlain(inner) ? { value: inner, wrappings: within } : { value, wrappings };
}

/** Windows' PowerShell writes files in UTF-16, with a byte order mark. */
function textOf(bytes: Buffer): string {
  return bytes[0] === 0xff && bytes[1] === 0xfe ? bytes.subarray(2).toString('utf16le') : bytes.toString('utf8');
}

const IS_PLAIN: Readonly<Record<keyof CredentialKeys, (text: string) => boolean>> = {
  // Base64 of a key id can be capitals and digits too; a key id that AWS issued is base64 of no other one.
  accessKeyId: (text) => PLAIN_KEY_ID.test(text) && !PLAIN_KEY_ID.test(decoded(text).trim()),
  secretAccessKey: (text) => PLAIN_SECRET.test(text),
  // A token is base64 of bytes, not of another text of its shape.
  sessionToken: (text) => SESSION_TOKEN_SHAPE.test(text) && !SESSION_TOKEN_SHAPE.test(decoded(text)),
};

function decoded(text: string): string {
  return Buffer.from(text, 'base64').toString('latin1');
}

const HOW: Readonly<Record<Wrapping, string>> = {
  'white space': 'has white space around it',
  quotes: 'is in quotes',
  base64: 'is in base64',
};

function phrase(name: string, wrappings: ReadonlySet<Wrapping>): readonly string[] {
  const how = Object.entries(HOW).flatMap(([wrapping, words]) => (wrappings.has(wrapping as Wrapping) ? words : []));
  return how.length === 0 ? [] : [`${name} ${how.join(' and ')}`];
}

type Values = { readonly [Key in keyof CredentialKeys]: string | undefined };

/** Each of the values without what is around it, and what that was. */
function bareValues(
  values: Values,
  names: CredentialKeys,
): { readonly bare: Values; readonly mended: readonly string[] } {
  const mended: string[] = [];
  const read = (key: keyof CredentialKeys): string | undefined => {
    const text = values[key];
    if (text === undefined) return undefined;
    const { value, wrappings } = unwrap(text, IS_PLAIN[key]);
    mended.push(...phrase(names[key], wrappings));
    return ownText(value);
  };
  const [accessKeyId, secretAccessKey] = [read('accessKeyId'), read('secretAccessKey')];
  return { bare: { accessKeyId, secretAccessKey, sessionToken: read('sessionToken') }, mended };
}

/** The names of the keys in `spec.awsAccess`, as they are told. */
const INLINE: CredentialKeys = { accessKeyId: 'accessKeyId', secretAccessKey: 'secretAccessKey', sessionToken: '' };

/**
 * The pair of a `spec.awsAccess`. One encoding in base64 is how the Go project's webhook stored both keys: that is not
 * mended, but read.
 *
 * @returns the pair, or a sentence that says what is wrong
 */
export function parseInlinePair(accessKeyId: unknown, secretAccessKey: unknown): FoundCredentials | string {
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  const given = { accessKeyId: text(accessKeyId), secretAccessKey: text(secretAccessKey), sessionToken: undefined };
  const found = sendable(given, INLINE, 'spec.awsAccess', 'spec.awsAccess.');
  if (typeof found === 'string') return found;
  const stored = new Set([`accessKeyId ${HOW.base64}`, `secretAccessKey ${HOW.base64}`]);
  const mended = found.mended.filter((one) => !stored.has(one)).map((one) => `spec.awsAccess.${one}`);
  return { ...found, mended };
}

/**
 * Keys of the operator's own environment, without what is around them.
 *
 * @returns the pair, or a sentence that says what is wrong with which variable
 */
export function parseEnvironmentKeys(values: Values, names: CredentialKeys): FoundCredentials | string {
  return sendable(values, names, 'the environment', '');
}

/**
 * Keys whose author sees them anyway: a value that has the shape of no key goes to AWS as it is, and AWS says best what
 * it is. Stand-ins for AWS take such values too.
 *
 * @param owner   of the keys, and `prefix` for the name of one of them, for the sentence
 */
function sendable(values: Values, names: CredentialKeys, owner: string, prefix: string): FoundCredentials | string {
  const { bare, mended } = bareValues(values, names);
  const { accessKeyId, secretAccessKey, sessionToken } = bare;
  if (!accessKeyId) return `${prefix}${names.accessKeyId} is empty`;
  if (!secretAccessKey) return `${prefix}${names.secretAccessKey} is empty`;
  for (const [name, value] of [
    [names.accessKeyId, accessKeyId],
    [names.secretAccessKey, secretAccessKey],
    [names.sessionToken, sessionToken],
  ] as const) {
    if (!value) continue;
    if (ASSIGNMENT.test(value)) return `${prefix}${name} ${ASSIGNED}`;
    if (!SENDABLE.test(value)) return `${prefix}${name} ${UNSENDABLE}`;
  }
  if (isSwapped(accessKeyId, secretAccessKey))
    return `${owner} has ${names.accessKeyId} and ${names.secretAccessKey} in each other's place`;
  if (looksSecret(accessKeyId)) return `${prefix}${names.accessKeyId} has the shape of a secret access key`;
  return { credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) }, mended };
}

/** Reported before any call: AWS would repeat in its answer what it takes for a key id. */
const SWAPPED = "accessKeyId and secretAccessKey in each other's place";
const ASSIGNED = 'holds NAME=value: it is to be only what stands behind the =';

function isSwapped(accessKeyId: string, secretAccessKey: string): boolean {
  const { value } = unwrap(secretAccessKey, IS_PLAIN.accessKeyId);
  return PLAIN_KEY_ID.test(value) && !PLAIN_KEY_ID.test(accessKeyId);
}

function looksSecret(accessKeyId: string): boolean {
  // A value that ends in `=` is base64 of something.
  return PLAIN_SECRET.test(accessKeyId) && !accessKeyId.endsWith('=') && !PLAIN_KEY_ID.test(accessKeyId);
}

/** Names that tools give a whole credentials file in a Secret: Velero, Crossplane, ACK and those who follow them. */
const FILES = ['credentials', 'cloud', 'creds'];

/**
 * Reads the pair out of a Secret's `data`: of three values, or of one that is a whole credentials file.
 *
 * A user who writes the names of the keys may not be allowed to read the Secret, and may name any value in it. So a
 * value without the shape of AWS's keys is never used, and a refusal says only which shape it lacks.
 *
 * @param data  as on the wire: base64 values by name
 * @returns the pair without what was around it, or a sentence that names the key that is missing, empty or misshapen
 */
export function parseCredentials(data: unknown, names: CredentialKeys): FoundCredentials | string {
  const wire = stringMapOf(data);
  const read = (name: string): string | undefined => {
    const value = wire.get(name);
    // A longer value is no key, whatever it holds: it is not even decoded.
    if (value !== undefined && value.length > LONGEST_VALUE) return 'x'.repeat(SESSION_TOKEN_MAX_LENGTH + 1);
    return value === undefined ? undefined : textOf(Buffer.from(value, 'base64'));
  };
  const values = {
    accessKeyId: read(names.accessKeyId),
    secretAccessKey: read(names.secretAccessKey),
    sessionToken: read(names.sessionToken),
  };
  const lacksBoth = values.accessKeyId === undefined && values.secretAccessKey === undefined;
  for (const name of lacksBoth ? FILES : [names.accessKeyId]) {
    const inFile = valuesInFile(read(name) ?? '');
    if (inFile === 'several')
      return `has a credentials file in its key ${name}, with more than one section and no [default]`;
    if (inFile) return checked(inFile, FILE_NAMES, [`the keys are in a file, in the key ${name}`]);
  }
  return checked(values, names, []);
}

/** @returns undefined for what is no credentials file; `several` for one whose section is not clear */
function valuesInFile(text: string): Values | 'several' | undefined {
  const { value } = unwrap(text, isCredentialsFile);
  const section = isCredentialsFile(value) ? parseCredentialsFile(value) : undefined;
  if (section === undefined || section === 'several') return section;
  return {
    accessKeyId: section.get(FILE_NAMES.accessKeyId),
    secretAccessKey: section.get(FILE_NAMES.secretAccessKey),
    sessionToken: section.get(FILE_NAMES.sessionToken),
  };
}

/** The pair in `values`, if all of it has the shape of AWS's keys. */
function checked(values: Values, names: CredentialKeys, about: readonly string[]): FoundCredentials | string {
  const { bare, mended } = bareValues(values, names);
  const { accessKeyId, secretAccessKey, sessionToken } = bare;
  if (!accessKeyId) return lack(names.accessKeyId, accessKeyId);
  if (!secretAccessKey) return lack(names.secretAccessKey, secretAccessKey);
  const fault =
    faultOf(names.accessKeyId, accessKeyId, INLINE_KEY_MAX_LENGTH) ??
    faultOf(names.secretAccessKey, secretAccessKey, INLINE_KEY_MAX_LENGTH) ??
    (sessionToken ? faultOf(names.sessionToken, sessionToken, SESSION_TOKEN_MAX_LENGTH) : undefined) ??
    shapeFaultOf(bare, names);
  if (fault !== undefined) return fault;
  const credentials = { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
  return { credentials, mended: [...about, ...mended] };
}

/** What is wrong with the shape of a pair: one of five sentences, which hold only the names of keys. */
function shapeFaultOf(
  { accessKeyId: id = '', secretAccessKey: secret = '', sessionToken }: Values,
  names: CredentialKeys,
): string | undefined {
  if (isSwapped(id, secret)) return `has ${SWAPPED}: see ${names.accessKeyId} and ${names.secretAccessKey}`;
  if (looksSecret(id)) return `has a secret access key in its key ${names.accessKeyId}`;
  if (!PLAIN_KEY_ID.test(id))
    return `has a key ${names.accessKeyId} that is no access key id (16 to 128 capital letters and digits, such as AKIA…)`;
  if (!SECRET_SHAPE.test(secret))
    return `has a key ${names.secretAccessKey} that is no secret access key (40 characters: letters, digits, / and +)`;
  if (sessionToken && !SESSION_TOKEN_SHAPE.test(sessionToken))
    return `has a key ${names.sessionToken} that is no session token (base64 of some hundred characters)`;
  return undefined;
}

function faultOf(name: string, value: string, longest: number): string | undefined {
  if (value.length > longest) return `has a key ${name} of over ${longest} characters, which no key of AWS has`;
  if (ASSIGNMENT.test(value)) return `has a key ${name} that ${ASSIGNED}`;
  return SENDABLE.test(value) ? undefined : `has a key ${name} that ${UNSENDABLE}`;
}

function lack(name: string, value: string | undefined): string {
  return value === undefined ? `has no key ${name}` : `has an empty ${name}`;
}

/** Last characters of a key id, by which its owner tells it from others; they open nothing. */
const SHOWN = 4;

/** What may be shown of a key id; undefined for what does not have the shape of one. */
export function shownOf(accessKeyId: string): string | undefined {
  return PLAIN_KEY_ID.test(accessKeyId) ? ownText(accessKeyId.slice(-SHOWN)) : undefined;
}
