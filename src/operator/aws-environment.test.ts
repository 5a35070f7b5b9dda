// Covers the one look at the environment: what ends the start, what is only told, and that no value is repeated.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { makeAuthority } from '../../testing/network/self-signed.ts';
import { type AwsEnvironment, environmentKeys, readAwsEnvironment } from './aws-environment.ts';

const ID = 'AKIAIOSFODNN7EXAMPLE';
const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
const { certificate } = makeAuthority();
const FILES: Readonly<Record<string, string>> = {
  '/good.pem': certificate,
  '/half.pem': `${certificate}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
  '/empty.pem': 'nothing',
};

function look(env: NodeJS.ProcessEnv, useAmbient = true): AwsEnvironment {
  const read = (file: string): string => {
    const text = FILES[file];
    if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    return text;
  };
  const found = readAwsEnvironment({ env, useAmbient, read });
  const told = JSON.stringify([found.mistakes, found.findings]);
  for (const secret of [ID, SECRET, 'hush']) assert.ok(!told.includes(secret), told);
  return found;
}

describe('mistakes in the environment', () => {
  test('are told all together, each by its variable', () => {
    const { mistakes } = look({
      HTTPS_PROXY: 'http://me:me#hush@proxy.example.com',
      http_proxy: 'http://CORP\\me:hush@proxy.example.com',
      AWS_ENDPOINT_URL_STS: 'sts.example.com',
      AWS_CA_BUNDLE: '/nowhere.pem',
    });
    assert.deepEqual(mistakes, [
      'HTTPS_PROXY is not the address of a proxy: there is a # in it; in user and password write %23',
      'http_proxy is not the address of a proxy: there is a \\ in it; write it as %5C (DOMAIN%5Cuser)',
      'AWS_ENDPOINT_URL_STS is not https:// (or http://) and a host: give it like https://vpce.example.com',
      'AWS_CA_BUNDLE: /nowhere.pem cannot be read (ENOENT)',
    ]);
  });

  test('are none in an empty environment, nor in a good one', () => {
    const good = { HTTPS_PROXY: 'proxy:3128', AWS_ENDPOINT_URL: 'https://a.example', AWS_CA_BUNDLE: '/good.pem' };
    for (const env of [
      {},
      { ...good, NODE_EXTRA_CA_CERTS: '/good.pem', AWS_ACCESS_KEY_ID: ID, AWS_SECRET_ACCESS_KEY: SECRET },
    ]) {
      const { mistakes, findings } = look(env);
      assert.deepEqual({ mistakes, findings }, { mistakes: [], findings: [] });
    }
  });
});

describe('a bundle', () => {
  test('without a usable certificate ends the start', () => {
    assert.match(
      look({ AWS_CA_BUNDLE: '/empty.pem' }).mistakes.join(),
      /\/empty\.pem cannot be used: it holds no certificate/,
    );
  });
  test('for every program only tells that it is not used, since Node goes on without it', () => {
    for (const NODE_EXTRA_CA_CERTS of ['/empty.pem', '/nowhere.pem']) {
      const { mistakes, findings } = look({ NODE_EXTRA_CA_CERTS });
      assert.deepEqual(mistakes, []);
      assert.match(
        findings.map(({ level, message }) => `${level} ${message}`).join(),
        /^error NODE_EXTRA_CA_CERTS: \//,
      );
    }
  });
  test('with a broken certificate is used, and tells which one is broken', () => {
    for (const variable of ['AWS_CA_BUNDLE', 'NODE_EXTRA_CA_CERTS'] as const) {
      const { mistakes, findings, broken } = look({ [variable]: '/half.pem' });
      assert.deepEqual(mistakes, []);
      assert.equal(broken.get(variable), 1);
      assert.match(
        findings[0]?.message ?? '',
        new RegExp(`^${variable}: number 2 of the 2 certificates in /half.pem$`),
      );
    }
  });
});

describe("the operator's own keys in the environment", () => {
  const pair = { AWS_ACCESS_KEY_ID: ID, AWS_SECRET_ACCESS_KEY: SECRET };
  const wrong: Readonly<Record<string, readonly [env: NodeJS.ProcessEnv, words: RegExp]>> = {
    'that are swapped': [
      { AWS_ACCESS_KEY_ID: SECRET, AWS_SECRET_ACCESS_KEY: ID },
      /the environment has AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in each other's place/,
    ],
    'with NAME=value': [
      { ...pair, AWS_SECRET_ACCESS_KEY: `AWS_SECRET_ACCESS_KEY=${SECRET}` },
      /AWS_SECRET_ACCESS_KEY holds NAME=value/,
    ],
    'with an unprintable character inside': [
      { ...pair, AWS_SECRET_ACCESS_KEY: `${SECRET.slice(0, 9)}\u200b${SECRET.slice(9)}` },
      /AWS_SECRET_ACCESS_KEY holds white space or characters/,
    ],
    'of white space': [{ ...pair, AWS_ACCESS_KEY_ID: ' ' }, /AWS_ACCESS_KEY_ID is empty/],
    'with a session token of two lines': [
      { ...pair, AWS_SESSION_TOKEN: 'a\nb' },
      /AWS_SESSION_TOKEN holds white space/,
    ],
  };
  for (const [what, [env, words]] of Object.entries(wrong)) {
    test(`${what} are an error in the log, and no reason not to start`, () => {
      const { mistakes, findings } = look(env);
      assert.deepEqual(mistakes, []);
      assert.deepEqual(
        findings.map(({ level }) => level),
        ['error'],
      );
      assert.match(findings[0]?.message ?? '', words);
      assert.equal(typeof environmentKeys(env), 'string');
    });
    test(`${what} are nobody's concern where no object may use them`, () =>
      assert.deepEqual(look(env, false).findings, []));
  }

  test('lose what is around them, which is told', () => {
    const env = { AWS_ACCESS_KEY_ID: `"${ID}"`, AWS_SECRET_ACCESS_KEY: `${SECRET}\n`, AWS_SESSION_TOKEN: '' };
    assert.deepEqual(
      look(env).findings.map(({ level, message }) => `${level} ${message}`),
      [
        'warn AWS_ACCESS_KEY_ID is in quotes; AWS_SECRET_ACCESS_KEY has white space around it; the operator uses the keys without that',
      ],
    );
    const found = environmentKeys(env);
    assert.deepEqual(typeof found === 'object' && found.credentials, { accessKeyId: ID, secretAccessKey: SECRET });
  });

  test('may be those of a stand-in for AWS, which have not the shape of keys', () => {
    const found = environmentKeys({ AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_SESSION_TOKEN: 'x' });
    assert.deepEqual(typeof found === 'object' && found.credentials, {
      accessKeyId: 'test',
      secretAccessKey: 'test',
      sessionToken: 'x',
    });
  });

  test('of which half is missing are told, with the identity that is used instead', () => {
    const env = { AWS_SECRET_ACCESS_KEY: SECRET, AWS_WEB_IDENTITY_TOKEN_FILE: '/token', AWS_ROLE_ARN: 'arn' };
    const [finding] = look(env).findings;
    assert.equal(finding?.level, 'warn');
    assert.match(
      finding.message,
      /AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID is not: .* that of: web identity$/,
    );
    assert.match(look({ AWS_ACCESS_KEY_ID: ID }).findings[0]?.message ?? '', /AWS_ACCESS_KEY_ID is set and AWS_SECRET/);
    assert.equal(environmentKeys(env), undefined);
  });
});
