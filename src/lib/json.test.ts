// Covers the reading of values of unknown shape, and the equality of JSON values.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assert as assertProperty, jsonValue, property } from 'fast-check';
import { canonicalJson, isRecord, listOf, recordOf, sameJson, stringMapOf, stringOf, stringsOf } from './json.ts';

const odd: readonly unknown[] = [undefined, null, 0, '', 'text', true, [], ['a'], () => {}];

describe('a value of unknown shape', () => {
  test('is a record only when it is an object with names', () => {
    assert.deepEqual(odd.filter(isRecord), []);
    for (const value of odd) assert.deepEqual(recordOf(value), {});
    const record = { a: 1 };
    assert.equal(recordOf(record), record);
  });

  test('is a list only when it is one: null is how Kubernetes may say none', () => {
    assert.deepEqual(listOf(null), []);
    assert.deepEqual(listOf({ length: 1 }), []);
    assert.deepEqual(listOf([1, null]), [1, null]);
  });

  test('is a text only when it is one', () => {
    assert.deepEqual([stringOf('a'), stringOf(''), stringOf(1), stringOf(null)], ['a', '', undefined, undefined]);
    assert.deepEqual(stringsOf(['a', 1, null, 'b', ['c']]), ['a', 'b']);
    assert.deepEqual(stringsOf('ab'), []);
  });

  test('gives its texts by name, whatever the names', () => {
    const value: unknown = JSON.parse('{"__proto__": "a", "constructor": "b", "n": 1, "o": {}}');
    assert.deepEqual(
      [...stringMapOf(value)],
      [
        ['__proto__', 'a'],
        ['constructor', 'b'],
      ],
    );
    assert.equal(stringMapOf(odd).size, 0);
    assert.equal(stringMapOf({}).get('toString'), undefined);
  });
});

/** The same value with the names of every object in reverse order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([name, part]) => [name, reversed(part)]),
  );
}

/** JSON with its names sorted: an independent way to compare. `JSON.stringify` writes −0 as 0. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isRecord(value)) return JSON.stringify(value);
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join()}}`;
}

describe('two JSON values', () => {
  test('are the same exactly when they are written the same with sorted names', () => {
    assertProperty(
      property(jsonValue(), jsonValue(), (one, other) => {
        assert.equal(sameJson(one, other), canonical(one) === canonical(other));
        assert.equal(sameJson(one, other), sameJson(other, one));
        assert.equal(sameJson(one, other), canonicalJson(one) === canonicalJson(other));
      }),
      { numRuns: 500 },
    );
  });

  test('are the same when only the order of names differs', () => {
    assertProperty(
      property(jsonValue(), (value) => {
        assert.ok(sameJson(value, reversed(value)));
        assert.equal(canonicalJson(value), canonicalJson(reversed(value)));
        assert.ok(sameJson(value, JSON.parse(JSON.stringify(value))));
      }),
    );
  });

  const rows: Readonly<Record<string, { one: unknown; other: unknown; want: boolean }>> = {
    'are the same when one of them has an undefined part': { one: { a: undefined }, other: {}, want: true },
    'differ in the order of a list': { one: [1, 2], other: [2, 1], want: false },
    'differ in the length of a list': { one: [1], other: [1, 1], want: false },
    'differ when a name is missing': { one: { a: 1, b: 2 }, other: { a: 1 }, want: false },
    'differ when one is null and the other is not there': { one: { a: null }, other: {}, want: false },
    'differ when one is a list and the other an object': { one: [], other: {}, want: false },
    'differ when one is a text and the other a number': { one: '1', other: 1, want: false },
    'differ when only one has a part called __proto__': {
      one: JSON.parse('{"__proto__": {}}'),
      other: {},
      want: false,
    },
    'differ when only one has a part called constructor': { one: { constructor: 'a' }, other: {}, want: false },
    'are the same with the same part called __proto__': {
      one: JSON.parse('{"__proto__": {"a": 1}}'),
      other: JSON.parse('{"__proto__": {"a": 1}}'),
      want: true,
    },
  };
  for (const [outcome, { one, other, want }] of Object.entries(rows)) {
    test(outcome, () => {
      assert.equal(canonicalJson(one) === canonicalJson(other), want);
      assert.equal(sameJson(one, other), want);
      assert.equal(sameJson(other, one), want);
    });
  }
});
