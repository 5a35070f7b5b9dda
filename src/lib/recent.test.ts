// Covers values that are kept by key, as many as a bound allows.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRecent } from './recent.ts';

test('a value is made once for each key, and anew for one that was used longest ago when there are too many', () => {
  let made = 0;
  const valueOf = createRecent(2, () => (made += 1));
  assert.deepEqual(['a', 'b', 'a', 'c', 'a'].map(valueOf), [1, 2, 1, 3, 1]);
  assert.deepEqual(['b', 'a', 'c'].map(valueOf), [4, 1, 5]);
});
