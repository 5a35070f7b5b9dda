// Covers the rate limit.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '../../testing/clocks/manual-clock.ts';
import { START } from '../../testing/rigs/builders.ts';
import type { DurationMs } from './time.ts';
import { createTokenBucket } from './token-bucket.ts';

// Rule 18
test('a token bucket gives so many at once, then so many a second, and never saves up more', async () => {
  const clock = createManualClock(START);
  const budget = createTokenBucket(clock, 2, 5);
  const taken = (): number => {
    let count = 0;
    while (budget.take()) count += 1;
    return count;
  };
  assert.equal(budget.has(), true);
  assert.equal(taken(), 5);
  assert.equal(budget.has(), false);
  await clock.advance(499 as DurationMs);
  assert.equal(taken(), 0);
  await clock.advance(1 as DurationMs);
  assert.equal(taken(), 1);
  await clock.advance(3_600_000 as DurationMs);
  assert.equal(taken(), 5);
});
