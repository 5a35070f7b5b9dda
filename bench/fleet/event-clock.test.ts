// Covers the clock of a fleet: the order of timers, and that what one settles has run before the next.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DurationMs, EpochMs } from '../../src/lib/time.ts';
import { createEventClock } from './event-clock.ts';
import { seededRandom } from './seeded.ts';

const ms = (length: number): DurationMs => length as DurationMs;

test('a thousand timers set in any order fire in the order of their instants, each at its own', async () => {
  const clock = createEventClock(5_000 as EpochMs);
  const random = seededRandom(1);
  const fired: number[] = [];
  const set = Array.from({ length: 1_000 }, () => Math.floor(random() * 400));
  for (const at of set)
    clock.after(ms(at), () => {
      assert.equal(clock.monotonic(), at);
      assert.equal(clock.now(), 5_000 + at);
      fired.push(at);
    });
  await clock.advance(ms(400));
  assert.deepEqual(
    fired,
    set.toSorted((one, other) => one - other),
  );
});

test('timers of one instant fire in the order in which they were set', async () => {
  const clock = createEventClock(0 as EpochMs);
  const fired: string[] = [];
  for (const name of ['a', 'b', 'c', 'd', 'e']) clock.after(ms(10), () => fired.push(name));
  await clock.advance(ms(10));
  assert.equal(fired.join(''), 'abcde');
});

test('promises that a timer resolves go on before the next timer, and may set timers of their own', async () => {
  const clock = createEventClock(0 as EpochMs);
  const seen: string[] = [];
  clock.after(ms(1), () => {
    void Promise.resolve()
      .then(() => Promise.resolve())
      .then(() => {
        seen.push('settled');
        clock.after(ms(1), () => seen.push('inner'));
      });
  });
  clock.after(ms(3), () => seen.push('next'));
  await clock.advance(ms(5));
  assert.deepEqual(seen, ['settled', 'inner', 'next']);
});

test('a cancelled timer and one after the end do not fire', async () => {
  const clock = createEventClock(0 as EpochMs);
  const fired: string[] = [];
  clock.after(ms(1), () => fired.push('cancelled'))();
  clock.after(ms(11), () => fired.push('late'));
  await clock.advance(ms(10));
  assert.deepEqual(fired, []);
  assert.equal(clock.monotonic(), 10);
});
