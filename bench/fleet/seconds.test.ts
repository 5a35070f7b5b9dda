// Covers what is said of the calls in each second.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countSeconds } from './seconds.ts';

test('silent seconds count for the quantile, and calls after the last second for nothing', () => {
  const seconds = countSeconds(100);
  for (const ms of [0, 1, 999, 50_000, 50_500, 100_000]) seconds.count(ms);
  assert.equal(seconds.total, 5);
  assert.equal(seconds.worst(), 3);
  assert.equal(seconds.worst(1), 2);
  assert.equal(seconds.quantile(0.98), 0);
  assert.equal(seconds.quantile(0.99), 2);
  assert.equal(seconds.quantile(1), 3);
  assert.equal(seconds.above(1), 2);
});
