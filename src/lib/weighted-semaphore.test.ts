// Covers the bound on work in progress: nothing begins without permits, everything begins in order, and no permit is
// lost.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createManualClock } from '../../testing/clocks/manual-clock.ts';
import type { DurationMs, EpochMs } from './time.ts';
import { createSplitSemaphore, createWeightedSemaphore, type WeightedSemaphore } from './weighted-semaphore.ts';

interface Guest {
  readonly leave: () => void;
  readonly fail: (error: Error) => void;
  readonly done: Promise<void>;
}

describe('a weighted semaphore', () => {
  const clock = createManualClock(0 as EpochMs);
  const inside: string[] = [];

  const enter = (room: WeightedSemaphore, name: string, bytes: number, canWait = false): Guest => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const work = async (): Promise<void> => {
      inside.push(name);
      await promise.finally(() => inside.splice(inside.indexOf(name), 1));
    };
    const done = room.run(bytes, work, canWait);
    return { leave: resolve, fail: reject, done };
  };
  const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

  test('gives permits to as much work as has enough of them, and to the rest in order, as permits come back', async () => {
    const room = createSplitSemaphore(10, clock);
    const [a, b, c, d] = [enter(room, 'a', 6), enter(room, 'b', 4), enter(room, 'c', 5), enter(room, 'd', 2)];
    await turn();
    assert.deepEqual(inside, ['a', 'b']);
    b.leave();
    await turn();
    // d could have its permits, but c came first: otherwise large work would starve.
    assert.deepEqual(inside, ['a']);
    a.leave();
    await turn();
    assert.deepEqual(inside, ['c', 'd']);
    c.leave();
    d.leave();
    await Promise.all([a, b, c, d].map(({ done }) => done));
  });

  test('lets work that can wait begin when no other work waits', async () => {
    const room = createWeightedSemaphore(1, 0, clock);
    const first = enter(room, 'first', 1);
    const patient = enter(room, 'patient', 1, true);
    const second = enter(room, 'second', 1);
    first.leave();
    await turn();
    assert.deepEqual(inside, ['second']);
    second.leave();
    await turn();
    assert.deepEqual(inside, ['patient']);
    patient.leave();
    await Promise.all([first, second, patient].map(({ done }) => done));
  });

  test('lets work that can wait begin after 32 others, however many more wait', async () => {
    const room = createWeightedSemaphore(1, 0, clock);
    const order: string[] = [];
    const work =
      (name: string): (() => Promise<void>) =>
      () => {
        order.push(name);
        return turn();
      };
    const all = [room.run(1, work('first')), room.run(1, work('patient'), true)];
    for (let number = 0; number < 100; number += 1) all.push(room.run(1, work(String(number))));
    await Promise.all(all);
    assert.equal(order.indexOf('patient'), 33);
    assert.equal(order.length, 102);
  });

  test('gives all permits to work that is heavier, and has them back after a failure', async () => {
    const room = createSplitSemaphore(10, clock);
    const [large, small] = [enter(room, 'large', 1_000), enter(room, 'small', 3)];
    await turn();
    assert.deepEqual(inside, ['large']);
    large.fail(new Error('no'));
    await assert.rejects(large.done);
    await turn();
    assert.deepEqual(inside, ['small']);
    small.leave();
    await small.done;
    assert.equal(await room.run(10, () => Promise.resolve(7)), 7);
  });

  test('moves long work on request to the second set, as far as that has permits', async () => {
    const hall = createWeightedSemaphore(2, 1, clock);
    const aside: (() => void)[] = [];
    const guests = ['a', 'b', 'c', 'd', 'e'].map((name) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const done = hall.run(1, async (stepAside) => {
        inside.push(name);
        aside.push(stepAside);
        await promise;
        inside.splice(inside.indexOf(name), 1);
      });
      return { leave: resolve, done };
    });
    await turn();
    assert.deepEqual(inside, ['a', 'b']);
    aside[0]?.();
    aside[0]?.();
    await turn();
    assert.deepEqual(inside, ['a', 'b', 'c'], 'once, however often it says so');
    aside[1]?.();
    await turn();
    assert.deepEqual(inside, ['a', 'b', 'c'], 'the second room is full');
    guests[0]?.leave();
    await turn();
    assert.deepEqual(inside, ['b', 'c', 'd'], 'b steps aside when a has left');
    for (const { leave } of guests) leave();
    await Promise.all(guests.map(({ done }) => done));
    for (const stepAside of aside) stepAside();
    const again = enter(hall, 'f', 2);
    await turn();
    assert.deepEqual(inside, ['f'], 'nothing was lost, and nothing gained');
    const later = enter(hall, 'g', 1);
    await turn();
    assert.deepEqual(inside, ['f']);
    for (const guest of [again, later]) guest.leave();
    await Promise.all([again.done, later.done]);
  });

  test('moves work that takes longer than a second to the second set, each at its own time and by one timer', async () => {
    const hall = createWeightedSemaphore(2, 2, clock);
    const [a] = [enter(hall, 'a', 1)];
    await clock.advance(400 as DurationMs);
    const [b, c, d] = ['b', 'c', 'd'].map((name) => enter(hall, name, 1));
    await clock.advance(599 as DurationMs);
    assert.deepEqual([inside, clock.pending()], [['a', 'b'], 1]);
    await clock.advance(1 as DurationMs);
    assert.deepEqual(inside, ['a', 'b', 'c']);
    await clock.advance(400 as DurationMs);
    assert.deepEqual(inside, ['a', 'b', 'c', 'd']);
    c?.leave();
    d?.leave();
    await Promise.all([c?.done, d?.done]);
    assert.equal(clock.pending(), 0, 'nobody is left who could become slow');
    for (const guest of [a, b]) guest?.leave();
    await Promise.all([a?.done, b?.done]);
    assert.equal(clock.pending(), 0);
  });

  test('lets small work begin, however long large work takes, and bounds it as well', async () => {
    const room = createSplitSemaphore(32, clock);
    const [large, next] = [enter(room, 'large', 30), enter(room, 'next', 30)];
    const small = Array.from({ length: 17 }, (_, at) => enter(room, `small-${at}`, 2));
    await turn();
    assert.equal(inside.length, 17, 'the large one, and sixteen of two bytes');
    assert.ok(!inside.includes('next') && !inside.includes('small-16'));
    for (const guest of [...small, large, next]) guest.leave();
    await Promise.all([large, next, ...small].map(({ done }) => done));
  });
});
