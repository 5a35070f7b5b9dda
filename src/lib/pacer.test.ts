// Covers the queue of renewals.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createManualClock } from '../../testing/clocks/manual-clock.ts';
import { after, START } from '../../testing/rigs/builders.ts';
import { createPacer } from './pacer.ts';
import { type DurationMs, HOUR, SECOND } from './time.ts';

// Rule 12
describe('a renewal', () => {
  test('that is alone need not wait', async () => {
    const clock = createManualClock(START);
    const pacer = createPacer(clock, () => 0, 50);
    assert.equal(pacer.next(after(HOUR)), START);
    await clock.advance(SECOND);
    assert.equal(pacer.next(after(HOUR)), clock.now());
  });

  test('waits for its slot: each second has fifty', () => {
    const pacer = createPacer(createManualClock(START), () => 0, 50);
    const places = Array.from({ length: 200 }, () => pacer.next(after(HOUR)) - START);
    assert.deepEqual([places[0], places[1], places[50], places[199]], [0, 20, 1_000, 3_980]);
  });

  test('that would come too late in the queue comes at any time until then, and takes no slot from another', () => {
    let share = 0;
    const pacer = createPacer(createManualClock(START), () => (share += 0.25), 1);
    const places = Array.from({ length: 5 }, () => pacer.next(after(SECOND)) - START);
    assert.deepEqual(places, [0, 1_000, 250, 500, 750]);
    assert.equal(pacer.next(after(HOUR)) - START, 2_000);
  });

  test('whose login has ended does not wait at all', () => {
    const pacer = createPacer(createManualClock(START), () => 0.9, 1);
    pacer.next(after(HOUR));
    assert.equal(pacer.next(START), START);
    assert.equal(pacer.next(after(-1 * HOUR)), START);
  });

  test('does not wait longer when the wall clock is set back', async () => {
    const clock = createManualClock(START);
    const pacer = createPacer(clock, () => 0, 1);
    pacer.next(after(HOUR));
    clock.jump(-5 * HOUR);
    assert.equal(pacer.next(after(HOUR)) - clock.now(), SECOND);
    await clock.advance((2 * SECOND) as DurationMs);
    assert.equal(pacer.next(after(HOUR)), clock.now());
  });
});
