// Covers how an object's spec is read, and which specs are refused with which words.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { anything, assert as assertProperty, property } from 'fast-check';
import { clusterPullSecret, json, pullSecret, SECRET_KEY, spec } from '../../testing/rigs/builders.ts';
import { NAMESPACED_KIND } from '../api/names.ts';
import { isRecord, type JsonRecord, recordOf } from '../lib/json.ts';
import { parseRegistries } from './registries.ts';
import {
  credentialsNamespace,
  differInStatusOnly,
  forcedBy,
  inputsDigest,
  isNamespaceName,
  isOlder,
  keyOf,
  type PullSecretObject,
  parseStrictly,
  parseWish,
  type Since,
  since,
  type Wish,
} from './resource.ts';

test('of two objects the older comes first, and of two of one second the one with the lower uid', () => {
  const first = { createdAt: '2023-10-04T20:00:00Z', uid: 'b' };
  const later = { createdAt: '2023-10-04T20:00:01Z', uid: 'a' };
  assert.deepEqual([isOlder(first, later), isOlder(later, first)], [true, false]);
  const twin = { ...first, uid: 'a' };
  assert.deepEqual([isOlder(twin, first), isOlder(first, twin), isOlder(first, first)], [true, false, false]);
});

function wishOf(wanted: JsonRecord): Wish {
  const wish = parseWish(clusterPullSecret(wanted));
  if (typeof wish === 'string') assert.fail(wish);
  return wish;
}

function refusalOf(wanted: JsonRecord): string {
  const answer = parseWish(clusterPullSecret(wanted));
  if (typeof answer !== 'string') assert.fail('the spec was not refused');
  return answer;
}

describe('a spec', () => {
  test('of the namespaced kind wants the secret in its own namespace only', () => {
    const wish = parseWish(pullSecret(NAMESPACED_KIND, spec({ namespaces: ['ns2'], namespaceSelector: {} })));
    assert.ok(typeof wish !== 'string');
    assert.deepEqual(wish.targets, { named: ['ns1'], isOwn: true, selector: undefined, excluded: new Set() });
  });

  test('of the namespaced kind without a namespace wants nothing', () => {
    const wish = parseWish({ ...pullSecret(NAMESPACED_KIND, spec()), namespace: undefined });
    assert.ok(typeof wish !== 'string');
    assert.deepEqual(wish.targets.named, []);
  });

  test('of the cluster kind wants it in its named namespaces, sorted, repeats folded', () => {
    const { targets } = wishOf(spec({ namespaces: ['b', 'a', 'b', 'a'], excludeNamespaces: ['c', 'c'] }));
    assert.deepEqual(targets, { named: ['a', 'b'], isOwn: false, selector: undefined, excluded: new Set(['c']) });
  });

  test('with an empty selector selects every namespace', () => {
    assert.deepEqual(wishOf(spec({ namespaceSelector: {} })).targets.selector, []);
  });

  test('asks the registry of its region', () => {
    const { registries, secretName } = wishOf(spec());
    assert.deepEqual(registries, [{ registry: 'eu-west-1', kind: 'private', region: 'eu-west-1' }]);
    assert.equal(secretName, 'ecr-login');
  });

  test('with a list that is no list of names is refused: read as empty, it would take secrets away', () => {
    for (const list of ['ns1', { ns1: true }, ['ns1', 7], [null]]) {
      assert.equal(refusalOf(spec({ namespaces: list })), 'spec.namespaces is not a list of names');
      assert.equal(refusalOf(spec({ excludeNamespaces: list })), 'spec.excludeNamespaces is not a list of names');
    }
  });

  test('may name namespaces after the properties of every object', () => {
    const names = ['constructor', '__proto__', 'toString'];
    assert.deepEqual(wishOf(spec({ namespaces: names })).targets.named, names.toSorted());
  });

  test('keeps a name that no namespace can have, so that it is reported', () => {
    const names = ['../x', 'a/b', '%2e%2e', '*', '', 'Kube', 'ｋube', 'a\n'];
    assert.deepEqual(wishOf(spec({ namespaces: names })).targets.named, names.toSorted());
    for (const name of [...names, 'x'.repeat(64), '-a', 'a-', 'a.b']) assert.equal(isNamespaceName(name), false, name);
    for (const name of ['a', 'kube-system', '0', 'x'.repeat(63), 'constructor']) assert.ok(isNamespaceName(name));
  });
});

describe('a region', () => {
  for (const region of [
    'eu-west-1',
    'us-gov-east-1',
    'eusc-de-east-1',
    'cn-northwest-1',
    'us-isob-east-1',
    'ap-south-12',
  ]) {
    test(`is good: ${region}`, () => {
      assert.deepEqual(wishOf(spec({}, { region })).registries, [{ registry: region, kind: 'private', region }]);
    });
  }

  const bad: Readonly<Record<string, unknown>> = {
    'is refused when it is missing': undefined,
    'is refused when it is empty': '',
    'is refused when it is a number': 1,
    'is refused with a slash': 'eu-west-1/../..',
    'is refused with a host in it': 'evil.example.com/eu-west-1',
    'is refused with a user in it': 'x@eu-west-1',
    'is refused with a fragment': 'eu-west-1#',
    'is refused with a line feed at its end': 'eu-west-1\n',
    'is refused with a line feed before it': '\neu-west-1',
    'is refused with a space': ' eu-west-1',
    'is refused in upper case': 'EU-WEST-1',
    'is refused without a number': 'eu-west',
    'is refused with three digits': 'eu-west-100',
    'is refused with 300 characters': `eu${'-west'.repeat(60)}-1`,
    'is refused with 33 characters': `eu-${'w'.repeat(28)}-1`,
    'is refused as a placeholder': 'THE_ECR_REGION',
  };
  for (const [outcome, region] of Object.entries(bad)) {
    test(outcome, () => {
      assert.equal(
        refusalOf(spec({}, { region })),
        'spec.awsAccess.region is not the name of an AWS region (an example: eu-west-1)',
      );
    });
  }

  test('of 32 characters is good', () => {
    assert.ok(wishOf(spec({}, { region: `eu-${'w'.repeat(27)}-1` })));
  });
});

describe('a secret name', () => {
  for (const secretName of ['a', 'ecr-login', 'a.b-c.d', '0', 'constructor', 'x'.repeat(253)]) {
    test(`is good: ${secretName.slice(0, 20)} (${secretName.length})`, () => {
      assert.equal(wishOf(spec({ secretName })).secretName, secretName);
    });
  }

  for (const secretName of [
    undefined,
    '',
    7,
    'A',
    'a/b',
    '..',
    '.',
    'a..b',
    'a_b',
    '-a',
    'a-',
    'a\n',
    'x'.repeat(254),
  ]) {
    const shown = typeof secretName === 'string' ? secretName.slice(0, 20) : String(secretName);
    test(`is refused: ${JSON.stringify(shown)}`, () => {
      assert.match(refusalOf(spec({ secretName })), /^spec\.secretName is not a name/);
    });
  }
});

describe('a spec is refused, with the words of the part that is wrong,', () => {
  const bad: Readonly<Record<string, readonly [JsonRecord, RegExp]>> = {
    'without awsAccess': [{ secretName: 'a' }, /^spec\.awsAccess\.region/],
    'with an awsAccess that is no object': [{ secretName: 'a', awsAccess: [] }, /^spec\.awsAccess\.region/],
    'when it is empty': [{}, /^spec\.awsAccess\.region/],
    'with an identity that is incomplete': [spec({}, { secretAccessKey: '' }), /^spec\.awsAccess\.secretAccessKey/],
    'with a further role that is none': [spec({}, { assumeRole: { roleArn: 'x' } }), /^spec\.awsAccess\.assumeRole/],
    'with a registry that is wrong': [spec({ registries: { accounts: ['1'] } }), /^spec\.registries\.accounts\[0\]/],
    'with the public registry by FIPS': [
      spec({ registries: { public: true } }, { useFipsEndpoint: true }),
      /^spec\.registries\.public: ECR Public has no FIPS endpoint/,
    ],
    'with a selector that is wrong': [spec({ namespaceSelector: [] }), /^spec\.namespaceSelector: it is not an object/],
    'with a label of the operator in its template': [
      spec({ secretTemplate: { labels: { 'aws.zakariaamine.com/owner-uid': 'x' } } }),
      /^spec\.secretTemplate\.labels has the key/,
    ],
  };
  for (const [when, [wanted, words]] of Object.entries(bad)) {
    test(when, () => assert.match(refusalOf(wanted), words));
  }
});

test('a spec whose probe or accounts are wrong is read, with what is wrong, and holds back no Secret', () => {
  const wrong = pullSecret(NAMESPACED_KIND, spec({ probe: {}, serviceAccounts: {} }));
  const wish = parseWish(wrong);
  assert.ok(typeof wish === 'object' && typeof wish.probe === 'string' && typeof wish.accounts === 'string');
  assert.equal(parseStrictly(wrong), wish.accounts);
  assert.equal(parseStrictly(pullSecret(NAMESPACED_KIND, spec({ probe: {} }))), wish.probe);
  assert.equal(typeof parseStrictly(pullSecret(NAMESPACED_KIND, spec())), 'object');
  const none = pullSecret(NAMESPACED_KIND, {});
  assert.equal(parseStrictly(none), parseWish(none));
});

test('any spec at all is read or refused, and no refusal shows a key', () => {
  const part = anything({ withNullPrototype: true, withBigInt: true });
  assertProperty(
    property(part, part, part, (access, namespaces, selector) => {
      const awsAccess = isRecord(access) ? { region: 'eu-west-1', accessKeyId: SECRET_KEY, ...access } : access;
      const object = clusterPullSecret({ awsAccess, secretName: 'a', namespaces, namespaceSelector: selector });
      const answer = parseWish(object);
      if (typeof answer === 'string') assert.ok(!answer.includes(SECRET_KEY));
      else assert.equal(answer.secretName, 'a');
    }),
    { numRuns: 500 },
  );
});

test('a spec whose names reach for prototypes gains nothing by them', () => {
  const inherited = json('{"__proto__": {"awsAccess": {"region": "eu-west-1"}, "secretName": "a"}}');
  assert.equal(typeof parseWish(clusterPullSecret(recordOf(inherited))), 'string');
});

describe('the digest of the inputs', () => {
  const wanted = (registries: JsonRecord = {}): Parameters<typeof inputsDigest>[1] => {
    const found = parseRegistries({ registries }, 'eu-west-1');
    assert.ok(typeof found !== 'string');
    return found;
  };

  test('is the same for the same identity and registries', () => {
    assert.equal(inputsDigest('sha256:1', wanted()), inputsDigest('sha256:1', wanted({ regions: ['eu-west-1'] })));
  });

  test('changes with the identity, with the registries, and with every further host', () => {
    const digests = [
      inputsDigest('sha256:1', wanted()),
      inputsDigest('sha256:2', wanted()),
      inputsDigest('sha256:1', wanted({ regions: ['us-east-1'] })),
      inputsDigest('sha256:1', wanted({ public: true })),
      inputsDigest('sha256:1', wanted({ accounts: ['444455556666'] })),
      inputsDigest('sha256:1', wanted({ hosts: ['registry.example.com'] })),
    ];
    assert.equal(new Set(digests).size, digests.length);
  });
});

describe('the AWS keys of an object', () => {
  test('are looked for in its own namespace', () => {
    assert.equal(credentialsNamespace(pullSecret(NAMESPACED_KIND, {}), 'operator'), 'ns1');
  });

  test("are looked for in the operator's namespace when the object is of the cluster kind", () => {
    assert.equal(credentialsNamespace(clusterPullSecret({}), 'operator'), 'operator');
    const forged = { ...clusterPullSecret({}), namespace: 'team-a' };
    assert.equal(credentialsNamespace(forged, 'operator'), 'operator', 'whatever namespace somebody writes into it');
    assert.equal(
      credentialsNamespace({ ...pullSecret(NAMESPACED_KIND, {}), namespace: undefined }, 'operator'),
      'operator',
    );
  });
});

test('the key of an object is its namespace and name, or its name alone when it is of the cluster kind', () => {
  assert.equal(keyOf({ namespace: 'team-a', name: 'login' }), 'team-a/login');
  assert.equal(keyOf({ namespace: undefined, name: 'login' }), '/login');
});

describe('what was decided about an object', () => {
  const decidedOn = clusterPullSecret(spec());
  const rows: Readonly<Record<string, readonly [now: PullSecretObject | undefined, want: Since]>> = {
    'holds while only its status changes': [
      { ...decidedOn, resourceVersion: '9', status: { observedGeneration: 1 } },
      'same',
    ],
    'is to be decided again when its spec changes': [{ ...decidedOn, generation: 2 }, 'changed'],
    'holds while a user asks for fresh logins, however often': [{ ...decidedOn, reconcileAt: 'now' }, 'same'],
    'is about another object when that one was deleted and created again': [{ ...decidedOn, uid: 'other' }, 'replaced'],
    'is about another object though the garbage collector is at work on that one': [
      { ...decidedOn, uid: 'other', isCollected: true },
      'replaced',
    ],
    'is void when the garbage collector is at work on its Secrets': [{ ...decidedOn, isCollected: true }, 'gone'],
    'is void when it is deleted': [undefined, 'gone'],
  };
  for (const [outcome, [now, want]] of Object.entries(rows))
    test(outcome, () => assert.equal(since(decidedOn, now), want));
});

test('a mark asks for a fresh login until it has been heeded', () => {
  const object = clusterPullSecret(spec());
  assert.equal(forcedBy(object), undefined);
  assert.equal(forcedBy({ ...object, reconcileAt: 'now' }), 'now');
  assert.equal(forcedBy({ ...object, reconcileAt: 'now', status: { lastHandledReconcileAt: 'now' } }), undefined);
  assert.equal(forcedBy({ ...object, status: { lastHandledReconcileAt: 'now' } }), undefined, 'it was taken away');
});

test('two versions of an object differ in their status only when all else that is kept is the same', () => {
  const object = { ...clusterPullSecret(spec()), status: { observedGeneration: 1 } };
  const later = { ...object, resourceVersion: '9', status: { observedGeneration: 2 } };
  assert.equal(differInStatusOnly(object, later), true);
  assert.equal(differInStatusOnly(object, object), true);
  for (const change of [{ generation: 2 }, { spec: {} }, { reconcileAt: 'now' }, { uid: 'other' }, { deleting: true }])
    assert.equal(differInStatusOnly(object, { ...later, ...change }), false, Object.keys(change).join());
});
