// The manual clock of a whole fleet: every cluster's timers in one heap, so that days of ten thousand clusters pass in
// seconds.

import type { Clock, DurationMs, EpochMs } from '../../src/lib/time.ts';

interface Timer {
  readonly at: number;
  /** Timers of one instant run in the order in which they were set. */
  readonly order: number;
  callback: (() => void) | undefined;
}

export interface EventClock extends Clock {
  /** Lets `length` pass: every timer that falls due runs at its own instant, and what it settles, before the next. */
  advance(length: DurationMs): Promise<void>;
}

export function createEventClock(start: EpochMs): EventClock {
  const heap = createHeap();
  let elapsed = 0;
  let order = 0;
  /** What a timer settles are promises only: they have all run when the event loop comes round. */
  const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

  return {
    now: () => (start + elapsed) as EpochMs,
    monotonic: () => elapsed as DurationMs,
    turn,
    after(delay, callback) {
      const timer: Timer = { at: elapsed + Math.max(0, delay), order, callback };
      order += 1;
      heap.push(timer);
      return () => {
        timer.callback = undefined;
      };
    },
    async advance(length) {
      const end = elapsed + length;
      await turn();
      for (let next = heap.first(); next && next.at <= end; next = heap.first()) {
        elapsed = next.at;
        for (let due: Timer | undefined = next; due?.at === elapsed; due = heap.first()) {
          heap.pop();
          due.callback?.();
        }
        await turn();
      }
      elapsed = end;
    },
  };
}

/** A binary heap, the earliest timer first. */
function createHeap() {
  const timers: Timer[] = [];
  const precedes = (one: Timer, other: Timer): boolean =>
    one.at === other.at ? one.order < other.order : one.at < other.at;

  /** Moves `timer` from `index` towards the root. */
  const rise = (timer: Timer, from: number): void => {
    let index = from;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = timers[above];
      if (!parent || !precedes(timer, parent)) break;
      timers[index] = parent;
      index = above;
    }
    timers[index] = timer;
  };
  /** Moves `timer` from the root towards the leaves. */
  const sink = (timer: Timer): void => {
    let index = 0;
    for (;;) {
      const [left, right] = [timers[2 * index + 1], timers[2 * index + 2]];
      const isRight = left !== undefined && right !== undefined && precedes(right, left);
      const child = isRight ? right : left;
      if (!child || !precedes(child, timer)) break;
      timers[index] = child;
      index = 2 * index + (isRight ? 2 : 1);
    }
    timers[index] = timer;
  };

  return {
    first: (): Timer | undefined => timers[0],
    push: (timer: Timer): void => rise(timer, timers.push(timer) - 1),
    pop(): void {
      const last = timers.pop();
      if (last && timers.length > 0) sink(last);
    },
  };
}
