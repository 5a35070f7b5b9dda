// A clock that stands still until a test moves it.

import type { Clock, DurationMs, EpochMs } from '../../src/lib/time.ts';

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

export interface ManualClock extends Clock {
  /** Advances both clocks by `length`, running every timer that falls due, in order, each at its own instant. */
  advance(length: DurationMs): Promise<void>;
  /** Moves only the wall clock (as NTP or a resume from suspend does); no timer runs. */
  jump(byMs: number): void;
  /** Number of pending timers. */
  pending(): number;
}

/** Lets every promise settle that can without time passing. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await new Promise<void>((resolve) => void setImmediate(resolve));
}

export function createManualClock(start: EpochMs): ManualClock {
  let wall: number = start;
  let monotonic = 0;
  const timers = new Set<Timer>();

  const next = (limit: number): Timer | undefined => {
    let found: Timer | undefined;
    for (const timer of timers) if (timer.at <= limit && (!found || timer.at < found.at)) found = timer;
    return found;
  };

  return {
    now: () => wall as EpochMs,
    monotonic: () => monotonic as DurationMs,
    turn: () => new Promise((resolve) => void setImmediate(resolve)),
    after(delay, callback) {
      const timer: Timer = { at: monotonic + Math.max(0, delay), callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    async advance(length) {
      const end = monotonic + length;
      await settle();
      for (let timer = next(end); timer; timer = next(end)) {
        wall += timer.at - monotonic;
        monotonic = timer.at;
        timers.delete(timer);
        timer.callback();
        await settle();
      }
      wall += end - monotonic;
      monotonic = end;
      await settle();
    },
    jump(byMs) {
      wall += byMs;
    },
    pending: () => timers.size,
  };
}
