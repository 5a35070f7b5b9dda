// Decides whether the holder of a known key signed a request with Signature Version 4. Pure: no clock, no network.
// Must never use code of the AWS SDK or of smithy, and never put a secret, a token or a signature in a message.

import { createHmac, timingSafeEqual } from 'node:crypto';

import { type DurationMs, type EpochMs, formatRfc3339, MINUTE, parseRfc3339 } from '../../src/lib/time.ts';
import { canonicalRequest, headerValues, sha256Hex, type WireRequest } from './canonical-request.ts';
import { type Refusal, refuse } from './refusal.ts';

/** The parts of a key that the verification needs. */
export interface SigningKey {
  readonly secretAccessKey: string;
  /** Present for temporary credentials: the caller must send exactly this as `x-amz-security-token`. */
  readonly sessionToken?: string;
  /** Present for credentials that expire; from then on they are refused with `ExpiredTokenException`. */
  readonly expiresAt?: EpochMs;
}

/** The parts of `Credential=<accessKeyId>/<date>/<region>/<service>/aws4_request`. */
export interface CredentialScope {
  readonly accessKeyId: string;
  /** `YYYYMMDD`, UTC. */
  readonly date: string;
  readonly region: string;
  readonly service: string;
}

export interface Expected {
  /** Signing name of the called service: `ecr`, `ecr-public` or `sts`. */
  readonly service: string;
  readonly now: EpochMs;
  readonly findKey: (accessKeyId: string) => SigningKey | undefined;
}

export type Verdict =
  | { readonly ok: true; readonly accessKeyId: string; readonly region: string; readonly service: string }
  | Refusal;

interface Authorization {
  readonly scope: CredentialScope;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

/**
 * How far the clocks of caller and service may differ. AWS names 5 or 15 minutes, depending on the service (15 for ECR:
 * upmc-enterprises/registry-creds#24, 5 for Kinesis: logspout-kinesis#21); this is the stricter one.
 */
export const MAX_SKEW: DurationMs = (5 * MINUTE) as DurationMs;

const ALGORITHM = 'AWS4-HMAC-SHA256';
const TERMINATOR = 'aws4_request';

/** Sent twice, these could mean one thing to the signer and another to the service. */
const ONCE = ['authorization', 'host', 'x-amz-date', 'x-amz-security-token', 'x-amz-content-sha256', 'x-amz-target'];

/**
 * Verifies one request.
 *
 * Pure and total: same arguments, same verdict; throws nothing.
 *
 * @param request   as it came over the wire, headers in order with repeats
 * @param expected  the called service, the instant, and the known keys
 * @returns the signer, or AWS's refusal, all with status 400: `MissingAuthenticationTokenException` (no
 *          `Authorization`), `IncompleteSignatureException` (it is unreadable), `UnrecognizedClientException` (unknown
 *          key, or a session token that is missing, wrong or out of place), `ExpiredTokenException` (the key has
 *          expired), `InvalidSignatureException` (all else:
 * clock, scope, unsigned headers, payload hash, signature)
 */
export function verifySigV4(request: WireRequest, expected: Expected): Verdict {
  const headers = request.headers;
  if (headerValues(headers, 'authorization').length === 0)
    return refuse('MissingAuthenticationTokenException', 'Missing Authentication Token');
  const repeated = ONCE.find((name) => headerValues(headers, name).length > 1);
  if (repeated !== undefined)
    return refuse('IncompleteSignatureException', `Header '${repeated}' was sent more than once.`);
  const authorization = parseAuthorization(headerValues(headers, 'authorization')[0] ?? '');
  if ('ok' in authorization) return authorization;

  const { scope } = authorization;
  const refusal = checkScopeAndClock(request, scope, expected) ?? checkCoverage(request, authorization.signedHeaders);
  if (refusal) return refusal;
  const key = expected.findKey(scope.accessKeyId);
  if (!key) return unrecognized();
  return checkKey(request, key, expected.now) ?? checkSignature(request, authorization, key.secretAccessKey);
}

/**
 * The signer that the request claims, for logs; the claim is not verified.
 *
 * @returns undefined when there is no readable `Authorization` header
 */
export function claimedScope(request: WireRequest): CredentialScope | undefined {
  const authorization = parseAuthorization(headerValues(request.headers, 'authorization')[0] ?? '');
  return 'ok' in authorization ? undefined : authorization.scope;
}

function parseAuthorization(text: string): Authorization | Refusal {
  if (!text.startsWith(`${ALGORITHM} `)) return malformed(`Authorization header requires algorithm '${ALGORITHM}'.`);
  const fields = new Map<string, string>();
  for (const part of text.slice(ALGORITHM.length + 1).split(/, ?/)) {
    const [, name = '', value = ''] = /^([A-Za-z]+)=([!-~]+)$/.exec(part) ?? [];
    if (name === '' || fields.has(name))
      return malformed('Authorization header holds a part that is not a valid key=value pair (missing equal-sign).');
    fields.set(name, value);
  }
  const wanted = ['Credential', 'SignedHeaders', 'Signature'];
  const missing = wanted.filter((name) => !fields.has(name));
  if (missing.length > 0)
    return malformed(missing.map((name) => `Authorization header requires '${name}' parameter.`).join(' '));
  if (fields.size !== wanted.length) return malformed('Authorization header holds an unknown parameter.');
  const scope = parseCredential(fields.get('Credential') ?? '');
  if (!scope)
    return malformed('Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.');
  const signedHeaders = (fields.get('SignedHeaders') ?? '').split(';');
  return { scope, signedHeaders, signature: fields.get('Signature') ?? '' };
}

function parseCredential(text: string): CredentialScope | undefined {
  const parts = text.split('/');
  const [accessKeyId = '', date = '', region = '', service = '', terminator] = parts;
  if (parts.length !== 5 || parts.includes('') || terminator !== TERMINATOR) return undefined;
  return { accessKeyId, date, region, service };
}

/** `host` and every `x-amz-*` header must be under the signature, else a third party could change them. */
function checkCoverage(request: WireRequest, signedHeaders: readonly string[]): Refusal | undefined {
  const sorted = [...new Set(signedHeaders)].sort();
  if (sorted.join(';') !== signedHeaders.join(';') || signedHeaders.some((name) => name !== name.toLowerCase()))
    return invalid("'SignedHeaders' must be lower case, sorted and without repeats.");
  if (!signedHeaders.includes('host'))
    return invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
  const unsigned = request.headers
    .map(([name]) => name.toLowerCase())
    .filter((name) => name.startsWith('x-amz-') && !signedHeaders.includes(name));
  if (unsigned.length > 0)
    return invalid(`There were headers present in the request which were not signed: ${unsigned.join(', ')}`);
  const absent = signedHeaders.filter((name) => headerValues(request.headers, name).length === 0);
  return absent.length > 0 ? invalid(`Signed headers are not in the request: ${absent.join(', ')}`) : undefined;
}

function checkScopeAndClock(request: WireRequest, scope: CredentialScope, expected: Expected): Refusal | undefined {
  const date = headerValues(request.headers, 'x-amz-date')[0];
  const parts = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(date ?? '');
  const [, year, month, day, hour, minute, second] = parts ?? [];
  const signedAt = parseRfc3339(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (date === undefined || signedAt === undefined)
    return refuse(
      'IncompleteSignatureException',
      "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
    );
  if (scope.service !== expected.service)
    return invalid(`Credential should be scoped to correct service: '${expected.service}'.`);
  if (scope.date !== date.slice(0, 8))
    return invalid(
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${date}'.`,
    );
  const minutes = MAX_SKEW / MINUTE;
  if (signedAt < expected.now - MAX_SKEW) {
    const limit = compact(expected.now - MAX_SKEW);
    return invalid(
      `Signature expired: ${date} is now earlier than ${limit} (${compact(expected.now)} - ${minutes} min.)`,
    );
  }
  if (signedAt > expected.now + MAX_SKEW) {
    const limit = compact(expected.now + MAX_SKEW);
    return invalid(
      `Signature not yet current: ${date} is still later than ${limit} (${compact(expected.now)} + ${minutes} min.)`,
    );
  }
  return undefined;
}

function checkKey(request: WireRequest, key: SigningKey, now: EpochMs): Refusal | undefined {
  const token = headerValues(request.headers, 'x-amz-security-token')[0];
  const isSame = token === undefined ? key.sessionToken === undefined : equal(token, key.sessionToken ?? '');
  if (!isSame) return unrecognized();
  if (key.expiresAt !== undefined && now >= key.expiresAt)
    return refuse('ExpiredTokenException', 'The security token included in the request is expired');
  return undefined;
}

function checkSignature(request: WireRequest, authorization: Authorization, secretAccessKey: string): Verdict {
  const { accessKeyId, date, region, service } = authorization.scope;
  const mismatch = invalid(
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
  );
  const claimedHash = headerValues(request.headers, 'x-amz-content-sha256')[0];
  if (claimedHash !== undefined && claimedHash !== sha256Hex(request.body)) return mismatch;

  const signedAt = headerValues(request.headers, 'x-amz-date')[0] ?? '';
  const hash = sha256Hex(canonicalRequest(request, authorization.signedHeaders));
  const text = [ALGORITHM, signedAt, `${date}/${region}/${service}/${TERMINATOR}`, hash].join('\n');
  let key: Uint8Array = Buffer.from(`AWS4${secretAccessKey}`, 'utf8');
  for (const step of [date, region, service, TERMINATOR]) key = hmac(key, step);
  const signature = Buffer.from(hmac(key, text)).toString('hex');
  return equal(signature, authorization.signature) ? { ok: true, accessKeyId, region, service } : mismatch;
}

function hmac(key: Uint8Array, text: string): Uint8Array {
  return createHmac('sha256', key).update(Buffer.from(text, 'latin1')).digest();
}

/** Constant time for texts of one length; the hashes make the lengths equal. */
function equal(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(sha256Hex(a)), Buffer.from(sha256Hex(b)));
}

function invalid(message: string): Refusal {
  return refuse('InvalidSignatureException', message);
}

function malformed(message: string): Refusal {
  return refuse('IncompleteSignatureException', message);
}

function unrecognized(): Refusal {
  return refuse('UnrecognizedClientException', 'The security token included in the request is invalid.');
}

/** `YYYYMMDDTHHMMSSZ`, the form of `x-amz-date`. */
function compact(instant: number): string {
  return formatRfc3339(instant as EpochMs).replaceAll(/[-:]/g, '');
}
