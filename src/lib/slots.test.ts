// Covers instants that are given away so many a second, and no further ahead than a bound.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createManualClock } from '../../testing/clocks/manual-clock.ts';
import { START } from '../../testing/rigs/builders.ts';
import { createSlots } from './slots.ts';
import { type DurationMs, SECOND, seconds } from './time.ts';

describe('slots', () => {
  const give = (atOnce: number, ahead: number) => {
    const clock = createManualClock(START);
    const slots = createSlots(clock, SECOND, atOnce, ahead);
    const begun = clock.monotonic();
    const reserve = (): number | undefined => {
      const at = slots.reserve();
      return at === undefined ? undefined : (at - begun) / SECOND;
    };
    return { clock, reserve };
  };

  test('are a burst, and then one after the other', () => {
    const { reserve } = give(3, 10);
    assert.deepEqual(Array.from({ length: 6 }, reserve), [0, 0, 0, 1, 2, 3]);
  });
  test('are given no further ahead than the bound, and again when time has passed', async () => {
    const { clock, reserve } = give(1, 2);
    assert.deepEqual(Array.from({ length: 5 }, reserve), [0, 1, 2, undefined, undefined]);
    await clock.advance(seconds(2));
    assert.deepEqual(Array.from({ length: 4 }, reserve), [3, 4, undefined, undefined]);
  });
  test('are a burst again after a quiet time', async () => {
    const { clock, reserve } = give(2, 10);
    assert.deepEqual(Array.from({ length: 4 }, reserve), [0, 0, 1, 2]);
    await clock.advance((10 * SECOND) as DurationMs);
    assert.deepEqual(Array.from({ length: 3 }, reserve), [10, 10, 11]);
  });
});
