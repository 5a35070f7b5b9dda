// A rate limit for what any client can trigger: so many a second, and a burst.

import type { Clock } from './time.ts';

export interface TokenBucket {
  /** Whether it may be done once more, now. */
  take(): boolean;
}

export function createTokenBucket(clock: Clock, perSecond: number, atOnce: number): TokenBucket {
  let left = atOnce;
  let at = clock.monotonic();
  return {
    take() {
      const now = clock.monotonic();
      left = Math.min(atOnce, left + ((now - at) / 1_000) * perSecond);
      at = now;
      if (left < 1) return false;
      left -= 1;
      return true;
    },
  };
}
