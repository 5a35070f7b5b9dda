// Holds the verification against AWS's published examples and against tampering with each part of a request.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type EpochMs, MINUTE, SECOND } from '../../src/lib/time.ts';
import { type Header, sha256Hex, type WireRequest } from './canonical-request.ts';
import { type Expected, MAX_SKEW, type SigningKey, type Verdict, verifySigV4 } from './sigv4.ts';
import {
  FORM_CASE,
  ID,
  SECRET,
  SIGNED_AT,
  SUITE,
  SUITE_TOKEN,
  sign,
  suiteRequest,
  TEMPORARY,
  UTF8_QUERY_SIGNATURE,
  withHeader,
} from './sigv4-suite.ts';

function verify(request: WireRequest, expected: Partial<Expected> = {}): Verdict {
  const findKey = (id: string): SigningKey | undefined => (id === ID ? { secretAccessKey: SECRET } : undefined);
  return verifySigV4(request, { service: 'service', now: SIGNED_AT, findKey, ...expected });
}

function codeOf(verdict: Verdict): string {
  return verdict.ok ? 'ok' : verdict.code;
}

for (const [name, given] of Object.entries(SUITE)) {
  test(`the verification accepts the published signature of ${name}`, () => {
    const verdict = verify(suiteRequest(given));
    assert.deepEqual(verdict, { ok: true, accessKeyId: ID, region: 'us-east-1', service: 'service' });
  });
}

const temporaryKey = (): SigningKey => ({ secretAccessKey: SECRET, sessionToken: SUITE_TOKEN });

test('the verification accepts the published signature of post-sts-header-before (a session token)', () => {
  assert.equal(codeOf(verify(suiteRequest(TEMPORARY), { findKey: temporaryKey })), 'ok');
});

test('the verification takes the two cases of a percent-encoded byte in the query as one', () => {
  const signature = UTF8_QUERY_SIGNATURE;
  for (const target of ['/?%E1%88%B4=bar', '/?%e1%88%b4=bar'])
    assert.equal(codeOf(verify(suiteRequest({ target, signature }))), 'ok');
});

const FORM = suiteRequest(FORM_CASE);
const OTHER_HASH: Header = ['X-Amz-Content-Sha256', sha256Hex('Param1=value2')];

interface Refused {
  readonly given: WireRequest;
  readonly expected?: Partial<Expected>;
  readonly want: string;
}

const authorizationWith = (from: string | RegExp, to: string): WireRequest =>
  withHeader(FORM, 'authorization', (value) => value.replace(from, to));

const REFUSED: Readonly<Record<string, Refused>> = {
  'whose method was changed': { given: { ...FORM, method: 'PUT' }, want: 'InvalidSignatureException' },
  'whose path was changed': { given: { ...FORM, target: '/other' }, want: 'InvalidSignatureException' },
  'whose query was changed': { given: { ...FORM, target: '/?a=b' }, want: 'InvalidSignatureException' },
  'whose body was changed': {
    given: { ...FORM, body: Buffer.from('Param1=value2') },
    want: 'InvalidSignatureException',
  },
  'whose signed header was changed': {
    given: withHeader(FORM, 'content-type', () => 'text/plain'),
    want: 'InvalidSignatureException',
  },
  'whose signed header was taken away': {
    given: withHeader(FORM, 'content-type', () => undefined),
    want: 'InvalidSignatureException',
  },
  'sent to another host': { given: withHeader(FORM, 'host', () => 'evil.example'), want: 'InvalidSignatureException' },
  'with a later date than the signed one': {
    given: withHeader(FORM, 'x-amz-date', () => '20150830T123601Z'),
    want: 'InvalidSignatureException',
  },
  'whose scope names another region': {
    given: authorizationWith('us-east-1', 'us-east-2'),
    want: 'InvalidSignatureException',
  },
  'whose scope names another service': {
    given: authorizationWith('/service/', '/ecr/'),
    expected: { service: 'ecr' },
    want: 'InvalidSignatureException',
  },
  'scoped to a service that was not called': {
    given: FORM,
    expected: { service: 'ecr' },
    want: 'InvalidSignatureException',
  },
  'whose scope names another day': {
    given: authorizationWith('20150830', '20150831'),
    want: 'InvalidSignatureException',
  },
  'with an unsigned x-amz header': {
    given: { ...FORM, headers: [...FORM.headers, ['X-Amz-Target', 'Other.Operation']] },
    want: 'InvalidSignatureException',
  },
  'that does not sign the host': {
    given: authorizationWith('content-type;host;', 'content-type;'),
    want: 'InvalidSignatureException',
  },
  'whose signed headers are not sorted': {
    given: authorizationWith('content-type;host', 'host;content-type'),
    want: 'InvalidSignatureException',
  },
  'signed with another secret': {
    given: FORM,
    expected: { findKey: () => ({ secretAccessKey: `${SECRET}x` }) },
    want: 'InvalidSignatureException',
  },
  'of an unknown key': {
    given: FORM,
    expected: { findKey: () => undefined },
    want: 'UnrecognizedClientException',
  },
  'without its key’s session token': {
    given: FORM,
    expected: { findKey: temporaryKey },
    want: 'UnrecognizedClientException',
  },
  'with a session token its key does not have': { given: suiteRequest(TEMPORARY), want: 'UnrecognizedClientException' },
  'with another session token': {
    given: suiteRequest(TEMPORARY),
    expected: { findKey: () => ({ secretAccessKey: SECRET, sessionToken: 'other' }) },
    want: 'UnrecognizedClientException',
  },
  'whose key ended at this instant': {
    given: FORM,
    expected: { findKey: () => ({ secretAccessKey: SECRET, expiresAt: SIGNED_AT }) },
    want: 'ExpiredTokenException',
  },
  'signed with a payload hash of another body': {
    given: sign(
      { ...FORM, headers: [...FORM.headers, OTHER_HASH] },
      'content-type;host;x-amz-content-sha256;x-amz-date',
    ),
    want: 'InvalidSignatureException',
  },
  'signed for another day than its date': {
    given: sign(FORM, 'content-type;host;x-amz-date', '20150829'),
    want: 'InvalidSignatureException',
  },
  'signed without its host': { given: sign(FORM, 'content-type;x-amz-date'), want: 'InvalidSignatureException' },
  'signed without its date': { given: sign(FORM, 'content-type;host'), want: 'InvalidSignatureException' },
  'signed with headers out of order': {
    given: sign(FORM, 'host;content-type;x-amz-date'),
    want: 'InvalidSignatureException',
  },
  'signed with a header it does not have': {
    given: sign(FORM, 'content-type;host;x-absent;x-amz-date'),
    want: 'InvalidSignatureException',
  },
  'signed for a service that was not called': {
    given: sign(FORM, 'content-type;host;x-amz-date'),
    expected: { service: 'ecr' },
    want: 'InvalidSignatureException',
  },
  'without an authorization': {
    given: withHeader(FORM, 'authorization', () => undefined),
    want: 'MissingAuthenticationTokenException',
  },
  'with two authorizations': {
    given: { ...FORM, headers: [...FORM.headers, ['authorization', 'Bearer x']] },
    want: 'IncompleteSignatureException',
  },
  'with two hosts': {
    given: { ...FORM, headers: [['Host', 'example.amazonaws.com'], ...FORM.headers] },
    want: 'IncompleteSignatureException',
  },
  'with a bearer token': {
    given: withHeader(FORM, 'authorization', () => 'Bearer x'),
    want: 'IncompleteSignatureException',
  },
  'without a signature': { given: authorizationWith(/, Signature=.*/, ''), want: 'IncompleteSignatureException' },
  'with two signatures': { given: authorizationWith(/$/, ', Signature=0'), want: 'IncompleteSignatureException' },
  'whose credential has four parts': { given: authorizationWith('/service', ''), want: 'IncompleteSignatureException' },
  'whose credential has a space before the scope': {
    given: authorizationWith('/2015', ' /2015'),
    want: 'IncompleteSignatureException',
  },
  'without a date': {
    given: withHeader(FORM, 'x-amz-date', () => undefined),
    want: 'IncompleteSignatureException',
  },
  'whose date is no date': {
    given: withHeader(FORM, 'x-amz-date', () => '20150830T996000Z'),
    want: 'IncompleteSignatureException',
  },
};

for (const [name, { given, expected, want }] of Object.entries(REFUSED)) {
  test(`the verification refuses a request ${name}`, () => {
    assert.equal(codeOf(verify(given, expected)), want);
  });
}

test('the verification accepts a signature over the right payload hash', () => {
  const right: Header = ['X-Amz-Content-Sha256', sha256Hex('Param1=value1')];
  const request = { ...FORM, headers: [...FORM.headers, right] };
  assert.equal(codeOf(verify(sign(request, 'content-type;host;x-amz-content-sha256;x-amz-date'))), 'ok');
});

test('the verification accepts clocks five minutes apart and refuses a second more, in both directions', () => {
  const at = (byMs: number): Verdict => verify(FORM, { now: (SIGNED_AT + byMs) as EpochMs });
  assert.equal(MAX_SKEW, 5 * MINUTE);
  assert.equal(codeOf(at(MAX_SKEW)), 'ok');
  assert.equal(codeOf(at(-5 * MINUTE)), 'ok');
  const late = at(MAX_SKEW + SECOND);
  const early = at(-5 * MINUTE - SECOND);
  assert.ok(!late.ok && late.code === 'InvalidSignatureException' && !early.ok && early.code === late.code);
  assert.equal(
    late.message,
    'Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)',
  );
  assert.equal(
    early.message,
    'Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 min.)',
  );
});
