// Covers texts for people: cut texts, lists with "and N more", and times as Go prints them.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { array, assert as assertProperty, integer, property, string } from 'fast-check';
import type { EpochMs } from '../lib/time.ts';
import { cut, formatGoTime, listNames } from './text.ts';

describe('cut', () => {
  test('leaves a text that fits as it is', () => {
    assert.equal(cut('abc', 3), 'abc');
    assert.equal(cut('', 3), '');
  });

  test('ends a longer one with an ellipsis within the length', () => {
    assert.equal(cut('abcd', 3), 'ab…');
  });

  test('leaves out a character that would be cut in two', () => {
    assert.equal(cut('a\u{1F433}bc', 3), 'a…');
    assert.equal(cut('a\u{1F433}bc', 4), 'a\u{1F433}…');
  });

  test('gives well-formed text that is never too long, whatever it is given', () => {
    assertProperty(
      property(string({ unit: 'binary' }), string(), integer({ min: 1, max: 20 }), (one, other, length) => {
        const result = cut(`${one}\ud83d${other}`, length);
        assert.ok(result.isWellFormed());
        assert.ok(result.length <= length);
      }),
    );
  });
});

describe('listNames', () => {
  const rows: Readonly<Record<string, { readonly names: readonly string[]; readonly length: number; want: string }>> = {
    'joins all names that fit': { names: ['a', 'b'], length: 4, want: 'a b' },
    'counts the names that do not fit': { names: ['a', 'b', 'c'], length: 5, want: 'a b and 1 more' },
    'shows the first name, cut, however long it is': { names: ['abcdef', 'b'], length: 4, want: 'abc… and 1 more' },
    'cuts a single name without counting nothing': { names: ['abcdef'], length: 4, want: 'abc…' },
    'gives nothing for no names': { names: [], length: 4, want: '' },
  };
  for (const [outcome, { names, length, want }] of Object.entries(rows)) {
    test(outcome, () => assert.equal(listNames(names, ' ', length), want));
  }

  test('accounts for every name, shown or counted', () => {
    const name = string({ minLength: 1, maxLength: 9 }).map((text) => text.replaceAll(/[\s…]/g, '-'));
    assertProperty(
      property(array(name, { minLength: 1 }), integer({ min: 10, max: 60 }), (names, length) => {
        const text = listNames(names, ' ', length);
        const more = / and (\d+) more$/.exec(text);
        const shown = (more ? text.slice(0, more.index) : text).split(' ');
        assert.equal(shown.length + Number(more?.[1] ?? 0), names.length);
        assert.ok(text.length <= length + (more?.[0].length ?? 0));
      }),
    );
  });
});

describe('formatGoTime', () => {
  const rows: Readonly<Record<string, readonly [string, string]>> = {
    'prints the fraction as the Go project did': ['2023-10-05T08:45:52.269Z', '2023-10-05 08:45:52.269 +0000 UTC'],
    'leaves out the zeros at the end of a fraction': ['2023-10-05T08:45:52.200Z', '2023-10-05 08:45:52.2 +0000 UTC'],
    'keeps the zeros at its beginning': ['2023-10-05T08:45:52.009Z', '2023-10-05 08:45:52.009 +0000 UTC'],
    'leaves out a fraction that is nothing': ['2023-10-05T08:45:50.000Z', '2023-10-05 08:45:50 +0000 UTC'],
    'keeps the zeros of midnight': ['2023-10-10T00:00:00.000Z', '2023-10-10 00:00:00 +0000 UTC'],
  };
  for (const [outcome, [instant, want]] of Object.entries(rows)) {
    test(outcome, () => assert.equal(formatGoTime(Date.parse(instant) as EpochMs), want));
  }
});
