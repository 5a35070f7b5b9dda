// The canonical form of a request in Signature Version 4 for every service but S3 (which normalises no paths).
// Must never use code of the AWS SDK or of smithy: it is the second opinion on them.
// Source of every rule here: AWS IAM User Guide, "Create a signed AWS API request".

import { createHash } from 'node:crypto';

/** Name as sent, in any case, and value; one character per byte (latin1), as Node's `rawHeaders` are. */
export type Header = readonly [name: string, value: string];

/** A request as it came over the wire. All texts hold one character per byte (latin1), as Node hands them over. */
export interface WireRequest {
  readonly method: string;
  /** Raw path and query, still percent-encoded: `/?Param1=value1`. */
  readonly target: string;
  /** In the order of arrival; repeated names stay repeated. */
  readonly headers: readonly Header[];
  readonly body: Uint8Array;
}

/** Lower-case hex SHA-256. A text is taken as one byte per character. */
export function sha256Hex(data: Uint8Array | string): string {
  return createHash('sha256')
    .update(typeof data === 'string' ? Buffer.from(data, 'latin1') : data)
    .digest('hex');
}

/** All values sent under `name` (lower case), in order; empty when there are none. */
export function headerValues(headers: readonly Header[], name: string): readonly string[] {
  return headers.filter(([sent]) => sent.toLowerCase() === name).map(([, value]) => value);
}

/**
 * The canonical request: the text whose SHA-256 is signed.
 *
 * Pure. A header named in `signedHeaders` that was not sent counts as an empty one, so its signature cannot match by
 * accident with a request that never had it.
 *
 * @param signedHeaders  lower-case names in the order of the `Authorization` header
 */
export function canonicalRequest(request: WireRequest, signedHeaders: readonly string[]): string {
  const mark = request.target.indexOf('?');
  const path = mark === -1 ? request.target : request.target.slice(0, mark);
  const query = mark === -1 ? '' : request.target.slice(mark + 1);
  const headers = signedHeaders.map((name) => `${name}:${canonicalValues(headerValues(request.headers, name))}\n`);
  return [
    request.method,
    canonicalPath(path),
    canonicalQuery(query),
    headers.join(''),
    signedHeaders.join(';'),
    sha256Hex(request.body),
  ].join('\n');
}

function canonicalValues(values: readonly string[]): string {
  return values.map((value) => value.replaceAll(/ +/g, ' ').replaceAll(/^ | $/g, '')).join(',');
}

/** Drops dot segments and empty segments; encodes the rest once more, on top of the encoding it was sent with. */
function canonicalPath(path: string): string {
  // HTTP demands a leading slash. Adding it would make a broken request equal to a good one.
  if (!path.startsWith('/')) return path;
  const kept: string[] = [];
  const segments = path.split('/');
  for (const segment of segments) {
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(encode(segment));
  }
  const last = segments.at(-1) ?? '';
  const isFolder = kept.length > 0 && (last === '' || last === '.' || last === '..');
  return `/${kept.join('/')}${isFolder ? '/' : ''}`;
}

/** Decoded and encoded again, so that `%7e` and `~` are one; sorted by encoded name, then by encoded value. */
function canonicalQuery(query: string): string {
  if (query === '') return '';
  const pairs = query.split('&').map((piece) => {
    const equals = piece.indexOf('=');
    const name = equals === -1 ? piece : piece.slice(0, equals);
    const value = equals === -1 ? '' : piece.slice(equals + 1);
    return [encode(decode(name)), encode(decode(value))] as const;
  });
  pairs.sort(([nameA, valueA], [nameB, valueB]) => compare(nameA, nameB) || compare(valueA, valueB));
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function decode(text: string): string {
  return text.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)));
}

/** Percent-encodes all bytes but the unreserved characters of RFC 3986, with upper-case hex. */
function encode(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9\-._~]/g, (byte) => {
    const hex = (byte.codePointAt(0) ?? 0).toString(16).toUpperCase();
    return `%${hex.padStart(2, '0')}`;
  });
}
