// Covers the forms of spec.awsAccess, the pairs of keys as the Go project stored them, and those in a Secret.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assert as assertProperty, property, stringMatching } from 'fast-check';
import { base64, json, KEY_ID, SECRET_KEY } from '../../testing/rigs/builders.ts';
import { CLUSTER_KIND, NAMESPACED_KIND } from '../api/names.ts';
import type { JsonRecord } from '../lib/json.ts';
import {
  accountOfRole,
  type CredentialKeys,
  type FoundCredentials,
  type Identity,
  parseCredentials,
  parseIdentity,
  parseRole,
} from './identity.ts';

const keys: CredentialKeys = {
  accessKeyId: 'AWS_ACCESS_KEY_ID',
  secretAccessKey: 'AWS_SECRET_ACCESS_KEY',
  sessionToken: 'AWS_SESSION_TOKEN',
};
const plain: Identity = { op: 'inline', credentials: { accessKeyId: KEY_ID, secretAccessKey: SECRET_KEY } };

describe('an inline pair', () => {
  const rows: Readonly<Record<string, { accessKeyId: string; secretAccessKey: string; want: Identity }>> = {
    'is taken as it is when it is plain': { accessKeyId: KEY_ID, secretAccessKey: SECRET_KEY, want: plain },
    'is decoded when both are base64, as the Go project stored them': {
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
    test(outcome, () => assert.deepEqual(parseIdentity(pair, NAMESPACED_KIND), want));
  }

  test('of the shape that AWS hands out means the same plain and as base64', () => {
    const keyId = stringMatching(/^(AKIA|ASIA)[A-Z0-9]{16}$/);
    const secret = stringMatching(/^[A-Za-z0-9/+]{40}$/);
    assertProperty(
      property(keyId, secret, (accessKeyId, secretAccessKey) => {
        const want = { op: 'inline', credentials: { accessKeyId, secretAccessKey } };
        assert.deepEqual(parseIdentity({ accessKeyId, secretAccessKey }, NAMESPACED_KIND), want);
        const stored = { accessKeyId: base64(accessKeyId), secretAccessKey: base64(secretAccessKey) };
        assert.deepEqual(parseIdentity(stored, NAMESPACED_KIND), want);
      }),
    );
  });
});

describe('a reference', () => {
  test('reads the standard keys unless others are named', () => {
    assert.deepEqual(parseIdentity({ secretRef: { name: 'aws-keys' } }, NAMESPACED_KIND), {
      op: 'secretRef',
      secretName: 'aws-keys',
      keys,
    });
  });

  test('reads the keys it names', () => {
    const named = { accessKeyId: 'id', secretAccessKey: '__proto__', sessionToken: 'constructor' };
    const identity = parseIdentity({ secretRef: { name: 'aws-keys', keys: named } }, NAMESPACED_KIND);
    assert.deepEqual(identity, { op: 'secretRef', secretName: 'aws-keys', keys: named });
  });
});

describe('an identity is refused', () => {
  const forms = 'accessKeyId and secretAccessKey, or secretRef, or serviceAccountRef';
  const none = `spec.awsAccess has no identity: give ${forms}`;
  const both = `spec.awsAccess has more than one identity: give only one of ${forms}`;
  const secretRef = { name: 'aws-keys' };
  const rows: Readonly<Record<string, readonly [JsonRecord, string]>> = {
    'when there is none': [{}, none],
    'when the keys are no texts': [{ accessKeyId: 1, secretAccessKey: {} }, 'spec.awsAccess.accessKeyId is empty'],
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
    test(when, () => assert.equal(parseIdentity(awsAccess, NAMESPACED_KIND), words));
  }
});

/** What a refusal says. */
function wordsOf(answer: unknown): string {
  return typeof answer === 'string' ? answer : assert.fail('it was taken');
}

describe('an identity without keys', () => {
  const ROLE = 'arn:aws:iam::111122223333:role/path/puller';

  test('is a service account, with the role that is named, or that of its annotation', () => {
    assert.deepEqual(parseIdentity({ serviceAccountRef: { name: 'puller' } }, NAMESPACED_KIND), {
      op: 'serviceAccount',
      name: 'puller',
      roleArn: undefined,
    });
    assert.deepEqual(parseIdentity({ serviceAccountRef: { name: 'puller', roleArn: ROLE } }, CLUSTER_KIND), {
      op: 'serviceAccount',
      name: 'puller',
      roleArn: ROLE,
    });
  });

  test("is the operator's own for the cluster kind, and never for the other", () => {
    assert.deepEqual(parseIdentity({ ambient: {} }, CLUSTER_KIND), { op: 'ambient' });
    assert.match(wordsOf(parseIdentity({ ambient: {} }, NAMESPACED_KIND)), /is for the cluster kind only$/);
  });

  const FORMS = [
    { secretRef: { name: 'a' } },
    { serviceAccountRef: { name: 'a' } },
    { ambient: {} },
    { accessKeyId: KEY_ID, secretAccessKey: SECRET_KEY },
  ];
  for (const kind of [NAMESPACED_KIND, CLUSTER_KIND] as const) {
    test(`is one of all forms, and no two of them together, for ${kind}`, () => {
      for (const one of FORMS) {
        for (const other of FORMS.filter((form) => form !== one))
          assert.match(wordsOf(parseIdentity({ ...one, ...other }, kind)), /more than one identity/);
      }
    });
  }

  test("is never the operator's own by a slip: empty, blank, null or half given", () => {
    const nothing = ['', ' ', '\n', null, undefined, 0, false, []];
    for (const slip of nothing) {
      for (const awsAccess of [
        { accessKeyId: slip, secretAccessKey: slip },
        { accessKeyId: slip },
        { secretRef: slip },
        { secretRef: { name: slip } },
        { serviceAccountRef: slip },
        { serviceAccountRef: { name: slip } },
        { ambient: slip },
      ]) {
        for (const kind of [NAMESPACED_KIND, CLUSTER_KIND] as const) {
          const identity = parseIdentity(awsAccess, kind);
          assert.equal(typeof identity, 'string', JSON.stringify([awsAccess, kind, identity]));
        }
      }
    }
  });

  for (const roleArn of [
    '',
    'puller',
    'arn:aws:iam::111122223333:user/puller',
    'arn:aws:iam::1111:role/puller',
    'arn:aws:sts::111122223333:assumed-role/puller/x',
    'arn:aws:iam::111122223333:role/',
    'arn:aws:iam::111122223333:role/a b',
    `${ROLE}\n`,
    `arn:aws:iam::111122223333:role/${'a'.repeat(2_048)}`,
    7,
  ]) {
    test(`is refused with the role ${JSON.stringify(roleArn).slice(0, 60)}`, () => {
      const account = parseIdentity({ serviceAccountRef: { name: 'puller', roleArn } }, NAMESPACED_KIND);
      assert.match(wordsOf(account), /serviceAccountRef\.roleArn is not the ARN of a role/);
      assert.match(wordsOf(parseRole({ assumeRole: { roleArn } })), /assumeRole\.roleArn is not the ARN of a role/);
    });
  }

  test('may take a role of any partition, with an external id of its trust policy', () => {
    assert.equal(parseRole({}), undefined);
    for (const partition of ['aws', 'aws-cn', 'aws-us-gov', 'aws-iso-b', 'aws-eusc']) {
      const roleArn = `arn:${partition}:iam::111122223333:role/puller`;
      assert.deepEqual(parseRole({ assumeRole: { roleArn } }), { roleArn, externalId: undefined });
    }
    assert.deepEqual(parseRole({ assumeRole: { roleArn: ROLE, externalId: 'a/b:c-1' } }), {
      roleArn: ROLE,
      externalId: 'a/b:c-1',
    });
    for (const externalId of ['', 'a', 'a b', 'a\n', 'x'.repeat(1_225), 7])
      assert.match(
        wordsOf(parseRole({ assumeRole: { roleArn: ROLE, externalId } })),
        /externalId is none that AWS takes/,
      );
  });
});

describe("a pair in each other's place", () => {
  test('is reported before any call of AWS, and so is a secret in place of the key id', () => {
    const swapped = { accessKeyId: SECRET_KEY, secretAccessKey: KEY_ID };
    const twice = { accessKeyId: SECRET_KEY, secretAccessKey: SECRET_KEY };
    for (const kind of [NAMESPACED_KIND, CLUSTER_KIND] as const) {
      assert.equal(
        parseIdentity(swapped, kind),
        "spec.awsAccess has accessKeyId and secretAccessKey in each other's place",
      );
      assert.equal(parseIdentity(twice, kind), 'spec.awsAccess.accessKeyId has the shape of a secret access key');
    }
  });
});

describe('a referenced secret', () => {
  const id = base64(KEY_ID);
  const secret = base64(SECRET_KEY);

  const SESSION_TOKEN = 'IQoJb3JpZ2luX2VjEXAMPLETOKENOFSOMELENGTH+/=';
  const PAIR = { accessKeyId: KEY_ID, secretAccessKey: SECRET_KEY };
  const found = (...trimmed: readonly string[]): FoundCredentials => ({ credentials: PAIR, trimmed });

  const rows: Readonly<Record<string, { data: unknown; want: ReturnType<typeof parseCredentials> }>> = {
    'gives the pair': {
      data: { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret },
      want: found(),
    },
    'gives the session token too': {
      data: { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: base64(SESSION_TOKEN) },
      want: { credentials: { ...PAIR, sessionToken: SESSION_TOKEN }, trimmed: [] },
    },
    'gives no session token when that is empty': {
      data: { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: base64(' \n') },
      want: found('AWS_SESSION_TOKEN'),
    },
    'loses the line feed that `echo` leaves, and tells where one was': {
      data: { AWS_ACCESS_KEY_ID: base64(`${KEY_ID}\n`), AWS_SECRET_ACCESS_KEY: base64(`${SECRET_KEY}\n`) },
      want: found('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'),
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
      want: 'has a key AWS_ACCESS_KEY_ID that is no access key id (16 to 128 capital letters and digits; it begins with AKIA or ASIA)',
    },
    'with a secret key that is none says so, and not what it is': {
      data: { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: base64('correct-horse-battery') },
      want: 'has a key AWS_SECRET_ACCESS_KEY that is no secret access key (40 characters: letters, digits, / and +)',
    },
    'with a session token that is none says so': {
      data: { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: base64('eu-west-1') },
      want: 'has a key AWS_SESSION_TOKEN that is no session token (base64 of some hundred characters)',
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

test('the account of a role is that of its ARN', () => {
  assert.equal(accountOfRole('arn:aws-cn:iam::111122223333:role/path/x'), '111122223333');
});
