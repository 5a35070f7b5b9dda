// Covers the webhook's answers as a table: what it must look up first, and its words. test/scenario has the API
// server's.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { json, KEY_ID, SECRET_KEY, spec, UID } from '../../testing/rigs/builders.ts';
import { API_VERSION, CLUSTER_KIND, NAMESPACED_KIND, type PullSecretKind } from '../api/names.ts';
import type { JsonRecord } from '../lib/json.ts';
import {
  type AdmissionVerdict,
  type Answers,
  examine,
  isInTheWay,
  judgeReview,
  type Occupant,
  parseReview,
  type Questions,
  type Review,
} from './admit.ts';

interface Change {
  readonly kind?: PullSecretKind;
  readonly wanted: JsonRecord;
  /** The stored spec; absent for a creation. */
  readonly stored?: JsonRecord;
  readonly dryRun?: boolean;
  readonly metadata?: JsonRecord;
}

function reviewOf({ kind = NAMESPACED_KIND, wanted, stored, dryRun = false, metadata = {} }: Change): Review {
  const object = (own: JsonRecord): JsonRecord => ({
    apiVersion: API_VERSION,
    kind,
    metadata: { name: 'a', ...(kind === NAMESPACED_KIND ? { namespace: 'ns1' } : {}), ...metadata },
    spec: own,
  });
  const request = {
    uid: 'review',
    operation: stored ? 'UPDATE' : 'CREATE',
    dryRun,
    object: object(wanted),
    ...(stored ? { oldObject: object(stored) } : {}),
  };
  const parsed = parseReview({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request });
  if (typeof parsed === 'string' || !parsed.review) throw new Error('no review');
  return parsed.review;
}

function questions(change: Change): Questions {
  const examined = examine(reviewOf(change));
  if ('warnings' in examined) throw new Error(`it is answered: ${String(examined.denial)}`);
  return examined;
}

const BY_NAME = { secretRef: { name: 'keys' } };
const BAD = spec({}, { accessKeyId: 'has white space' });
const BAD_WORDS = 'spec.awsAccess.accessKeyId holds white space or characters that no key has';
const LET_THROUGH: AdmissionVerdict = { denial: undefined, warnings: [] };

// Rule 18
describe('before any look-up', () => {
  test('a spec that cannot be used is refused in the words of the status', () => {
    assert.deepEqual(examine(reviewOf({ wanted: BAD })), { denial: BAD_WORDS, warnings: [] });
    assert.deepEqual(examine(reviewOf({ wanted: BAD, stored: spec() })), { denial: BAD_WORDS, warnings: [] });
  });

  test('a fault that is stored already is only a warning, so that the user can repair others', () => {
    const wanted = { ...BAD, secretName: 'other' };
    assert.deepEqual(examine(reviewOf({ wanted, stored: BAD })), { denial: undefined, warnings: [BAD_WORDS] });
  });

  test('a change that leaves the spec as it is, or of an object that is being deleted, goes through', () => {
    assert.deepEqual(examine(reviewOf({ wanted: BAD, stored: BAD })), LET_THROUGH);
    const metadata = { deletionTimestamp: '2026-01-01T00:00:00Z' };
    assert.deepEqual(examine(reviewOf({ wanted: BAD, stored: spec(), metadata })), LET_THROUGH);
  });
});

// Rule 18
describe('what the webhook looks up', () => {
  test('at AWS is the pair in the review, when it is new, in the region of the object', () => {
    const useFips = spec({}, { useFipsEndpoint: true });
    const { trial } = questions({ wanted: useFips });
    assert.deepEqual(trial?.credentials, { accessKeyId: KEY_ID, secretAccessKey: SECRET_KEY });
    assert.deepEqual([trial?.region, trial?.useFips, trial?.useDualstack], ['eu-west-1', true, false]);
    assert.ok(questions({ wanted: spec(), stored: useFips }).trial);
    assert.equal(questions({ wanted: spec({ secretName: 'b' }), stored: spec() }).trial, undefined);
  });

  test('at AWS is nothing on a dry run, with a reference, or when a role is to be taken', () => {
    const role = { assumeRole: { roleArn: 'arn:aws:iam::111122223333:role/puller' } };
    const {
      accessKeyId: _,
      secretAccessKey: __,
      ...noPair
    } = { accessKeyId: '', secretAccessKey: '', region: 'eu-west-1' };
    const cases: readonly Change[] = [
      { wanted: spec(), dryRun: true },
      { wanted: spec({}, BY_NAME) },
      { wanted: spec({}, role) },
      { wanted: { awsAccess: { ...noPair, serviceAccountRef: { name: 'a' } }, secretName: 'a' } },
      { kind: CLUSTER_KIND, wanted: { awsAccess: { ...noPair, ambient: {} }, secretName: 'a' } },
    ];
    for (const change of cases) assert.equal(questions(change).trial, undefined, JSON.stringify(change));
  });

  test('in the cluster are the named namespaces that are not excluded; the Secret only when the object is new', () => {
    const wanted = spec({ namespaces: ['b', 'a', 'c'], excludeNamespaces: ['c'], namespaceSelector: {} }, BY_NAME);
    const create = questions({ kind: CLUSTER_KIND, wanted });
    assert.deepEqual([create.namespaces, create.mayBeMissing, create.secretName], [['a', 'b'], true, 'ecr-login']);
    const update = questions({ kind: CLUSTER_KIND, wanted, stored: spec({}, BY_NAME) });
    assert.deepEqual([update.namespaces, update.secretName], [['a', 'b'], undefined]);
    const unnamed = { name: undefined, generateName: 'a-' };
    assert.equal(questions({ wanted: spec({}, BY_NAME), metadata: unnamed }).secretName, 'ecr-login');
    const own = questions({ wanted: spec({}, BY_NAME) });
    assert.deepEqual([own.namespaces, own.mayBeMissing, own.secretName], [['ns1'], false, 'ecr-login']);
  });
});

// Rule 18
describe('a Secret', () => {
  const nobody: Occupant = {
    deleting: false,
    managed: true,
    hasOwners: false,
    ownerUid: undefined,
    ownerKind: undefined,
    ownerName: undefined,
    ownerUidLabel: undefined,
    offeredTo: undefined,
  };
  const other: Occupant = { ...nobody, hasOwners: true, ownerUid: UID, ownerKind: NAMESPACED_KIND, ownerName: 'b' };
  const object = { kind: NAMESPACED_KIND, name: 'a' } as const;
  const cases: readonly (readonly [what: string, occupant: Occupant, isLive: boolean, inTheWay: boolean])[] = [
    ['of nobody', nobody, false, true],
    ['of another controller', { ...nobody, ownerUid: 'x' }, false, true],
    ['of another object', other, true, true],
    ['of an object that is gone', other, false, false],
    ['of an object of this name that was there before', { ...other, ownerName: 'a' }, true, false],
    ['of an object of this name, of the other kind', { ...other, ownerKind: CLUSTER_KIND, ownerName: 'a' }, true, true],
    ['that is being deleted', { ...nobody, deleting: true }, false, false],
    ['that is offered to this object', { ...nobody, offeredTo: `${NAMESPACED_KIND}/a` }, false, false],
    [
      'that is offered to this object without the label',
      { ...nobody, managed: false, offeredTo: `${NAMESPACED_KIND}/a` },
      false,
      true,
    ],
    ['that a restore brought back, of an object that is gone', { ...nobody, ownerUidLabel: 'x' }, false, false],
    ['that a restore brought back, of an object that is there', { ...nobody, ownerUidLabel: 'x' }, true, true],
    ['that is offered to another one', { ...nobody, offeredTo: `${NAMESPACED_KIND}/b` }, false, true],
  ];
  for (const [what, occupant, isLive, inTheWay] of cases)
    test(`${what} is ${inTheWay ? '' : 'not '}in the way`, () =>
      assert.equal(
        isInTheWay(occupant, object, () => isLive),
        inTheWay,
      ));
});

// Rule 18
describe('the verdict', () => {
  const none: Answers = {
    login: { op: 'good' },
    missing: [],
    occupied: undefined,
    unknown: undefined,
    wantsNone: false,
  };
  const deny = { missingNamespaces: 'deny' } as const;
  const review = reviewOf({ kind: CLUSTER_KIND, wanted: spec({ namespaces: ['a'] }, BY_NAME) });
  const update = reviewOf({
    kind: CLUSTER_KIND,
    wanted: spec({ namespaces: ['a', 'b'] }, BY_NAME),
    stored: spec({ namespaces: ['a'] }, BY_NAME),
  });
  const all: Answers = {
    login: { op: 'denied', message: 'AWS denied the login' },
    missing: ['a'],
    occupied: { secretName: 'ecr-login', namespace: 'ns1' },
    unknown: undefined,
    wantsNone: false,
  };

  test('is yes, with no word, when all is well', () =>
    assert.deepEqual(judgeReview(review, none, deny, false), LET_THROUGH));

  test('is a warning when no namespace can ever want the secret, and none for a selector', () => {
    const warningsOf = (change: Change): readonly string[] => {
      const { wantsNone } = questions(change);
      return judgeReview(reviewOf(change), { ...none, wantsNone }, deny, false).warnings;
    };
    const warningsFor = (wanted: JsonRecord): readonly string[] =>
      warningsOf({ kind: CLUSTER_KIND, wanted: spec(wanted, BY_NAME) });
    for (const wanted of [{}, { namespaces: ['a'], excludeNamespaces: ['a'] }])
      assert.match(warningsFor(wanted)[0] ?? '', /^no namespace can want the secret: /);
    for (const wanted of [{ namespaceSelector: {} }, { namespaces: ['a', 'b'], excludeNamespaces: ['a'] }])
      assert.deepEqual(warningsFor(wanted), []);
    assert.deepEqual(warningsOf({ kind: NAMESPACED_KIND, wanted: spec({}, BY_NAME) }), []);
    assert.deepEqual(judgeReview(reviewOf({ wanted: {} }), none, deny, false).warnings, []);
  });

  test('names the login first, then namespaces, then the Secret', () => {
    const words = (answers: Answers): string | undefined => judgeReview(review, answers, deny, false).denial;
    assert.equal(
      words(all),
      'aws credentials specified in .spec.awsAccess are invalid or missing permissions: AWS denied the login',
    );
    assert.equal(words({ ...all, login: { op: 'none' } }), 'namespace a does not exist');
    assert.equal(
      words({ ...all, login: { op: 'none' }, missing: [] }),
      'secret ecr-login already exists in namespace ns1, you can choose a different name',
    );
  });

  test('is a warning about a missing namespace when that is the policy, and for every change', () => {
    const answers = { ...none, missing: ['a', 'b', 'c'] };
    const warned = { denial: undefined, warnings: ['namespace a does not exist, nor do b, c'] };
    assert.deepEqual(judgeReview(review, answers, { missingNamespaces: 'warn' }, false), warned);
    assert.deepEqual(judgeReview(update, answers, deny, false), warned);
    const odd = judgeReview(review, { ...none, missing: ['No Name'] }, deny, false);
    assert.equal(odd.denial, 'spec.namespaces has a name that no namespace can have');
  });

  test('is yes with a warning when a look-up failed', () => {
    const answers: Answers = { ...none, login: { op: 'unknown', message: 'no answer' }, unknown: 'not looked up' };
    const warnings = ['spec.awsAccess: the keys could not be tried: no answer', 'not looked up'];
    assert.deepEqual(judgeReview(review, answers, deny, false), { denial: undefined, warnings });
  });

  test('of a conversion is never no', () => {
    const { denial, warnings } = judgeReview(review, all, deny, true);
    assert.equal(denial, undefined);
    assert.equal(warnings.length, 3);
  });

  test('warns of keys in the object, and names secretRef', () => {
    const { warnings } = judgeReview(reviewOf({ wanted: spec() }), none, deny, false);
    assert.match(warnings.join('\n'), /read its keys.*spec\.awsAccess\.secretRef/);
  });

  test('is never longer than the API server passes on', () => {
    const missing = Array.from({ length: 10_000 }, (_, index) => `namespace-${index}`);
    const answers: Answers = { ...none, login: { op: 'unknown', message: 'x'.repeat(2_000) }, missing };
    for (const warning of judgeReview(update, answers, deny, false).warnings) assert.ok(warning.length <= 250);
    assert.ok(
      (judgeReview(review, { ...all, login: { op: 'denied', message: 'x'.repeat(5_000) } }, deny, false).denial ?? '')
        .length <= 1_000,
    );
  });
});

// Rule 18
describe('a request body', () => {
  const text = (request: string): string =>
    `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":${request}}`;
  const whole = (operation: string, object: string): string =>
    text(`{"uid":"u","operation":"${operation}","object":${object}}`);
  const ours = `{"apiVersion":"${API_VERSION}","kind":"${NAMESPACED_KIND}"}`;

  test('that is no review is refused as none', () => {
    for (const body of ['null', '1', '[]', '{}', text('null'), text('{}'), text('{"uid":""}'), whole('UPDATE', ours)])
      assert.equal(typeof parseReview(JSON.parse(body)), 'string', body);
  });

  test('about anything else than a write of the two kinds is allowed', () => {
    const bodies = [
      whole('DELETE', 'null'),
      whole('CONNECT', ours),
      whole('CREATE', '{"apiVersion":"v1","kind":"Pod"}'),
      whole('CREATE', `{"apiVersion":"${API_VERSION}","kind":"constructor"}`),
      text(`{"uid":"u","operation":"CREATE","subResource":"status","object":${ours}}`),
    ];
    for (const body of bodies) assert.deepEqual(parseReview(json(body)), { uid: 'u', review: undefined }, body);
  });
});
