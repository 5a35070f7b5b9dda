// Covers who gets a permit when many want one: nobody is kept out by a group that wants many, or by a place that does not answer.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { START } from '../testing/builders.ts';
import { createManualClock } from '../testing/manual-clock.ts';
import { type Bounds, createFairSemaphore } from './fair-semaphore.ts';
import { SECOND } from './time.ts';

const BOUNDS: Bounds = {
  atOnce: 4,
  perPlace: 3,
  perGroup: 2,
  slow: { inAll: 6, perGroup: 3, perPlaceOfGroup: 2 },
};

function setting(bounds = BOUNDS) {
  const clock = createManualClock(START);
  const woken: string[] = [];
  const gone = new Set<string>();
  const permits = createFairSemaphore({
    clock,
    bounds,
    wake(waiter) {
      if (gone.has(waiter)) return false;
      woken.push(waiter);
      return true;
    },
  });
  /** Takes as many as there are. */
  const drain = (place: string, group: string): (() => void)[] => {
    const taken: (() => void)[] = [];
    for (let permit = permits.tryAcquire(place, group); permit; permit = permits.tryAcquire(place, group))
      taken.push(permit);
    return taken;
  };
  return { clock, woken, gone, permits, drain };
}

// Rule 9
describe('permits', () => {
  test('are bounded by group, by place and in all', () => {
    const { permits, drain } = setting();
    assert.equal(drain('a', 'one').length, 2);
    assert.equal(drain('a', 'two').length, 1);
    assert.equal(drain('b', 'two').length, 1);
    assert.equal(permits.tryAcquire('c', 'three'), undefined);
    assert.equal(permits.inUse, 4);
  });

  test('of what is slow go to others, and count to bounds of their own', async () => {
    const { clock, permits, drain } = setting();
    drain('hangs', 'one');
    await clock.advance(SECOND);
    assert.equal(permits.slow, 2);
    assert.equal(permits.tryAcquire('hangs', 'one'), undefined, 'two of one group at one place');
    assert.equal(drain('other', 'one').length, 2, 'its other places are asked');
    await clock.advance(SECOND);
    assert.equal(permits.tryAcquire('third', 'one'), undefined, 'three and more of one group');
    assert.equal(drain('hangs', 'two').length, 2, 'another group is not kept from the place');
    assert.equal(drain('other', 'three').length, 2);
  });

  test('are had by a group that has nothing slow, however many slow ones there are', async () => {
    const { clock, permits, drain } = setting();
    for (const group of ['one', 'two', 'three', 'four']) {
      drain(`of ${group}`, group);
      await clock.advance(SECOND);
    }
    assert.equal(permits.slow, 6);
    assert.equal(permits.inUse, 8);
    assert.ok(permits.tryAcquire('of five', 'five'));
  });

  test('given back are offered to one group after the other, and to each waiter once', () => {
    const { woken, permits, drain } = setting({ atOnce: 1, perPlace: 1, perGroup: 1 });
    const [first] = drain('a', 'one');
    for (const name of ['one-1', 'one-2', 'one-3']) permits.wait('a', 'one', name);
    permits.wait('a', 'two', 'two-1');
    permits.wait('a', 'two', 'two-1');
    assert.equal(permits.waiting, 4);
    first?.();
    for (let turn = 0; turn < 3; turn += 1) permits.tryAcquire('a', 'other')?.();
    assert.deepEqual(woken, ['one-1', 'two-1', 'one-2', 'one-3']);
    assert.equal(permits.waiting, 0);
  });

  test('are not offered to who is gone, nor for a place that has none', () => {
    const { woken, gone, permits, drain } = setting({ atOnce: 2, perPlace: 1, perGroup: 2 });
    const [busy] = drain('busy', 'one');
    const [free] = drain('free', 'one');
    permits.wait('busy', 'one', 'patient');
    permits.wait('free', 'one', 'gone');
    permits.wait('free', 'one', 'next');
    gone.add('gone');
    free?.();
    assert.deepEqual(woken, ['next']);
    busy?.();
    assert.deepEqual(woken, ['next', 'patient']);
  });

  test('that a woken waiter does not want are offered to the next one soon', async () => {
    const { clock, woken, permits, drain } = setting({ atOnce: 1, perPlace: 1, perGroup: 1 });
    const [only] = drain('a', 'one');
    for (const name of ['first', 'second']) permits.wait('a', 'one', name);
    only?.();
    assert.deepEqual(woken, ['first']);
    await clock.advance(SECOND);
    assert.deepEqual(woken, ['first', 'second']);
    assert.equal(clock.pending(), 0);
  });
});
