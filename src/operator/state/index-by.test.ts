// Covers the index of values by a text: it answers as a map of sets does, whatever is added and removed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert as assertProperty, boolean, constantFrom, property, record } from 'fast-check';
import { createIndexBy } from './index-by.ts';

const TEXTS = ['one', 'other'];
const step = record({ adds: boolean(), at: constantFrom(...TEXTS), value: constantFrom('a', 'b', 'c') });

test('the values of a text are those that were added and not removed since, in order of insertion', () => {
  assertProperty(
    property(array(step, { maxLength: 20 }), (steps) => {
      const index = createIndexBy<string>();
      const model = new Map(TEXTS.map((at) => [at, new Set<string>()]));
      for (const { adds, at, value } of steps) {
        if (adds) index.add(at, value);
        else index.remove(at, value);
        if (adds) model.get(at)?.add(value);
        else model.get(at)?.delete(value);
      }
      for (const [at, values] of model) assert.deepEqual([...index.get(at)], [...values]);
    }),
  );
});
