// Covers the parser of GetAuthorizationToken's answer, field by field: what is taken and what is refused.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { partitionOf, partitions, regionsOfSdk } from '../../testing/aws/partitions.ts';
import { after, base64, hostOf, START } from '../../testing/rigs/builders.ts';
import { Failure } from '../lib/errors.ts';
import { type EpochMs, HOUR, MINUTE, SECOND, seconds } from '../lib/time.ts';
import { type Expected, parsePublicToken, parseToken } from './ecr-token.ts';

const REGION = 'eu-west-1';
const ENDPOINT = `https://${hostOf(REGION)}`;
const TOKEN = base64('AWS:p4ssw0rd');
const END = new Date(after(12 * HOUR));
const entry = { authorizationToken: TOKEN, proxyEndpoint: ENDPOINT, expiresAt: END };

function parse(over: object) {
  return parseToken({ authorizationData: [{ ...entry, ...over }] }, { region: REGION }, START);
}

/** The words of the refusal of `answer`; the retry must come in a minute. */
function refusal(answer: unknown): string {
  try {
    parseToken(answer, { region: REGION }, START);
  } catch (thrown) {
    assert.ok(thrown instanceof Failure);
    assert.deepEqual([thrown.next, thrown.delay, thrown.reason], ['after', MINUTE, 'BadECRAnswer']);
    return thrown.message;
  }
  return assert.fail('the answer was taken');
}

const refusalOf = (over: object): string => refusal({ authorizationData: [{ ...entry, ...over }] });

test('a good answer gives user name, password, host and end', () => {
  assert.deepEqual(parse({}), {
    username: 'AWS',
    password: 'p4ssw0rd',
    hosts: [hostOf(REGION)],
    expiresAt: after(12 * HOUR),
  });
});

// Rule 7
describe('the entries', () => {
  const rows: Readonly<Record<string, readonly [unknown, string]>> = {
    'are refused when there is none': [{ authorizationData: [] }, 'holds no authorization data'],
    'are refused when they are null': [{ authorizationData: null }, 'holds no authorization data'],
    'are refused when they are missing': [{}, 'holds no authorization data'],
    'are refused when the answer is nothing': [undefined, 'holds no authorization data'],
    'are refused when the answer is a text': ['<html>', 'holds no authorization data'],
    'are refused when they are no objects': [{ authorizationData: ['a', null] }, 'holds no authorization data'],
    'are refused when there are ten, though each is good': [
      { authorizationData: Array.from({ length: 10 }, () => entry) },
      'holds 10 entries where one was asked for',
    ],
  };
  for (const [outcome, [answer, words]] of Object.entries(rows)) {
    test(outcome, () => assert.equal(refusal(answer), `ECR's answer ${words}`));
  }
});

// Rule 16
describe('an endpoint', () => {
  const good: Readonly<Record<string, readonly [string, string]>> = {
    'may end with a slash': [`${ENDPOINT}/`, hostOf(REGION)],
    'may be in upper case': [ENDPOINT.toUpperCase(), hostOf(REGION)],
    'may name the standard port': [`${ENDPOINT}:443`, hostOf(REGION)],
    'may be the one of FIPS': [
      `https://111122223333.dkr.ecr-fips.${REGION}.amazonaws.com`,
      `111122223333.dkr.ecr-fips.${REGION}.amazonaws.com`,
    ],
    'may be the dual-stack one': [
      `https://111122223333.dkr-ecr.${REGION}.on.aws`,
      `111122223333.dkr-ecr.${REGION}.on.aws`,
    ],
  };
  for (const [outcome, [proxyEndpoint, host]] of Object.entries(good)) {
    test(outcome, () => assert.deepEqual(parse({ proxyEndpoint }).hosts, [host]));
  }

  const host = hostOf(REGION);
  const bad: Readonly<Record<string, unknown>> = {
    'is refused when it is missing': undefined,
    'is refused when it is empty': '',
    'is refused when it is no text': 7,
    'is refused when it is no URL': host,
    'is refused without encryption': `http://${host}`,
    'is refused with another port': `${ENDPOINT}:8443`,
    'is refused with a path': `${ENDPOINT}/v2/`,
    'is refused with a user': `https://user@${host}`,
    'is refused with a password': `https://:secret@${host}`,
    'is refused with a query': `${ENDPOINT}/?a=b`,
    'is refused with a fragment': `${ENDPOINT}/#a`,
    'is refused when it is another host': 'https://registry.example.com',
    'is refused when it only begins like one of ECR': `${ENDPOINT}.example.com`,
    'is refused when it only ends like one of ECR': `https://example.com.${host}`,
    'is refused when its suffix is none of AWS': `https://111122223333.dkr.ecr.${REGION}.example.com`,
    'is refused when it is a subdomain of a suffix': `https://111122223333.dkr.ecr.${REGION}.s3.amazonaws.com`,
    'is refused when it is of another region': `https://${hostOf('us-east-1')}`,
    'is refused when its account is no number': `https://11112222333a.dkr.ecr.${REGION}.amazonaws.com`,
    'is refused with a dot at its end': `${ENDPOINT}.`,
    'is refused with letters that only look like those of AWS': `https://111122223333.dkr.ecr.${REGION}.аmazonaws.com`,
  };
  for (const [outcome, proxyEndpoint] of Object.entries(bad)) {
    test(outcome, () => assert.match(refusalOf({ proxyEndpoint }), /^ECR's answer names (no|a) registry/));
  }
});

// Rule 16
describe('a registry', () => {
  const hostsOf = (expected: Partial<Expected>, proxyEndpoint = ENDPOINT): readonly string[] =>
    parseToken({ authorizationData: [{ ...entry, proxyEndpoint }] }, { region: REGION, ...expected }, START).hosts;

  test('of the requested account is accepted, one of another account is refused', () => {
    assert.deepEqual(hostsOf({ account: '111122223333' }), [hostOf(REGION)]);
    assert.throws(() => hostsOf({ account: '444455556666' }), /names a registry of another account than 444455556666/);
  });

  test('at an endpoint that the administrator set is accepted whatever its account and its host', () => {
    assert.deepEqual(hostsOf({ account: '444455556666', anyHost: true }), [hostOf(REGION)]);
    assert.deepEqual(hostsOf({ anyHost: true }, 'https://ecr.internal:8443'), ['ecr.internal:8443']);
    assert.throws(() => hostsOf({ anyHost: true }, 'http://ecr.internal'), /not an https host/);
  });

  test('of plain HTTP is accepted where the endpoint is one too', () => {
    const local = 'http://000000000000.dkr.ecr.us-east-1.localhost.localstack.cloud:4566';
    assert.deepEqual(hostsOf({ anyHost: true, mayBePlain: true }, local), [local.slice('http://'.length)]);
    const wrong = { anyHost: true, mayBePlain: true };
    for (const other of [
      'ftp://ecr.internal',
      'localhost:4566',
      'http://me@localhost:4566',
      'http://localhost:4566/v2',
    ])
      assert.throws(() => hostsOf(wrong, other), /not an https or http host/, other);
  });

  test('is opened under its FIPS and dual-stack names too where those endpoints are asked', () => {
    const [plain, fips] = [hostOf(REGION), `111122223333.dkr.ecr-fips.${REGION}.amazonaws.com`];
    assert.deepEqual(hostsOf({ useFips: true }), [plain, fips]);
    assert.deepEqual(hostsOf({ useDualstack: true }), [plain, `111122223333.dkr-ecr.${REGION}.on.aws`]);
    const both = { useFips: true, useDualstack: true };
    assert.deepEqual(hostsOf(both), [plain, fips, `111122223333.dkr-ecr-fips.${REGION}.on.aws`]);
    assert.deepEqual(hostsOf({ useFips: true }, `https://${fips}`), [fips]);
  });

  test('in any region that the SDK knows is accepted by the suffixes of its partition only', async () => {
    const regions = await regionsOfSdk();
    assert.ok(regions.length > 35, `${regions.length} regions`);
    for (const region of regions) {
      const { suffix, dualstackSuffix } = partitionOf(region);
      const at = (host: string): readonly string[] => hostsOf({ region }, `https://111122223333.${host}`);
      for (const host of [`dkr.ecr.${region}.${suffix}`, `dkr-ecr.${region}.${dualstackSuffix}`])
        assert.deepEqual(at(host), [`111122223333.${host}`]);
      for (const other of partitions.map((one) => one.suffix).filter((one) => one !== suffix))
        assert.throws(() => at(`dkr.ecr.${region}.${other}`), /not an ECR host/, `${region} ${other}`);
    }
  });
});

describe('the public registry', () => {
  const answer = { authorizationData: { authorizationToken: TOKEN, expiresAt: END } };

  test('has one host, and a second one for IPv6 where dual-stack is asked for', () => {
    assert.deepEqual(parsePublicToken(answer, {}, START).hosts, ['public.ecr.aws']);
    const dualstack = parsePublicToken(answer, { useDualstack: true }, START);
    assert.deepEqual(dualstack.hosts, ['ecr-public.aws.com', 'public.ecr.aws']);
  });

  test('is read as strictly as a private one', () => {
    assert.deepEqual(parsePublicToken(answer, {}, START), {
      username: 'AWS',
      password: 'p4ssw0rd',
      hosts: ['public.ecr.aws'],
      expiresAt: after(12 * HOUR),
    });
    for (const bad of [undefined, {}, { authorizationData: [] }, { authorizationData: null }])
      assert.throws(() => parsePublicToken(bad, {}, START), /holds no authorization data/);
    const tokenless = { authorizationData: { expiresAt: END } };
    assert.throws(() => parsePublicToken(tokenless, {}, START), /holds no token/);
  });
});

describe('a token', () => {
  test('is divided at its first colon, whatever the password holds', () => {
    const { username, password } = parse({ authorizationToken: base64('AWS:a: b::"\\ä') });
    assert.deepEqual([username, password], ['AWS', 'a: b::"\\ä']);
  });

  test('of 64 KiB of base64 is taken, one byte more is refused', () => {
    const longest = base64(`AWS:${'x'.repeat(49_148)}`);
    assert.equal(longest.length, 64 * 1_024);
    assert.equal(parse({ authorizationToken: longest }).password.length, 49_148);
    assert.match(refusalOf({ authorizationToken: base64(`AWS:${'x'.repeat(49_149)}`) }), /more than 64 KiB/);
  });

  const bad: Readonly<Record<string, readonly [unknown, RegExp]>> = {
    'is refused when it is missing': [undefined, /holds no token/],
    'is refused when it is empty': ['', /holds no token/],
    'is refused when it is no text': [{}, /holds no token/],
    'is refused when it is not base64': ['AWS:password', /not base64/],
    'is refused when its base64 was cut': [`${TOKEN}A`, /not base64/],
    'is refused in the alphabet of URLs': ['QVdTOi1_', /not base64/],
    'is refused with a line feed in its base64': [`${TOKEN}\n`, /not base64/],
    'is refused without a colon': [base64('AWS'), /without a user name or a password/],
    'is refused without a password': [base64('AWS:'), /without a user name or a password/],
    'is refused without a user name': [base64(':password'), /without a user name or a password/],
    'is refused with NUL': [base64('AWS:a\u0000b'), /control characters/],
    'is refused with a line end': [base64('AWS:a\r\nb'), /control characters/],
    'is refused with DEL': [base64('AWS:a\u007f'), /control characters/],
    'is refused when it is no UTF-8': [Buffer.from([65, 58, 0xff]).toString('base64'), /control characters/],
    'is refused with 1 MB': [base64(`AWS:${'x'.repeat(1_000_000)}`), /more than 64 KiB/],
  };
  for (const [outcome, [authorizationToken, words]] of Object.entries(bad)) {
    test(outcome, () => assert.match(refusalOf({ authorizationToken }), words));
  }
});

// Rule 5
describe('the end', () => {
  const good: Readonly<Record<string, readonly [unknown, EpochMs]>> = {
    'is assumed six hours away when it is missing': [undefined, after(6 * HOUR)],
    'is assumed six hours away when it is null': [null, after(6 * HOUR)],
    'is taken as it is in 30 seconds': [new Date(after(30 * SECOND)), after(30 * SECOND)],
    'is taken as it is in 5 seconds': [new Date(after(5 * SECOND)), after(5 * SECOND)],
    'is believed for no more than twelve hours': [new Date(after(12 * HOUR + 1)), after(12 * HOUR)],
    'is believed for no more than twelve hours of a hundred years': [new Date('2123-01-01'), after(12 * HOUR)],
  };
  for (const [outcome, [expiresAt, want]] of Object.entries(good)) {
    test(outcome, () => assert.equal(parse({ expiresAt }).expiresAt, want));
  }

  const bad: Readonly<Record<string, readonly [unknown, RegExp]>> = {
    'is refused when it is past': [
      new Date(after(-1 * HOUR)),
      / ended about an hour ago by the operator's clock: is the clock of the node ahead\?/,
    ],
    'is refused when it is a day ago, without an instant, which each attempt would change': [
      new Date(after(-24 * HOUR - SECOND)),
      /^[^Z]* ended about 24 hours ago by the operator's clock: is the clock of the node ahead\?$/,
    ],
    'is refused when it is now': [
      new Date(START),
      / is at its end by the operator's clock: is the clock of the node ahead\?/,
    ],
    'is refused in 4 seconds': [
      new Date(after(seconds(4))),
      / is at its end by the operator's clock: is the clock of the node ahead\?/,
    ],
    'is refused as a text': ['2123-01-01T00:00:00Z', /an end that is no time/],
    'is refused as a number, which may be seconds or milliseconds': [after(HOUR), /an end that is no time/],
    'is refused as an invalid date': [new Date(Number.NaN), /an end that is no time/],
  };
  for (const [outcome, [expiresAt, words]] of Object.entries(bad)) {
    test(outcome, () => assert.match(refusalOf({ expiresAt }), words));
  }
});
