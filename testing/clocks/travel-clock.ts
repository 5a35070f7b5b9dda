// A clock that runs like the real one and can be moved forward: for whole operators on a real API server.

import type { Clock, DurationMs, EpochMs } from '../../src/lib/time.ts';

interface Timer {
  readonly at: number;
  readonly callback: () => void;
  readonly handle: NodeJS.Timeout;
}

export interface TravelClock extends Clock {
  /** Lets `lengthMs` pass at once: every timer that falls due on the way fires now, in order. */
  travel(lengthMs: number): void;
}

export function createTravelClock(): TravelClock {
  let ahead = 0;
  const timers = new Set<Timer>();
  const monotonic = (): number => performance.now() + ahead;

  return {
    now: () => (Date.now() + ahead) as EpochMs,
    monotonic: () => monotonic() as DurationMs,
    turn: () => new Promise((resolve) => void setImmediate(resolve)),
    after(delay, callback) {
      const timer: Timer = {
        at: monotonic() + delay,
        callback: () => {
          timers.delete(timer);
          clearTimeout(timer.handle);
          callback();
        },
        handle: setTimeout(() => timer.callback(), Math.max(0, delay)),
      };
      timers.add(timer);
      return () => {
        timers.delete(timer);
        clearTimeout(timer.handle);
      };
    },
    travel(lengthMs) {
      ahead += lengthMs;
      const due = [...timers].filter(({ at }) => at <= monotonic()).sort((one, other) => one.at - other.at);
      for (const timer of due) if (timers.has(timer)) timer.callback();
    },
  };
}
