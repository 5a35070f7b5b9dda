// Covers signals with a deadline: what aborts them, and what does not any more.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createManualClock } from '../../testing/clocks/manual-clock.ts';
import { abortAfter, within } from './deadline.ts';
import { type DurationMs, type EpochMs, seconds } from './time.ts';

const LIMIT = seconds(30);

describe('a signal with a deadline', () => {
  test('aborts when the time is over, and not before', async () => {
    const clock = createManualClock(0 as EpochMs);
    const { signal } = abortAfter(LIMIT, undefined, clock);
    await clock.advance((LIMIT - 1) as DurationMs);
    assert.equal(signal.aborted, false);
    await clock.advance(1 as DurationMs);
    assert.equal(signal.aborted, true);
  });

  test('aborts with the outer one, before and after it is made', () => {
    const clock = createManualClock(0 as EpochMs);
    const outer = new AbortController();
    const early = abortAfter(LIMIT, outer.signal, clock);
    outer.abort();
    assert.equal(early.signal.aborted, true);
    assert.equal(abortAfter(LIMIT, outer.signal, clock).signal.aborted, true);
  });

  test('aborts by hand alone once it is released, and leaves no timer behind', async () => {
    const clock = createManualClock(0 as EpochMs);
    const outer = new AbortController();
    const { signal, abort, release } = abortAfter(LIMIT, outer.signal, clock);
    release();
    outer.abort();
    assert.equal(clock.pending(), 0);
    assert.equal(signal.aborted, false);
    abort();
    assert.equal(signal.aborted, true);
  });
});

describe('work with a deadline', () => {
  test('is told to end, and its own end is waited for', async () => {
    const clock = createManualClock(0 as EpochMs);
    const told = within(LIMIT, undefined, clock, async (signal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return 'ended by itself';
    });
    await clock.advance(LIMIT);
    assert.equal(await told, 'ended by itself');
  });

  for (const [end, work] of [
    ['succeeded', async () => 'done'],
    ['failed', async () => Promise.reject(new Error('no'))],
  ] as const) {
    test(`that has ${end} is told nothing more`, async () => {
      const clock = createManualClock(0 as EpochMs);
      const outer = new AbortController();
      let seen: AbortSignal | undefined;
      const ended = within(LIMIT, outer.signal, clock, (signal) => {
        seen = signal;
        return work();
      });
      await ended.catch(() => {});
      outer.abort();
      assert.equal(clock.pending(), 0);
      assert.equal(seen?.aborted, false);
    });
  }
});
