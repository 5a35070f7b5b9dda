// Covers the work queue: keys are folded, never worked on twice at once, and come back at their time, or later each
// time.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createManualClock, settle } from '../../testing/clocks/manual-clock.ts';
import { after, START } from '../../testing/rigs/builders.ts';
import { rig } from '../../testing/rigs/queue-rig.ts';
import { type DurationMs, HOUR, MINUTE, plus, SECOND } from '../lib/time.ts';
import { createWorkqueue } from './workqueue.ts';

// Rule 12
describe('a key', () => {
  test('that is added many times is worked on once', async () => {
    const { queue, begun, finish, stop } = await rig({ workers: 1, held: true });
    queue.add('first');
    for (let turn = 0; turn < 5; turn += 1) queue.add('a');
    queue.add('b');
    await settle();
    assert.equal(queue.depth, 2);
    for (const key of ['first', 'a', 'b']) await finish(key);
    assert.deepEqual(begun, ['first', 'a', 'b']);
    await stop();
  });

  test('is never worked on twice at once, however many workers are free', async () => {
    const { queue, begun, finish, stop } = await rig({ workers: 4, held: true });
    queue.add('a');
    await settle();
    queue.add('a');
    await settle();
    assert.deepEqual(begun, ['a']);
    await finish('a');
    assert.deepEqual(begun, ['a', 'a']);
    await stop();
  });

  test('that is added while it is worked on is worked on once more, not oftener', async () => {
    const { queue, begun, finish, stop } = await rig({ workers: 2, held: true });
    queue.add('a');
    await settle();
    for (let turn = 0; turn < 5; turn += 1) queue.add('a');
    await finish('a');
    await finish('a');
    assert.deepEqual(begun, ['a', 'a']);
    await stop();
  });

  test('does not wait for another one that takes long', async () => {
    const { queue, begun, stop } = await rig({ workers: 2, held: true });
    for (const key of ['slow', 'b']) queue.add(key);
    await settle();
    assert.deepEqual(begun, ['slow', 'b']);
    await stop();
  });

  test('that is added before the queue runs is not lost', async () => {
    const clock = createManualClock(START);
    const queue = createWorkqueue({ clock, random: () => 1, onBug: () => {} });
    queue.add('a');
    const ended = new AbortController();
    const begun: string[] = [];
    const running = queue.run((key) => Promise.resolve(void begun.push(key)), 1, ended.signal);
    await settle();
    assert.deepEqual(begun, ['a']);
    ended.abort();
    await running;
  });
});

// Rule 12
describe('of many keys', () => {
  const keys = Array.from({ length: 100 }, (_, index) => `n${index}/a`);

  test('64 are worked on at once: each further one begins when one of them ends', async () => {
    const { queue, begun, finish, stop } = await rig({ workers: 256, held: true });
    for (const key of keys) queue.add(key);
    await settle();
    assert.deepEqual(begun, keys.slice(0, 64));
    await finish('n5/a');
    assert.deepEqual(begun, keys.slice(0, 65));
    queue.add('urgent/a');
    for (let index = 6; index < 42; index += 1) await finish(`n${index}/a`);
    assert.deepEqual(begun.slice(0, 101), [...keys, 'urgent/a']);
    await stop();
  });

  test('those that take a second hold up no other', async () => {
    const { queue, begun, clock, stop } = await rig({ workers: 256, held: true });
    for (const key of keys) queue.add(key);
    await settle();
    await clock.advance(SECOND);
    assert.deepEqual(begun, keys);
    await stop();
  });
});

// Rule 12
describe('many keys whose work waits for nothing', () => {
  let worked = 0;
  const works = async (): Promise<void> => {
    worked += 1;
    await Promise.resolve();
  };
  const worksLater = async (): Promise<void> => {
    await Promise.resolve();
    worked += 1;
  };

  /** Each takes a millisecond. @returns the longest time without a turn of the event loop, in milliseconds */
  const longestOf = async (work: () => Promise<void>, workers: number): Promise<number> => {
    worked = 0;
    const clock = { ...createManualClock(START), monotonic: () => worked as DurationMs };
    const queue = createWorkqueue({ clock, random: () => 1, onBug: () => {} });
    for (let key = 0; key < 1_000; key += 1) queue.add(String(key));
    const ended = new AbortController();
    const running = queue.run(work, workers, ended.signal);
    let longest = 0;
    for (let seen = 0; seen < 1_000; seen = worked) {
      await new Promise((resolve) => void setImmediate(resolve));
      longest = Math.max(longest, worked - seen);
    }
    ended.abort();
    await running;
    return longest;
  };

  test('let the process answer in between', async () => {
    const longest = await longestOf(worksLater, 4);
    // The queue finishes those in hand.
    assert.ok(longest <= 10 + 4, `${longest} ms without a turn of the event loop`);
  });

  test('do so with as many workers as the operator has, and work that comes before any wait', async () => {
    const longest = await longestOf(works, 256);
    assert.ok(longest <= 20, `${longest} ms without a turn of the event loop`);
  });
});

describe('a deadline', () => {
  test('is kept to the millisecond', async () => {
    const { clock, queue, begun, stop } = await rig({ workers: 1, held: false });
    queue.addAt('a', after(SECOND));
    await clock.advance((SECOND - 1) as DurationMs);
    assert.deepEqual(begun, []);
    await clock.advance(1 as DurationMs);
    assert.deepEqual(begun, ['a']);
    await stop();
  });

  test('that is past means now', async () => {
    const { clock, queue, begun, stop } = await rig({ workers: 1, held: false });
    queue.addAt('a', after(-1 * HOUR));
    await clock.advance(0 as DurationMs);
    assert.deepEqual(begun, ['a']);
    await stop();
  });

  test('gives way to an earlier one, and not to a later one', async () => {
    const { clock, queue, begun, stop } = await rig({ workers: 1, held: false });
    queue.addAt('a', after(3 * SECOND));
    queue.addAt('a', after(SECOND));
    queue.addAt('a', after(2 * SECOND));
    await clock.advance(SECOND);
    assert.deepEqual(begun, ['a']);
    await clock.advance(MINUTE);
    assert.deepEqual(begun, ['a']);
    await stop();
  });

  // Rule 9
  test('of one key does not delay that of another', async () => {
    const { clock, queue, begun, stop } = await rig({ workers: 1, held: false });
    queue.addAt('late', after(2 * HOUR));
    queue.addAt('soon', after(SECOND));
    queue.addAt('later', after(HOUR));
    await clock.advance(SECOND);
    assert.deepEqual(begun, ['soon']);
    await clock.advance((2 * HOUR) as DurationMs);
    assert.deepEqual(begun, ['soon', 'later', 'late']);
    await stop();
  });

  test('is dropped when the key is added now', async () => {
    const { clock, queue, begun, stop } = await rig({ workers: 1, held: false });
    queue.addAt('a', after(SECOND));
    queue.add('a');
    await clock.advance(MINUTE);
    assert.deepEqual(begun, ['a']);
    await stop();
  });

  test('that falls while the key is worked on is kept afterwards', async () => {
    const { clock, queue, begun, finish, stop } = await rig({ workers: 2, held: true });
    queue.add('a');
    await settle();
    queue.addAt('a', after(SECOND));
    await clock.advance(SECOND);
    assert.deepEqual(begun, ['a']);
    await finish('a');
    assert.deepEqual(begun, ['a', 'a']);
    await stop();
  });

  // Rule 5
  test('is noticed within a minute when the wall clock jumped over it, as after a sleep of the machine', async () => {
    const { clock, queue, begun, stop } = await rig({ workers: 1, held: false });
    queue.addAt('a', after(10 * HOUR));
    await clock.advance(SECOND);
    clock.jump(11 * HOUR);
    await clock.advance(MINUTE);
    assert.deepEqual(begun, ['a']);
    await stop();
  });

  // Rule 5
  test('is looked at when the wall clock is set back over hours, which made it far away', async () => {
    const { clock, queue, begun, stop } = await rig({ workers: 1, held: false });
    queue.addAt('a', after(SECOND));
    queue.addAt('b', after(HOUR));
    clock.jump(-5 * HOUR);
    await clock.advance(SECOND);
    assert.deepEqual(begun, ['a', 'b']);
    await stop();
  });

  test('is kept when the wall clock is only corrected a little', async () => {
    const { clock, queue, begun, stop } = await rig({ workers: 1, held: false });
    queue.addAt('a', after(10 * MINUTE));
    for (let turn = 0; turn < 9; turn += 1) {
      clock.jump(-1 * SECOND);
      await clock.advance(MINUTE);
    }
    assert.deepEqual(begun, []);
    await stop();
  });
});

// Rule 12
describe('a retry', () => {
  test('comes later each time, up to a minute, until the key is forgotten', async () => {
    const { clock, queue, begun, stop } = await rig({ workers: 1, held: false });
    const waitFor = async (): Promise<number> => {
      const before = { count: begun.length, at: clock.now() };
      queue.retry('a');
      while (begun.length === before.count) await clock.advance(100 as DurationMs);
      return clock.now() - before.at;
    };
    const waits: number[] = [];
    for (let turn = 0; turn < 11; turn += 1) waits.push(await waitFor());
    assert.deepEqual(waits, [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 60_000, 60_000]);
    queue.forget('a');
    assert.equal(await waitFor(), 200);
    await stop();
  });

  test('follows work that throws, which is reported as a bug', async () => {
    const { clock, queue, begun, bugs, finish, stop } = await rig({ workers: 1, held: true });
    queue.add('a');
    await settle();
    await finish('a', new Error('oops'));
    assert.deepEqual(bugs, ['a: Error: oops']);
    await clock.advance(200 as DurationMs);
    assert.deepEqual(begun, ['a', 'a']);
    queue.add('b');
    await finish('a');
    assert.deepEqual(begun, ['a', 'a', 'b'], 'the worker goes on');
    await stop();
  });
});

describe('stopping', () => {
  test('waits for the work in hand, begins no other, and leaves no timer', async () => {
    const clock = createManualClock(START);
    const queue = createWorkqueue({ clock, random: () => 1, onBug: () => {} });
    const ended = new AbortController();
    const begun: string[] = [];
    let end: () => void = () => {};
    let isDone = false;
    const running = queue
      .run(
        async (key) => {
          begun.push(key);
          await new Promise<void>((resolve) => {
            end = resolve;
          });
          queue.addAt(key, plus(clock.now(), SECOND));
        },
        1,
        ended.signal,
      )
      .then(() => {
        isDone = true;
      });
    for (const key of ['a', 'b']) queue.add(key);
    queue.addAt('c', after(HOUR));
    await settle();
    ended.abort();
    await settle();
    assert.equal(isDone, false);
    end();
    await running;
    assert.deepEqual(begun, ['a']);
    assert.equal(clock.pending(), 0);
  });

  test('is at once when nothing is in hand, or when it was stopped before it began', async () => {
    const { stop } = await rig({ workers: 3, held: false });
    await stop();
    const queue = createWorkqueue({ clock: createManualClock(START), random: () => 1, onBug: () => {} });
    await queue.run(() => Promise.resolve(), 2, AbortSignal.abort());
  });
});
