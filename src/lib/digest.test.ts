// Covers digests: their shape, and that the boundaries between the parts count.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert as assertProperty, property, string } from 'fast-check';
import { digest } from './digest.ts';

const parts = array(string({ unit: 'binary' }), { maxLength: 4 });

test('a digest is 32 hexadecimal digits of SHA-256, and shows nothing else', () => {
  assertProperty(property(parts, (some) => assert.match(digest(...some), /^sha256:[0-9a-f]{32}$/)));
});

test('a digest is the same for the same parts, and another for any others', () => {
  assertProperty(
    property(parts, parts, (some, others) => {
      const same = JSON.stringify(some) === JSON.stringify(others);
      assert.equal(digest(...some) === digest(...others), same);
      assert.equal(digest(...some), digest(...some));
    }),
  );
});

test('a digest tells apart the same text divided elsewhere', () => {
  const divided = [['ab', 'c'], ['a', 'bc'], ['abc'], ['abc', ''], ['', 'abc'], ['1:a', 'bc'], ['ä', 'c'], ['äc']];
  assert.equal(new Set(divided.map((some) => digest(...some))).size, divided.length);
});

test('a digest stays the same from release to release: it stands in statuses', () => {
  assert.equal(digest('a', 'b'), 'sha256:facdde7abf1eac5b301273ab2e282f79');
});
