// The Retry-After pause: how long the API server has asked the whole client to wait.

import { type Clock, type DurationMs, sleep } from '../lib/time.ts';
import type { ApiError } from './api-error.ts';

export interface RetryAfter {
  /** Resolves when the pause is over, or `signal` aborts. */
  passed(signal: AbortSignal): Promise<void>;
  /** Begins or extends the pause of all requests when the error says that the API server has too much to do. */
  heed(error: ApiError): void;
}

export function createRetryAfter(clock: Clock): RetryAfter {
  let openAt = 0;
  return {
    async passed(signal) {
      // In a loop: another error may have extended the pause meanwhile.
      while (openAt > clock.monotonic() && !signal.aborted)
        await sleep(clock, (openAt - clock.monotonic()) as DurationMs, signal);
    },
    heed({ next, delay, apiReason }) {
      // An overloaded API server refuses requests in plain text; a `Status` is about one object or kind, and requests
      // for others must not wait for that.
      if (next === 'after' && delay !== undefined && apiReason === '')
        openAt = Math.max(openAt, clock.monotonic() + delay);
    },
  };
}
