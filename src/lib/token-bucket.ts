// A rate limit for what any client can trigger: so many a second, and a burst.

import type { Clock } from './time.ts';

export interface TokenBucket {
  /** Whether it may be done once more, now. */
  take(): boolean;
  /** Whether `take` would allow it. */
  has(): boolean;
}

export function createTokenBucket(clock: Clock, perSecond: number, atOnce: number): TokenBucket {
  let left = atOnce;
  let at = clock.monotonic();
  const has = (): boolean => {
    const now = clock.monotonic();
    left = Math.min(atOnce, left + ((now - at) / 1_000) * perSecond);
    at = now;
    return left >= 1;
  };
  return {
    has,
    take() {
      if (!has()) return false;
      left -= 1;
      return true;
    },
  };
}
