// Covers AWS keys as people store them: in an object, in three values of a Secret, in a credentials file.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assert as assertProperty, constantFrom, property, stringMatching } from 'fast-check';
import { base64, json, KEY_ID, SECRET_KEY } from '../../testing/rigs/builders.ts';
import { type FoundCredentials, parseCredentials, parseEnvironmentKeys, parseInlinePair, shownOf } from './aws-keys.ts';
import type { CredentialKeys } from './credentials-file.ts';

const keys: CredentialKeys = {
  accessKeyId: 'AWS_ACCESS_KEY_ID',
  secretAccessKey: 'AWS_SECRET_ACCESS_KEY',
  sessionToken: 'AWS_SESSION_TOKEN',
};

describe('an inline pair', () => {
  const pair = (accessKeyId: string, secretAccessKey: string, ...mended: readonly string[]): FoundCredentials => ({
    credentials: { accessKeyId, secretAccessKey },
    mended: mended.map((one) => `spec.awsAccess.${one}`),
  });
  const rows: Readonly<Record<string, { given: readonly [string, string]; want: FoundCredentials | string }>> = {
    'is taken as it is when it is plain': { given: [KEY_ID, SECRET_KEY], want: pair(KEY_ID, SECRET_KEY) },
    'is decoded when both are base64, as the Go project stored them': {
      given: [base64(KEY_ID), base64(SECRET_KEY)],
      want: pair(KEY_ID, SECRET_KEY),
    },
    'is decoded in its key id only when the secret is plain': {
      given: [base64(KEY_ID), SECRET_KEY],
      want: pair(KEY_ID, SECRET_KEY),
    },
    'is taken as it is when it has another shape: AWS is to say no to it': {
      given: ['YOUR_ACCESS_KEY_ID', 'YOUR-SECRET!'],
      want: pair('YOUR_ACCESS_KEY_ID', 'YOUR-SECRET!'),
    },
    'is decoded in its secret only when a secret of 40 characters is inside': {
      given: [KEY_ID, base64(SECRET_KEY)],
      want: pair(KEY_ID, SECRET_KEY),
    },
    'keeps an odd secret beside a key id in base64': {
      given: [base64(KEY_ID), base64('short')],
      want: pair(KEY_ID, base64('short')),
    },
    'is decoded twice, and not three times': {
      given: [base64(base64(KEY_ID)), base64(base64(base64(SECRET_KEY)))],
      want: pair(KEY_ID, base64(base64(base64(SECRET_KEY)))),
    },
    'is not decoded when its base64 is broken': {
      given: [`!${base64(KEY_ID)}`, SECRET_KEY],
      want: pair(`!${base64(KEY_ID)}`, SECRET_KEY),
    },
    'loses the white space around it': {
      given: [` ${KEY_ID}\n`, `\t${SECRET_KEY}\r\n`],
      want: pair(
        KEY_ID,
        SECRET_KEY,
        'accessKeyId has white space around it',
        'secretAccessKey has white space around it',
      ),
    },
    'loses the white space around and within its base64': {
      given: [`${base64(`${KEY_ID}\n`)}\n`, base64(SECRET_KEY).replace(/(.{20})/g, '$1\n')],
      want: pair(KEY_ID, SECRET_KEY, 'accessKeyId has white space around it and is in base64'),
    },
    'is decoded when its base64 has the shape of a key id itself': {
      given: [base64('ASIAA4AAA0AA0AA0AA0A\n'), base64(SECRET_KEY)],
      want: pair('ASIAA4AAA0AA0AA0AA0A', SECRET_KEY, 'accessKeyId has white space around it and is in base64'),
    },
    'loses a byte order mark, and quotes in quotes': {
      given: [`\uFEFF${KEY_ID}`, `'"${SECRET_KEY}"'`],
      want: pair(KEY_ID, SECRET_KEY, 'accessKeyId has white space around it', 'secretAccessKey is in quotes'),
    },
    'keeps a quote that has no partner, which no key has': {
      given: [KEY_ID, `"${SECRET_KEY}`],
      want: pair(KEY_ID, `"${SECRET_KEY}`),
    },
    'that is a line of a shell is refused with what it is': {
      given: [`AWS_ACCESS_KEY_ID=${KEY_ID}`, SECRET_KEY],
      want: 'spec.awsAccess.accessKeyId holds NAME=value: it is to be only what stands behind the =',
    },
    "in each other's place is refused, in base64 too": {
      given: [base64(SECRET_KEY), base64(KEY_ID)],
      want: "spec.awsAccess has accessKeyId and secretAccessKey in each other's place",
    },
  };
  for (const [outcome, { given, want }] of Object.entries(rows)) {
    test(outcome, () => assert.deepEqual(parseInlinePair(...given), want));
  }
});

describe('keys of the shape that AWS hands out', () => {
  const id = stringMatching(/^(AKIA|ASIA)[A-Z0-9]{16}$/);
  const secret = stringMatching(/^[A-Za-z0-9/+]{40}$/);
  const wrapping = constantFrom<(text: string) => string>(
    (text) => text,
    (text) => ` ${text}\r\n`,
    (text) => `"${text}"`,
    base64,
    (text) => base64(`${text}\n`),
  );

  test('mean the same however they are wrapped, in an object, a Secret and the environment', () => {
    assertProperty(
      property(id, secret, wrapping, wrapping, (accessKeyId, secretAccessKey, inner, outer) => {
        const want = { accessKeyId, secretAccessKey };
        const wrapped = { accessKeyId: outer(inner(accessKeyId)), secretAccessKey: outer(inner(secretAccessKey)) };
        const data = {
          [keys.accessKeyId]: base64(wrapped.accessKeyId),
          [keys.secretAccessKey]: base64(wrapped.secretAccessKey),
        };
        for (const found of [
          parseInlinePair(wrapped.accessKeyId, wrapped.secretAccessKey),
          parseCredentials(data, keys),
          parseEnvironmentKeys({ ...wrapped, sessionToken: undefined }, keys),
        ])
          assert.deepEqual(typeof found === 'string' ? found : found.credentials, want);
      }),
    );
  });

  test('show the last four characters of the id, and nothing of what has no such shape', () => {
    assert.equal(shownOf('AKIAIOSFODNN7EXAMPLE'), 'MPLE');
    assert.equal(shownOf(SECRET_KEY), undefined);
  });
});

describe("the operator's own keys", () => {
  const [accessKeyId, secretAccessKey] = ['test', 'test'];
  for (const [outcome, sessionToken, want] of [
    ['may have no session token', undefined, { credentials: { accessKeyId, secretAccessKey }, mended: [] }],
    ['may have an empty session token', '', { credentials: { accessKeyId, secretAccessKey }, mended: [] }],
    [
      'may have a session token of any shape',
      ' x',
      {
        credentials: { accessKeyId, secretAccessKey, sessionToken: 'x' },
        mended: ['AWS_SESSION_TOKEN has white space around it'],
      },
    ],
    [
      'are refused with a session token that cannot be sent',
      'a b',
      'AWS_SESSION_TOKEN holds white space or characters that no key has',
    ],
  ] as const)
    test(outcome, () =>
      assert.deepEqual(parseEnvironmentKeys({ accessKeyId, secretAccessKey, sessionToken }, keys), want),
    );
});

describe('a referenced secret', () => {
  const id = base64(KEY_ID);
  const secret = base64(SECRET_KEY);

  const SESSION_TOKEN = 'IQoJb3JpZ2luX2VjEXAMPLETOKENOFSOMELENGTH+/=';
  const PAIR = { accessKeyId: KEY_ID, secretAccessKey: SECRET_KEY };
  const found = (...mended: readonly string[]): FoundCredentials => ({ credentials: PAIR, mended });

  const rows: Readonly<Record<string, { data: unknown; want: ReturnType<typeof parseCredentials> }>> = {
    'gives the pair': {
      data: { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret },
      want: found(),
    },
    'gives the session token too': {
      data: { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: base64(SESSION_TOKEN) },
      want: { credentials: { ...PAIR, sessionToken: SESSION_TOKEN }, mended: [] },
    },
    'gives no session token when that is empty': {
      data: { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: base64(' \n') },
      want: found('AWS_SESSION_TOKEN has white space around it'),
    },
    'loses the line feed that `echo` leaves, and tells where one was': {
      data: { AWS_ACCESS_KEY_ID: base64(`${KEY_ID}\n`), AWS_SECRET_ACCESS_KEY: base64(`${SECRET_KEY}\n`) },
      want: found('AWS_ACCESS_KEY_ID has white space around it', 'AWS_SECRET_ACCESS_KEY has white space around it'),
    },
    'with more than a key can be says so, and keeps nothing of it': {
      data: { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: base64('x'.repeat(257)) },
      want: 'has a key AWS_SECRET_ACCESS_KEY of over 256 characters, which no key of AWS has',
    },
    'with more than a session token can be says so': {
      data: { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: base64('x'.repeat(8_193)) },
      want: 'has a key AWS_SESSION_TOKEN of over 8192 characters, which no key of AWS has',
    },
    'with a megabyte of blanks around a key says so, and keeps none of it': {
      data: { AWS_ACCESS_KEY_ID: base64(`${' '.repeat(500_000)}${KEY_ID}`), AWS_SECRET_ACCESS_KEY: secret },
      want: 'has a key AWS_ACCESS_KEY_ID of over 256 characters, which no key of AWS has',
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
    "with both keys in each other's place says so": {
      data: { AWS_ACCESS_KEY_ID: secret, AWS_SECRET_ACCESS_KEY: id },
      want: "has accessKeyId and secretAccessKey in each other's place: see AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    },
    'with a key id that is none says so, and not what it is': {
      data: { AWS_ACCESS_KEY_ID: base64('correct-horse-battery'), AWS_SECRET_ACCESS_KEY: secret },
      want: 'has a key AWS_ACCESS_KEY_ID that is no access key id (16 to 128 capital letters and digits, such as AKIA…)',
    },
    'with a secret key that is none says so, and not what it is': {
      data: { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: base64('correct-horse-battery') },
      want: 'has a key AWS_SECRET_ACCESS_KEY that is no secret access key (40 characters: letters, digits, / and +)',
    },
    'with a session token that is none says so': {
      data: { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: base64('eu-west-1') },
      want: 'has a key AWS_SESSION_TOKEN that is no session token (base64 of some hundred characters)',
    },
    'with values that were base64 already gives the pair, and tells it': {
      data: { AWS_ACCESS_KEY_ID: base64(id), AWS_SECRET_ACCESS_KEY: base64(secret) },
      want: found('AWS_ACCESS_KEY_ID is in base64', 'AWS_SECRET_ACCESS_KEY is in base64'),
    },
    'with values in quotes gives the pair, and tells it': {
      data: { AWS_ACCESS_KEY_ID: base64(`"${KEY_ID}"`), AWS_SECRET_ACCESS_KEY: base64(`'${SECRET_KEY}'\n`) },
      want: found('AWS_ACCESS_KEY_ID is in quotes', 'AWS_SECRET_ACCESS_KEY has white space around it and is in quotes'),
    },
    'with values of a Windows shell gives the pair': {
      data: {
        AWS_ACCESS_KEY_ID: Buffer.from(`\uFEFF${KEY_ID}\r\n`, 'utf16le').toString('base64'),
        AWS_SECRET_ACCESS_KEY: base64(`\uFEFF${SECRET_KEY}\r\n`),
      },
      want: found('AWS_ACCESS_KEY_ID has white space around it', 'AWS_SECRET_ACCESS_KEY has white space around it'),
    },
    'with a session token that was base64 already gives it': {
      data: { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: base64(base64(SESSION_TOKEN)) },
      want: { credentials: { ...PAIR, sessionToken: SESSION_TOKEN }, mended: ['AWS_SESSION_TOKEN is in base64'] },
    },
    'with an assignment in a value says so': {
      data: { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: base64(`export AWS_SECRET_ACCESS_KEY=${SECRET_KEY}`) },
      want: 'has a key AWS_SECRET_ACCESS_KEY that holds NAME=value: it is to be only what stands behind the =',
    },
    'with a secret key in place of the key id says so': {
      data: { AWS_ACCESS_KEY_ID: secret, AWS_SECRET_ACCESS_KEY: secret },
      want: 'has a secret access key in its key AWS_ACCESS_KEY_ID',
    },
    'with the credentials file of Velero gives the pair of its default section': {
      data: {
        cloud: base64(
          `[other]\naws_access_key_id=X\naws_secret_access_key=Y\n[default]\r\naws_access_key_id = ${KEY_ID}\r\n` +
            `aws_secret_access_key = ${SECRET_KEY}\r\nregion = eu-west-1\n`,
        ),
      },
      want: found(
        'the keys are in a file, in the key cloud',
        'aws_access_key_id has white space around it',
        'aws_secret_access_key has white space around it',
      ),
    },
    'with the file in the value that the object names gives the pair, with the session token': {
      data: {
        AWS_ACCESS_KEY_ID: base64(
          `[build]\n# by hand\naws_access_key_id=${KEY_ID}\naws_secret_access_key=${SECRET_KEY}\naws_session_token=${SESSION_TOKEN}`,
        ),
      },
      want: {
        credentials: { ...PAIR, sessionToken: SESSION_TOKEN },
        mended: ['the keys are in a file, in the key AWS_ACCESS_KEY_ID'],
      },
    },
    'with a file of two profiles and no default says so': {
      data: {
        credentials: base64(
          ['a', 'b']
            .map((name) => `[${name}]\naws_access_key_id=${KEY_ID}\naws_secret_access_key=${SECRET_KEY}\n`)
            .join(''),
        ),
      },
      want: 'has a credentials file in its key credentials, with more than one section and no [default]',
    },
    'with a file that is base64 already gives the pair of its lines without a section': {
      data: { creds: base64(base64(`export AWS_ACCESS_KEY_ID=${KEY_ID}\nAWS_SECRET_ACCESS_KEY="${SECRET_KEY}"\n`)) },
      want: found('the keys are in a file, in the key creds', 'aws_secret_access_key is in quotes'),
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
    assert.deepEqual(parseCredentials(data, odd), found());
  });
});
