// Lets time pass for an operator that looks at something from time to time.

import { type DurationMs, seconds } from '../../src/lib/time.ts';
import { eventually } from '../api-server/test-api.ts';
import type { TravelClock } from './travel-clock.ts';

/** Between two moves of the clock, on the real clock: a look has ended by then, nearly always. */
const PACE_MS = 500;

type Look<Result> = () => Promise<Result | undefined> | Result | undefined;

/**
 * Lets `step` pass again and again, the first time half a second from now, until `look` gives something, as
 * `eventually`: what is under way while the clock is moved may end by that, and is waited for anew.
 */
export function asTimePasses<Result>(clock: TravelClock, step: DurationMs, look: Look<Result>): Promise<Result> {
  let movedAt = performance.now();
  return eventually(() => {
    if (performance.now() - movedAt >= PACE_MS) {
      clock.travel(step);
      movedAt = performance.now();
    }
    return look();
  });
}

/** As `asTimePasses`, with minutes, of which the first passes at once. */
export function asMinutesPass<Result>(clock: TravelClock, look: Look<Result>): Promise<Result> {
  clock.travel(seconds(61));
  return asTimePasses(clock, seconds(61), look);
}
