// Covers how often a Secret that somebody else keeps changing is repaired.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type DurationMs, HOUR, MINUTE, SECOND } from '../lib/time.ts';
import { START } from '../testing/builders.ts';
import { createManualClock } from '../testing/manual-clock.ts';
import { createContention } from './contention.ts';

// Rule 10
describe('a secret that is changed again and again', () => {
  test('is repaired five times at once, then after waits that double up to five minutes', async () => {
    const clock = createManualClock(START);
    const contention = createContention(clock);
    const waits: number[] = [];
    for (let turn = 0; turn < 15; turn += 1) {
      const wait = contention.until('a') - clock.now();
      waits.push(wait / SECOND);
      await clock.advance(wait as DurationMs);
      assert.equal(contention.until('a'), clock.now());
      contention.repaired('a');
    }
    assert.deepEqual(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
  });

  test('does not delay another one', () => {
    const contention = createContention(createManualClock(START));
    for (let turn = 0; turn < 5; turn += 1) contention.repaired('a');
    assert.ok(contention.until('a') > START);
    assert.equal(contention.until('b'), START);
  });

  test('is repaired at once again when it was left in peace for ten minutes', async () => {
    const clock = createManualClock(START);
    const contention = createContention(clock);
    for (let turn = 0; turn < 5; turn += 1) contention.repaired('a');
    await clock.advance((10 * MINUTE) as DurationMs);
    for (let turn = 0; turn < 4; turn += 1) contention.repaired('a');
    assert.equal(contention.until('a'), clock.now());
    contention.repaired('a');
    assert.ok(contention.until('a') > clock.now());
  });

  test('does not wait longer when the wall clock is set back', async () => {
    const clock = createManualClock(START);
    const contention = createContention(clock);
    for (let turn = 0; turn < 5; turn += 1) contention.repaired('a');
    clock.jump(-1 * HOUR);
    assert.equal(contention.until('a') - clock.now(), SECOND);
    await clock.advance(SECOND);
    assert.equal(contention.until('a'), clock.now());
  });
});
