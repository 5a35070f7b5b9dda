// Covers how often the operator repairs a Secret that another writer keeps changing.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createManualClock } from '../../../testing/clocks/manual-clock.ts';
import { START } from '../../../testing/rigs/builders.ts';
import { type DurationMs, HOUR, MINUTE, SECOND } from '../../lib/time.ts';
import { createRepairBackoff } from './repair-backoff.ts';

// Rule 10
describe('a secret that is changed again and again', () => {
  test('is repaired five times at once, then after waits that double up to five minutes', async () => {
    const clock = createManualClock(START);
    const contention = createRepairBackoff(clock);
    const waits: number[] = [];
    for (let turn = 0; turn < 15; turn += 1) {
      const wait = contention.wait('a');
      waits.push(wait / SECOND);
      await clock.advance(wait);
      assert.equal(contention.wait('a'), 0);
      contention.repaired('a');
    }
    assert.deepEqual(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
  });

  test('does not delay another one', () => {
    const contention = createRepairBackoff(createManualClock(START));
    for (let turn = 0; turn < 5; turn += 1) contention.repaired('a');
    assert.ok(contention.wait('a') > 0);
    assert.equal(contention.wait('b'), 0);
  });

  test('is repaired at once again when it was left in peace for ten minutes', async () => {
    const clock = createManualClock(START);
    const contention = createRepairBackoff(clock);
    for (let turn = 0; turn < 5; turn += 1) contention.repaired('a');
    await clock.advance((10 * MINUTE) as DurationMs);
    for (let turn = 0; turn < 4; turn += 1) contention.repaired('a');
    assert.equal(contention.wait('a'), 0);
    contention.repaired('a');
    assert.ok(contention.wait('a') > 0);
  });

  test('does not wait longer when the wall clock is set back', async () => {
    const clock = createManualClock(START);
    const contention = createRepairBackoff(clock);
    for (let turn = 0; turn < 5; turn += 1) contention.repaired('a');
    clock.jump(-1 * HOUR);
    assert.equal(contention.wait('a'), SECOND);
    await clock.advance(SECOND);
    assert.equal(contention.wait('a'), 0);
  });
});
