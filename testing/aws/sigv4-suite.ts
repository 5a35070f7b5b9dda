// AWS's published Signature Version 4 test suite as data, and small helpers to change a request, for tests of sigv4.ts.

import { createHmac } from 'node:crypto';

import type { EpochMs } from '../../src/lib/time.ts';
import { canonicalRequest, type Header, sha256Hex, type WireRequest } from './canonical-request.ts';

// The key, instant and scope of AWS's Signature Version 4 test suite.
export const ID = 'AKIDEXAMPLE';
export const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
export const SIGNED_AT = Date.parse('2015-08-30T12:36:00Z') as EpochMs;
export const SUITE_TOKEN =
  'AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==';

const DATE: Header = ['X-Amz-Date', '20150830T123600Z'];
export const UTF8_QUERY_SIGNATURE = '2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04';
export const VANILLA = '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31';

export interface Case {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: readonly Header[];
  readonly signedHeaders?: string;
  readonly body?: string;
  readonly signature: string;
}

/** A request of the suite as it would come over the wire; texts have one character per byte. */
export function suiteRequest(given: Case): WireRequest {
  const signedHeaders = given.signedHeaders ?? 'host;x-amz-date';
  const scope = `Credential=${ID}/20150830/us-east-1/service/aws4_request`;
  const authorization = `AWS4-HMAC-SHA256 ${scope}, SignedHeaders=${signedHeaders}, Signature=${given.signature}`;
  return {
    method: given.method ?? 'GET',
    target: Buffer.from(given.target ?? '/').toString('latin1'),
    headers: [['Host', 'example.amazonaws.com'], DATE, ...(given.headers ?? []), ['Authorization', authorization]],
    body: Buffer.from(given.body ?? ''),
  };
}

/** The request with one header's value changed by `change`; undefined takes the header away. */
export function withHeader(
  request: WireRequest,
  name: string,
  change: (value: string) => string | undefined,
): WireRequest {
  const headers = request.headers.flatMap(([sent, value]): Header[] => {
    if (sent.toLowerCase() !== name) return [[sent, value]];
    const changed = change(value);
    return changed === undefined ? [] : [[sent, changed]];
  });
  return { ...request, headers };
}

/** post-x-www-form-urlencoded of the suite: a method, a body and one more header. */
export const FORM_CASE: Case = {
  method: 'POST',
  headers: [['Content-Type', 'application/x-www-form-urlencoded']],
  signedHeaders: 'content-type;host;x-amz-date',
  body: 'Param1=value1',
  signature: 'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
};

// Names and signatures: AWS Signature Version 4 test suite. Targets are raw UTF-8, as in its .req files.
export const SUITE: Readonly<Record<string, Case>> = {
  'get-vanilla': { signature: VANILLA },
  'post-vanilla': {
    method: 'POST',
    signature: '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
  },
  'post-vanilla-query': {
    method: 'POST',
    target: '/?Param1=value1',
    signature: '28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11',
  },
  'get-vanilla-empty-query-key': {
    target: '/?Param1=value1',
    signature: 'a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb',
  },
  'get-vanilla-query (an empty query)': { target: '/?', signature: VANILLA },
  'get-vanilla-query-order-key-case (sorts by name)': {
    target: '/?Param2=value2&Param1=value1',
    signature: 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
  },
  'get-vanilla-utf8-query': {
    target: '/?ሴ=bar',
    signature: UTF8_QUERY_SIGNATURE,
  },
  'get-unreserved': {
    target: '/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz',
    signature: '07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f',
  },
  'get-utf8': { target: '/ሴ', signature: '8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85' },
  'get-space': {
    target: '/example space/',
    signature: '652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741',
  },
  'get-special-character': {
    target: '/example/$delete',
    signature: 'a853c9b21b528b19643d00910d35b83a10c366a10833ceefb45edd6c80e40f27',
  },
  'get-slash': { target: '//', signature: VANILLA },
  'get-slash-dot-slash': { target: '/./', signature: VANILLA },
  'get-relative': { target: '/example/..', signature: VANILLA },
  'get-relative-relative': { target: '/example1/example2/../..', signature: VANILLA },
  'get-slashes': {
    target: '//example//',
    signature: '9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84',
  },
  'get-slash-pointless-dot': {
    target: '/./example',
    signature: 'ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5',
  },
  'get-header-value-trim': {
    headers: [
      ['My-Header1', ' value1'],
      ['My-Header2', ' "a   b   c"'],
    ],
    signedHeaders: 'host;my-header1;my-header2;x-amz-date',
    signature: 'acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736',
  },
  'get-header-key-duplicate (joins in order of arrival)': {
    headers: [
      ['My-Header1', 'value2'],
      ['My-Header1', 'value2'],
      ['My-Header1', 'value1'],
    ],
    signedHeaders: 'host;my-header1;x-amz-date',
    signature: 'c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea',
  },
  'post-header-value-case': {
    method: 'POST',
    headers: [['My-Header1', 'VALUE1']],
    signedHeaders: 'host;my-header1;x-amz-date',
    signature: 'cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d',
  },
  'post-x-www-form-urlencoded (a body)': FORM_CASE,
};

/** post-sts-header-before of the suite. */
export const TEMPORARY: Case = {
  method: 'POST',
  headers: [['X-Amz-Security-Token', SUITE_TOKEN]],
  signedHeaders: 'host;x-amz-date;x-amz-security-token',
  signature: '85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead',
};

/**
 * The request with an arithmetically right signature over its content, however wrong that is: for rules that tampering
 * cannot reach, because a tampered request already fails at its signature.
 */
export function sign(request: WireRequest, signedHeaders: string, day = '20150830'): WireRequest {
  const scope = `${day}/us-east-1/service/aws4_request`;
  const at = request.headers.find(([name]) => name.toLowerCase() === 'x-amz-date')?.[1] ?? '';
  const hash = sha256Hex(canonicalRequest(request, signedHeaders.split(';')));
  const hmac = (key: Uint8Array | string, text: string): Uint8Array => createHmac('sha256', key).update(text).digest();
  const key = scope.split('/').reduce<Uint8Array | string>(hmac, `AWS4${SECRET}`);
  const signature = Buffer.from(hmac(key, `AWS4-HMAC-SHA256\n${at}\n${scope}\n${hash}`)).toString('hex');
  const credential = `Credential=${ID}/${scope}`;
  const authorization = `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${signedHeaders}, Signature=${signature}`;
  return withHeader(request, 'authorization', () => authorization);
}
