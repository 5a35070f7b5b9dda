// Covers label selectors: the meaning of Kubernetes' operators, and that an unreadable selector selects nothing.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type Arbitrary,
  array,
  assert as assertProperty,
  constant,
  constantFrom,
  oneof,
  property,
  record,
  subarray,
  tuple,
  uniqueArray,
} from 'fast-check';
import { json } from '../../testing/rigs/builders.ts';
import { type Labels, type Match, match, parseSelector, type Selector } from './selector.ts';

function labels(...entries: readonly (readonly [string, string])[]): Labels {
  return new Map(entries);
}

function selects(selector: unknown, seen: Labels): boolean {
  const parsed = parseSelector(selector);
  if (typeof parsed === 'string') assert.fail(parsed);
  return match(parsed, seen, true) === 'yes';
}

const expression = (operator: string, ...values: readonly string[]): object => ({
  matchExpressions: [{ key: 'tier', operator, ...(values.length > 0 ? { values } : {}) }],
});

describe('a selector', () => {
  const none = labels();
  const web = labels(['tier', 'web']);
  const db = labels(['tier', 'db'], ['ecr', 'true']);
  const rows: Readonly<
    Record<string, { selector: unknown; want: readonly [none: boolean, web: boolean, db: boolean] }>
  > = {
    'that is empty matches everything': { selector: {}, want: [true, true, true] },
    'with empty parts matches everything': {
      selector: { matchLabels: {}, matchExpressions: [] },
      want: [true, true, true],
    },
    'with a label matches only that value': { selector: { matchLabels: { tier: 'web' } }, want: [false, true, false] },
    'with two labels needs both': {
      selector: { matchLabels: { tier: 'db', ecr: 'true' } },
      want: [false, false, true],
    },
    'with In matches one of the values': { selector: expression('In', 'web', 'x'), want: [false, true, false] },
    'with NotIn also matches an object without the label': {
      selector: expression('NotIn', 'web'),
      want: [true, false, true],
    },
    'with Exists needs the label, whatever its value': { selector: expression('Exists'), want: [false, true, true] },
    'with DoesNotExist needs its absence': { selector: expression('DoesNotExist'), want: [true, false, false] },
    'with labels and expressions needs all of them': {
      selector: { matchLabels: { ecr: 'true' }, ...expression('NotIn', 'db') },
      want: [false, false, false],
    },
  };
  for (const [outcome, { selector, want }] of Object.entries(rows)) {
    test(outcome, () =>
      assert.deepEqual(
        [none, web, db].map((seen) => selects(selector, seen)),
        want,
      ),
    );
  }

  test('matches an empty value as a value', () => {
    const empty = labels(['tier', '']);
    assert.equal(selects({ matchLabels: { tier: '' } }, empty), true);
    assert.equal(selects({ matchLabels: { tier: '' } }, none), false);
    assert.equal(selects(expression('Exists'), empty), true);
  });

  test('takes labels called after the properties of every object for what they are', () => {
    const selector = json('{"matchLabels": {"__proto__": "a", "constructor": "b"}}');
    assert.equal(selects(selector, none), false);
    assert.equal(selects(selector, labels(['__proto__', 'a'], ['constructor', 'b'])), true);
    const exists = { matchExpressions: [{ key: 'constructor', operator: 'Exists' }] };
    assert.equal(selects(exists, none), false);
  });
});

describe('for labels that were cut', () => {
  const name = constantFrom('a', 'b', 'c', 'd', '__proto__');
  const value = constantFrom('', 'x', 'y');
  const values = uniqueArray(value, { minLength: 1 }).map((list) => new Set(list));
  const requirement: Arbitrary<Selector[number]> = oneof(
    record({ label: name, operator: constantFrom('In' as const, 'NotIn' as const), values }),
    record({
      label: name,
      operator: constantFrom('Exists' as const, 'DoesNotExist' as const),
      values: constant(new Set<string>()),
    }),
  );
  const all = uniqueArray(tuple(name, value), { selector: ([label]) => label }).map((list) => new Map(list));

  test('no selector decides anything else than for all of them, and for all of them it always decides', () => {
    assertProperty(
      property(
        array(requirement, { maxLength: 4 }),
        all,
        subarray(['a', 'b', 'c', 'd', '__proto__']),
        (selector, labels, lost) => {
          const whole: Match = match(selector, labels, true);
          assert.notEqual(whole, 'undecided');
          const cut = new Set<string>(lost);
          const kept = new Map<string, string>([...labels].filter(([label]) => !cut.has(label)));
          const said = match(selector, kept, kept.size === labels.size);
          assert.ok(said === whole || said === 'undecided');
          if (kept.size === labels.size) assert.equal(said, whole);
          // Every label asked for was kept: the match is decided.
          if (selector.every(({ label }) => kept.has(label))) assert.equal(said, whole);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe('a selector is refused', () => {
  const only = (item: unknown): object => ({ matchExpressions: [item] });
  const rows: Readonly<Record<string, readonly [unknown, string]>> = {
    'when it is no object, rather than selecting everything': ['ecr=true', 'it is not an object'],
    'when it is null': [null, 'it is not an object'],
    'when it is a list': [[], 'it is not an object'],
    'when its labels are no object': [{ matchLabels: ['a'] }, 'matchLabels is not an object'],
    'when a label is compared with a number, rather than leaving it out': [
      { matchLabels: { a: 'b', tier: 1 } },
      'a value of matchLabels is not a text',
    ],
    'when its expressions are no list': [{ matchExpressions: {} }, 'matchExpressions is not a list'],
    'when an expression is no object': [only('a'), 'an entry of matchExpressions is not an object'],
    'when an expression has no key': [only({ operator: 'Exists' }), 'an entry of matchExpressions has no key'],
    'when an expression has an empty key': [
      only({ key: '', operator: 'Exists' }),
      'an entry of matchExpressions has no key',
    ],
    'when In has no values': [expression('In'), 'In for tier needs at least one value'],
    'when NotIn has no values': [expression('NotIn'), 'NotIn for tier needs at least one value'],
    'when Exists has values': [expression('Exists', 'web'), 'Exists for tier takes no values'],
    'when DoesNotExist has values': [expression('DoesNotExist', 'web'), 'DoesNotExist for tier takes no values'],
    'when its operator is unknown': [
      expression('Gt', '1'),
      'Gt for tier is not one of In, NotIn, Exists, DoesNotExist',
    ],
    'when it has no operator': [
      only({ key: 'tier' }),
      'no operator for tier is not one of In, NotIn, Exists, DoesNotExist',
    ],
    'when a value is no text, rather than leaving it out': [
      only({ key: 'tier', operator: 'NotIn', values: ['a', 1] }),
      'the values of an entry of matchExpressions are not a list of texts',
    ],
    'when its values are no list': [
      only({ key: 'tier', operator: 'In', values: 'web' }),
      'the values of an entry of matchExpressions are not a list of texts',
    ],
  };
  for (const [when, [selector, words]] of Object.entries(rows)) {
    test(when, () => assert.equal(parseSelector(selector), words));
  }
});
