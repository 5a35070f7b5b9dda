// How long the API server has asked the whole client to wait.

import { type Clock, type DurationMs, sleep } from '../lib/time.ts';
import type { ApiError } from './api-error.ts';

export interface RetryAfter {
  /** Resolves when nothing is to be waited for, or `signal` aborts. */
  passed(signal: AbortSignal): Promise<void>;
  /** Shuts the gate for everybody when the error says that the API server has too much to do. */
  heed(error: ApiError): void;
}

export function createRetryAfter(clock: Clock): RetryAfter {
  let openAt = 0;
  return {
    async passed(signal) {
      // Again: it may have been shut for longer meanwhile.
      while (openAt > clock.monotonic() && !signal.aborted)
        await sleep(clock, (openAt - clock.monotonic()) as DurationMs, signal);
    },
    heed({ next, delay, apiReason }) {
      // What the API server turns away at its door it answers in plain text; a `Status` is about one object or kind, and the
      // others must not wait for that.
      if (next === 'after' && delay !== undefined && apiReason === '')
        openAt = Math.max(openAt, clock.monotonic() + delay);
    },
  };
}
