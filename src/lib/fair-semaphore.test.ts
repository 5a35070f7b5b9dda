// Covers which group gets a permit when many want one: neither a greedy group nor a hanging place keeps others out.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createManualClock } from '../../testing/clocks/manual-clock.ts';
import { START } from '../../testing/rigs/builders.ts';
import { type Bounds, createFairSemaphore, type Permit } from './fair-semaphore.ts';
import { SECOND, seconds } from './time.ts';

const SLOW = { inAll: 12, perPlaceOfGroup: 2, cutAfter: seconds(5) };
const BOUNDS: Bounds = {
  atOnce: 8,
  perPlace: 6,
  perGroup: 4,
  slow: SLOW,
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
  /** Takes every free permit. */
  const drain = (place: string, group: string): readonly Permit[] => {
    const taken: Permit[] = [];
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
    assert.equal(drain('a', 'one').length, 4);
    assert.equal(drain('a', 'two').length, 2);
    assert.equal(drain('b', 'two').length, 2);
    assert.equal(permits.tryAcquire('c', 'three'), undefined);
    assert.equal(permits.inUse, 8);
  });

  test('of slow work go to others; its group has no more than its share, and little at the place that is slow', async () => {
    const { clock, permits, drain } = setting();
    for (let turn = 0; turn < 3; turn += 1) permits.tryAcquire('hangs', 'one');
    await clock.advance(SECOND);
    assert.equal(permits.tryAcquire('hangs', 'one'), undefined, 'two of one group at a place that is slow');
    assert.equal(drain('other', 'one').length, 1, 'four of one group');
    assert.equal(permits.slow, 3);
    assert.equal(drain('hangs', 'two').length, 4, 'another group is not kept from the place');
  });

  test('are free at once for a group without slow work: half of them are kept for such groups', async () => {
    const { clock, permits, drain } = setting();
    for (let turn = 0; turn < 10; turn += 1) {
      for (const group of ['one', 'two', 'three']) drain(`of ${group}, ${turn}`, group);
      await clock.advance(SECOND);
    }
    assert.equal(permits.inUse, 12);
    assert.ok(permits.tryAcquire('healthy', 'bystander'));
  });

  test('are never more than the bounds, however many groups hang', async () => {
    const { clock, permits, drain } = setting();
    for (let group = 0; group < 30; group += 1) {
      drain(`of ${group}`, `group ${group}`);
      await clock.advance(SECOND);
      assert.ok(permits.inUse <= BOUNDS.atOnce + SLOW.inAll, `${permits.inUse} in use`);
    }
  });

  test('are taken from the group that has most, once it has been slow for seconds, for one that has none', async () => {
    const { clock, woken, permits, drain } = setting({ ...BOUNDS, atOnce: 4, slow: { ...SLOW, inAll: 4 } });
    const first = drain('hangs', 'one');
    await clock.advance(SECOND);
    const [second, third] = [drain('hangs too', 'two'), drain('hangs as well', 'three')];
    assert.deepEqual([first.length, second.length, third.length], [4, 2, 2]);
    assert.equal(permits.inUse, 8, 'all that there are');
    permits.wait('healthy', 'bystander', 'bystander');
    await clock.advance(SECOND);
    assert.ok(!first.some(({ cut }) => cut.aborted), 'a slow answer may still come');
    await clock.advance(seconds(5));
    const cut = first.filter((permit) => permit.cut.aborted);
    assert.ok(cut.length > 0);
    assert.ok(![...second, ...third].some((permit) => permit.cut.aborted), 'of those who have less nothing is taken');
    for (const permit of cut) permit.giveBack();
    await clock.advance(SECOND);
    assert.ok(woken.includes('bystander'));
    assert.ok(permits.tryAcquire('healthy', 'bystander'));
  });

  test('given back are offered to one group after the other, and to each waiter once', () => {
    const { woken, permits, drain } = setting({ atOnce: 1, perPlace: 1, perGroup: 1 });
    const [first] = drain('a', 'one');
    for (const name of ['one-1', 'one-2', 'one-3']) permits.wait('a', 'one', name);
    permits.wait('a', 'two', 'two-1');
    permits.wait('a', 'two', 'two-1');
    assert.equal(permits.waiting, 4);
    first?.giveBack();
    for (let turn = 0; turn < 4; turn += 1) permits.tryAcquire('a', (woken.at(-1) ?? '').slice(0, 3))?.giveBack();
    assert.deepEqual(woken, ['one-1', 'two-1', 'one-2', 'one-3']);
    assert.equal(permits.waiting, 0);
  });

  test('go in turns to groups that wait, one each, however many one of them would take', () => {
    const { woken, permits, drain } = setting({ atOnce: 4, perPlace: 4, perGroup: 4 });
    const first = drain('a', 'greedy');
    assert.equal(first.length, 4);
    permits.wait('a', 'greedy', 'greedy-1');
    permits.wait('a', 'modest', 'modest-1');
    for (const permit of first.slice(0, 2)) permit.giveBack();
    assert.deepEqual(woken, ['greedy-1', 'modest-1']);
    permits.wait('a', 'third', 'third-1');
    assert.equal(drain('a', 'greedy').length, 1, 'its turn, and no more');
    assert.ok(permits.tryAcquire('a', 'modest'));
  });

  test('are not offered to a waiter that is gone, nor for a place that has none', () => {
    const { woken, gone, permits, drain } = setting({ atOnce: 2, perPlace: 1, perGroup: 2 });
    const [busy] = drain('busy', 'one');
    const [free] = drain('free', 'one');
    permits.wait('busy', 'one', 'patient');
    permits.wait('free', 'one', 'gone');
    permits.wait('free', 'one', 'next');
    gone.add('gone');
    free?.giveBack();
    assert.deepEqual(woken, ['next']);
    busy?.giveBack();
    assert.deepEqual(woken, ['next', 'patient']);
  });

  test('are not offered for a place that the waiter has left: it waits for its other places only', () => {
    const { woken, permits, drain } = setting({ atOnce: 2, perPlace: 2, perGroup: 2 });
    const [first, second] = drain('a', 'one');
    for (const place of ['a', 'b']) permits.wait(place, 'one', 'both');
    permits.wait('a', 'two', 'next');
    permits.leave('a', 'one', 'both');
    permits.leave('a', 'none', 'both');
    assert.equal(permits.waiting, 2);
    first?.giveBack();
    second?.giveBack();
    assert.deepEqual(woken, ['both', 'next']);
    assert.equal(permits.waiting, 0);
  });

  test('that a woken waiter may not have go to another group at once', () => {
    const { woken, permits, drain } = setting({ atOnce: 2, perPlace: 2, perGroup: 1 });
    const [[first], [second]] = [drain('a', 'one'), drain('a', 'two')];
    for (const waiter of ['one-1', 'one-2']) permits.wait('a', 'one', waiter);
    first?.giveBack();
    second?.giveBack();
    assert.deepEqual(woken, ['one-1', 'one-2']);
    assert.ok(permits.tryAcquire('a', 'one'));
    permits.leave('a', 'one', 'one-1');
    assert.equal(permits.tryAcquire('a', 'one'), undefined, 'one of a group');
    permits.wait('a', 'one', 'one-2');
    const [last] = drain('a', 'three');
    permits.wait('a', 'four', 'four-1');
    last?.giveBack();
    assert.deepEqual(woken, ['one-1', 'one-2', 'four-1']);
  });

  test('that a woken waiter does not want are offered to the next one soon', async () => {
    const { clock, woken, permits, drain } = setting({ atOnce: 1, perPlace: 1, perGroup: 1 });
    const [only] = drain('a', 'one');
    for (const name of ['first', 'second']) permits.wait('a', 'one', name);
    only?.giveBack();
    assert.deepEqual(woken, ['first']);
    await clock.advance(SECOND);
    assert.deepEqual(woken, ['first', 'second']);
    assert.equal(clock.pending(), 0);
  });
});
