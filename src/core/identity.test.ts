// Covers the forms of spec.awsAccess, the pairs of keys as the original stored them, and those in a referenced Secret.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assert as assertProperty, property, string, stringMatching } from 'fast-check';
import type { JsonRecord } from '../lib/json.ts';
import { base64, json, KEY_ID, SECRET_KEY } from '../testing/builders.ts';
import { type CredentialKeys, fingerprint, type Identity, parseCredentials, parseIdentity } from './identity.ts';

const keys: CredentialKeys = {
  accessKeyId: 'AWS_ACCESS_KEY_ID',
  secretAccessKey: 'AWS_SECRET_ACCESS_KEY',
  sessionToken: 'AWS_SESSION_TOKEN',
};
const plain: Identity = { op: 'inline', credentials: { accessKeyId: KEY_ID, secretAccessKey: SECRET_KEY } };

describe('an inline pair', () => {
  const rows: Readonly<Record<string, { accessKeyId: string; secretAccessKey: string; want: Identity }>> = {
    'is taken as it is when it is plain': { accessKeyId: KEY_ID, secretAccessKey: SECRET_KEY, want: plain },
    'is decoded when both are base64, as the original stored them': {
      accessKeyId: base64(KEY_ID),
      secretAccessKey: base64(SECRET_KEY),
      want: plain,
    },
    'is decoded in its key id only when the secret is plain': {
      accessKeyId: base64(KEY_ID),
      secretAccessKey: SECRET_KEY,
      want: plain,
    },
    'is taken as it is when it has another shape: AWS is to say no to it': {
      accessKeyId: 'YOUR_ACCESS_KEY_ID',
      secretAccessKey: 'YOUR-SECRET!',
      want: { op: 'inline', credentials: { accessKeyId: 'YOUR_ACCESS_KEY_ID', secretAccessKey: 'YOUR-SECRET!' } },
    },
    'keeps a secret that is base64 beside a plain key id, since a secret may look like that': {
      accessKeyId: KEY_ID,
      secretAccessKey: base64(SECRET_KEY),
      want: { op: 'inline', credentials: { accessKeyId: KEY_ID, secretAccessKey: base64(SECRET_KEY) } },
    },
    'is decoded once, not twice': {
      accessKeyId: base64(base64(KEY_ID)),
      secretAccessKey: base64(base64(SECRET_KEY)),
      want: {
        op: 'inline',
        credentials: { accessKeyId: base64(base64(KEY_ID)), secretAccessKey: base64(base64(SECRET_KEY)) },
      },
    },
    'keeps an odd secret beside a key id in base64': {
      accessKeyId: base64(KEY_ID),
      secretAccessKey: base64('short'),
      want: { op: 'inline', credentials: { accessKeyId: KEY_ID, secretAccessKey: base64('short') } },
    },
    'is not decoded when its base64 is broken': {
      accessKeyId: `!${base64(KEY_ID)}`,
      secretAccessKey: SECRET_KEY,
      want: { op: 'inline', credentials: { accessKeyId: `!${base64(KEY_ID)}`, secretAccessKey: SECRET_KEY } },
    },
    'loses the white space around it': {
      accessKeyId: ` ${KEY_ID}\n`,
      secretAccessKey: `\t${SECRET_KEY}\r\n`,
      want: plain,
    },
    'loses the white space around its base64': {
      accessKeyId: `${base64(KEY_ID)}\n`,
      secretAccessKey: ` ${base64(SECRET_KEY)}`,
      want: plain,
    },
  };
  for (const [outcome, { want, ...pair }] of Object.entries(rows)) {
    test(outcome, () => assert.deepEqual(parseIdentity(pair), want));
  }

  test('of the shape that AWS hands out means the same plain and as base64', () => {
    const keyId = stringMatching(/^(AKIA|ASIA)[A-Z0-9]{16}$/);
    const secret = stringMatching(/^[A-Za-z0-9/+]{40}$/);
    assertProperty(
      property(keyId, secret, (accessKeyId, secretAccessKey) => {
        const want = { op: 'inline', credentials: { accessKeyId, secretAccessKey } };
        assert.deepEqual(parseIdentity({ accessKeyId, secretAccessKey }), want);
        const stored = { accessKeyId: base64(accessKeyId), secretAccessKey: base64(secretAccessKey) };
        assert.deepEqual(parseIdentity(stored), want);
      }),
    );
  });
});

describe('a reference', () => {
  test('reads the standard keys unless others are named', () => {
    assert.deepEqual(parseIdentity({ secretRef: { name: 'aws-keys' } }), {
      op: 'secretRef',
      secretName: 'aws-keys',
      keys,
    });
  });

  test('reads the keys it names', () => {
    const named = { accessKeyId: 'id', secretAccessKey: '__proto__', sessionToken: 'constructor' };
    const identity = parseIdentity({ secretRef: { name: 'aws-keys', keys: named } });
    assert.deepEqual(identity, { op: 'secretRef', secretName: 'aws-keys', keys: named });
  });
});

describe('an identity is refused', () => {
  const none = 'spec.awsAccess has no identity: give secretRef, or accessKeyId and secretAccessKey';
  const both =
    'spec.awsAccess has more than one identity: give secretRef, or accessKeyId and secretAccessKey, not both';
  const secretRef = { name: 'aws-keys' };
  const rows: Readonly<Record<string, readonly [JsonRecord, string]>> = {
    'when there is none': [{}, none],
    'when the keys are no texts': [{ accessKeyId: 1, secretAccessKey: {} }, none],
    'when both forms are given': [{ secretRef, accessKeyId: KEY_ID, secretAccessKey: SECRET_KEY }, both],
    'when a reference stands beside a key id': [{ secretRef, accessKeyId: KEY_ID }, both],
    'when a reference stands beside a secret key': [{ secretRef, secretAccessKey: SECRET_KEY }, both],
    'when a reference stands beside an empty key': [{ secretRef, accessKeyId: '' }, both],
    'without a key id': [{ secretAccessKey: SECRET_KEY }, 'spec.awsAccess.accessKeyId is empty'],
    'with a key id of white space': [
      { accessKeyId: ' \n', secretAccessKey: SECRET_KEY },
      'spec.awsAccess.accessKeyId is empty',
    ],
    'without a secret key': [{ accessKeyId: KEY_ID }, 'spec.awsAccess.secretAccessKey is empty'],
    'with a secret key of white space': [
      { accessKeyId: KEY_ID, secretAccessKey: ' ' },
      'spec.awsAccess.secretAccessKey is empty',
    ],
    'with a line feed inside a key id': [
      { accessKeyId: 'AKIA\nTEST', secretAccessKey: SECRET_KEY },
      'spec.awsAccess.accessKeyId holds white space or characters that no key has',
    ],
    'with characters that no request can carry in a secret key': [
      { accessKeyId: KEY_ID, secretAccessKey: 'p\u0000ä\u{1F433}' },
      'spec.awsAccess.secretAccessKey holds white space or characters that no key has',
    ],
    'with a reference that names nothing': [{ secretRef: {} }, 'spec.awsAccess.secretRef.name is empty'],
    'with a reference that is null': [{ secretRef: null }, 'spec.awsAccess.secretRef.name is empty'],
  };
  for (const [when, [awsAccess, words]] of Object.entries(rows)) {
    test(when, () => assert.equal(parseIdentity(awsAccess), words));
  }
});

describe('a referenced secret', () => {
  const id = base64(KEY_ID);
  const secret = base64(SECRET_KEY);

  const rows: Readonly<Record<string, { data: unknown; want: ReturnType<typeof parseCredentials> }>> = {
    'gives the pair': {
      data: { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret },
      want: { accessKeyId: KEY_ID, secretAccessKey: SECRET_KEY },
    },
    'gives the session token too': {
      data: { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: base64('token') },
      want: { accessKeyId: KEY_ID, secretAccessKey: SECRET_KEY, sessionToken: 'token' },
    },
    'gives no session token when that is empty': {
      data: { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: base64(' \n') },
      want: { accessKeyId: KEY_ID, secretAccessKey: SECRET_KEY },
    },
    'loses the line feed that `echo` leaves': {
      data: { AWS_ACCESS_KEY_ID: base64(`${KEY_ID}\n`), AWS_SECRET_ACCESS_KEY: base64(`${SECRET_KEY}\n`) },
      want: { accessKeyId: KEY_ID, secretAccessKey: SECRET_KEY },
    },
    'without a key id says so': { data: { AWS_SECRET_ACCESS_KEY: secret }, want: 'has no key AWS_ACCESS_KEY_ID' },
    'with an empty key id says so': {
      data: { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: secret },
      want: 'has an empty AWS_ACCESS_KEY_ID',
    },
    'without a secret key says so': { data: { AWS_ACCESS_KEY_ID: id }, want: 'has no key AWS_SECRET_ACCESS_KEY' },
    'with a secret key of white space says so': {
      data: { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: base64(' ') },
      want: 'has an empty AWS_SECRET_ACCESS_KEY',
    },
    'with a line feed inside a key id says so': {
      data: { AWS_ACCESS_KEY_ID: base64('AKIA\nTEST'), AWS_SECRET_ACCESS_KEY: secret },
      want: 'has a key AWS_ACCESS_KEY_ID that holds white space or characters that no key has',
    },
    'with bytes that are no text in a secret key says so': {
      data: { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: '/w==' },
      want: 'has a key AWS_SECRET_ACCESS_KEY that holds white space or characters that no key has',
    },
    'with a space inside a session token says so': {
      data: { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: base64('a b') },
      want: 'has a key AWS_SESSION_TOKEN that holds white space or characters that no key has',
    },
    'without data says what is missing': { data: undefined, want: 'has no key AWS_ACCESS_KEY_ID' },
    'with data that are no texts says what is missing': {
      data: { AWS_ACCESS_KEY_ID: 1 },
      want: 'has no key AWS_ACCESS_KEY_ID',
    },
  };
  for (const [outcome, { data, want }] of Object.entries(rows)) {
    test(outcome, () => assert.deepEqual(parseCredentials(data, keys), want));
  }

  test('may call its keys after the properties of every object', () => {
    const odd: CredentialKeys = { accessKeyId: '__proto__', secretAccessKey: 'constructor', sessionToken: 'toString' };
    assert.equal(parseCredentials({}, odd), 'has no key __proto__');
    const data = json(`{"__proto__": "${id}", "constructor": "${secret}"}`);
    assert.deepEqual(parseCredentials(data, odd), { accessKeyId: KEY_ID, secretAccessKey: SECRET_KEY });
  });
});

describe('a fingerprint', () => {
  test('is the same for the same keys, and another for any other', () => {
    const pair = { accessKeyId: KEY_ID, secretAccessKey: SECRET_KEY };
    assert.equal(fingerprint(pair), fingerprint({ ...pair }));
    assertProperty(
      property(string({ minLength: 1 }), (text) => {
        const others = [
          { ...pair, accessKeyId: KEY_ID + text },
          { ...pair, secretAccessKey: SECRET_KEY + text },
          { ...pair, sessionToken: text },
        ].map(fingerprint);
        assert.equal(new Set([fingerprint(pair), ...others]).size, 4);
      }),
    );
  });

  test('shows nothing of the keys', () => {
    assert.match(fingerprint({ accessKeyId: KEY_ID, secretAccessKey: SECRET_KEY }), /^sha256:[0-9a-f]{32}$/);
  });
});
