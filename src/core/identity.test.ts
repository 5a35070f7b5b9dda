// Covers the forms of spec.awsAccess.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { KEY_ID, SECRET_KEY } from '../../testing/rigs/builders.ts';
import { CLUSTER_KIND, NAMESPACED_KIND } from '../api/names.ts';
import type { JsonRecord } from '../lib/json.ts';
import type { CredentialKeys } from './credentials-file.ts';
import { accountOfRole, parseIdentity, parseRole } from './identity.ts';

const keys: CredentialKeys = {
  accessKeyId: 'AWS_ACCESS_KEY_ID',
  secretAccessKey: 'AWS_SECRET_ACCESS_KEY',
  sessionToken: 'AWS_SESSION_TOKEN',
};
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

test('the account of a role is that of its ARN', () => {
  assert.equal(accountOfRole('arn:aws-cn:iam::111122223333:role/path/x'), '111122223333');
});
