// Covers what an object asks of ServiceAccounts, the change of one, and what the status says.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type AttachmentFindings,
  attachedIn,
  attachmentPatch,
  isFull,
  judgeAttachment,
  MAX_ENTRIES,
  ownPart,
  parseServiceAccounts,
  planAttachment,
  selectsAccount,
} from './attachment.ts';

const parse = (serviceAccounts: unknown) => parseServiceAccounts({ serviceAccounts });
const NOBODY = { name: 'a', labels: new Map(), hasAllLabels: true };
const keepsNone = (): boolean => false;
const FREE = { pullSecrets: [], attached: new Map<string, string>(), isTooLarge: false };

describe('spec.serviceAccounts', () => {
  test('absent asks for none', () => {
    assert.equal(parseServiceAccounts({}), undefined);
  });
  test('names accounts, sorted and without repeats', () => {
    assert.deepEqual(parse({ names: ['b', 'a', 'b'] }), { op: 'names', names: ['a', 'b'] });
  });
  test('selects the accounts that it names, and no others', () => {
    const selection = parse({ names: ['a'] });
    assert.ok(typeof selection === 'object');
    assert.deepEqual(
      [selectsAccount(selection, NOBODY), selectsAccount(selection, { ...NOBODY, name: 'b' })],
      ['yes', 'no'],
    );
  });
  test('selects accounts by their labels', () => {
    const selection = parse({ selector: { matchLabels: { team: 'a' } } });
    assert.ok(typeof selection === 'object');
    assert.equal(selectsAccount(selection, NOBODY), 'no');
    assert.equal(selectsAccount(selection, { ...NOBODY, labels: new Map([['team', 'a']]) }), 'yes');
    assert.equal(selectsAccount(selection, { ...NOBODY, hasAllLabels: false }), 'undecided');
  });
  for (const [value, problem] of [
    ['default', /is not an object/],
    [null, /is not an object/],
    [{}, /either names or a selector/],
    [{ names: ['a'], selector: {} }, /either names or a selector/],
    [{ names: 'a' }, /names is not a list of names/],
    [{ names: [] }, /names is not a list of names/],
    [{ names: ['a', 1] }, /names is not a list of names/],
    [{ selector: { matchLabels: 1 } }, /spec\.serviceAccounts\.selector: matchLabels/],
  ] as const) {
    test(`cannot be ${JSON.stringify(value)}`, () => {
      const parsed = parse(value);
      assert.ok(typeof parsed === 'string');
      assert.match(parsed, problem);
    });
  }
});

describe('the change of a ServiceAccount', () => {
  test('adds at the end, and lists what it has added', () => {
    const plan = planAttachment({ ...FREE, pullSecrets: ['mirror'] }, [{ secretName: 'ecr', uid: 'u' }], keepsNone);
    assert.ok(plan);
    assert.deepEqual(attachmentPatch({ uid: 'account', resourceVersion: '7' }, plan), {
      metadata: {
        uid: 'account',
        resourceVersion: '7',
        annotations: { 'aws.zakariaamine.com/attached-pull-secrets': '{"ecr":"u"}' },
      },
      imagePullSecrets: [{ name: 'mirror' }, { name: 'ecr' }],
    });
  });
  test('lists what it has added in the order of the names, and keeps what is not certain to have ended', () => {
    const before = { ...FREE, pullSecrets: ['z'], attached: new Map([['z', 'u']]) };
    const claims = ['b', 'a'].map((secretName) => ({ secretName, uid: 'v' }));
    const plan = planAttachment(before, claims, () => true);
    assert.ok(plan);
    assert.deepEqual(plan.pullSecrets, ['z', 'b', 'a']);
    const { metadata } = attachmentPatch({ uid: 'account', resourceVersion: '7' }, plan) as {
      readonly metadata: { readonly annotations: object };
    };
    assert.deepEqual(Object.values(metadata.annotations), ['{"a":"v","b":"v","z":"u"}']);
    assert.equal(
      planAttachment(before, [], () => true),
      undefined,
    );
  });
  test('only unlists an entry that somebody has taken away meanwhile', () => {
    const before = { ...FREE, pullSecrets: ['mirror'], attached: new Map([['ecr', 'u']]) };
    const plan = planAttachment(before, [], () => true);
    assert.deepEqual(plan, { added: [], pullSecrets: ['mirror'], attached: new Map() });
  });
  test('of the last entry takes the annotation away too', () => {
    const before = { ...FREE, pullSecrets: ['ecr'], attached: new Map([['ecr', 'u']]) };
    const plan = planAttachment(before, [], keepsNone);
    assert.ok(plan);
    assert.deepEqual(attachmentPatch({ uid: 'account', resourceVersion: '7' }, plan)['imagePullSecrets'], []);
    assert.deepEqual(plan.attached, new Map());
  });
  test('takes the last of two entries of one name, as the operator adds at the end', () => {
    const before = { ...FREE, pullSecrets: ['ecr', 'mirror', 'ecr'], attached: new Map([['ecr', 'u']]) };
    assert.deepEqual(planAttachment(before, [], keepsNone)?.pullSecrets, ['ecr', 'mirror']);
  });
  test('only lists the next owner when an object takes over the Secret of another', () => {
    const before = { ...FREE, pullSecrets: ['ecr'], attached: new Map([['ecr', 'former']]) };
    const plan = planAttachment(before, [{ secretName: 'ecr', uid: 'next' }], keepsNone);
    assert.deepEqual(plan, { added: [], pullSecrets: ['ecr'], attached: new Map([['ecr', 'next']]) });
  });
  test('adds no more than an account may have, and nothing to one that is too large', () => {
    const full = { ...FREE, pullSecrets: Array.from({ length: MAX_ENTRIES }, (_, index) => `s${index}`) };
    assert.equal(planAttachment(full, [{ secretName: 'ecr', uid: 'u' }], keepsNone), undefined);
    const withRoom = { ...full, pullSecrets: full.pullSecrets.slice(1) };
    assert.equal(
      planAttachment(withRoom, [{ secretName: 'ecr', uid: 'u' }], keepsNone)?.pullSecrets.length,
      MAX_ENTRIES,
    );
    assert.deepEqual([isFull(full), isFull(withRoom)], [true, false]);
    const large = { ...FREE, isTooLarge: true };
    assert.equal(planAttachment(large, [{ secretName: 'ecr', uid: 'u' }], keepsNone), undefined);
  });
  test('leaves a part of the account that changes with each entry, and with nothing else', () => {
    const before = {
      pullSecrets: ['mirror', 'b', 'a'],
      attached: new Map([
        ['b', 'u'],
        ['a', 'u'],
      ]),
    };
    assert.equal(ownPart(before), ownPart({ ...before, pullSecrets: ['a', 'b', 'more'] }));
    for (const other of [
      { ...before, pullSecrets: ['mirror', 'a'] },
      { ...before, attached: new Map([['a', 'u']]) },
      {
        ...before,
        attached: new Map([
          ['b', 'v'],
          ['a', 'u'],
        ]),
      },
    ])
      assert.notEqual(ownPart(before), ownPart(other));
  });
  test('reads no annotation but such as the operator writes', () => {
    const others = [undefined, '', 'x', '[]', '1', 'null', '{"a":1}', '{"a": "u"}', '{"b":"u","a":"u"}', '{"A":"u"}'];
    for (const text of others) assert.equal(attachedIn(text).size, 0, text);
    assert.deepEqual(attachedIn('{"a":"u","b":"v"}').size, 2);
  });
});

describe('the condition Attached', () => {
  const ALL: AttachmentFindings = {
    isEnabled: true,
    isAnywhere: true,
    wanted: 2,
    attached: 2,
    missing: [],
    undecided: [],
    problems: [],
  };
  const problems = [{ account: 'shop/default', message: 'refused' }];
  for (const [over, status, reason, message] of [
    [{}, 'True', 'Attached', '2 of 2 ServiceAccounts name the secret ecr'],
    [{ missing: ['shop/b'] }, 'True', 'Attached', '2 of 2 ServiceAccounts name the secret ecr; not there yet: shop/b'],
    [
      { undecided: ['shop/b'] },
      'True',
      'Attached',
      '2 of 2 ServiceAccounts name the secret ecr; with so many labels that the selector is not decided: shop/b',
    ],
    [{ isAnywhere: false }, 'False', 'Attaching', 'the secret ecr is not in place yet'],
    [{ attached: 1 }, 'False', 'Attaching', '1 of 2 ServiceAccounts name the secret ecr'],
    [
      { wanted: 0, attached: 0, missing: ['shop/b'] },
      'False',
      'NoServiceAccounts',
      'no ServiceAccount that is asked for exists; not there yet: shop/b',
    ],
    [
      { attached: 1, problems },
      'False',
      'AttachmentFailed',
      '1 of 2 ServiceAccounts name the secret ecr; shop/default: refused',
    ],
  ] as const) {
    test(`says ${reason}: ${message}`, () => {
      assert.deepEqual(judgeAttachment({ ...ALL, ...over }, 'ecr'), { type: 'Attached', status, reason, message });
    });
  }
  test('names the value of the chart where the operator changes no accounts', () => {
    const { reason, message } = judgeAttachment({ ...ALL, isEnabled: false }, 'ecr');
    assert.equal(reason, 'AttachmentDisabled');
    assert.match(message, /serviceAccountAttachment\.enabled/);
  });
});
