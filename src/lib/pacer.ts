// When the next renewal may be written: so many a second over all objects, and none later than its login allows.

import type { Clock, DurationMs, EpochMs, Random } from './time.ts';
import { plus } from './time.ts';

export interface Pacer {
  /**
   * Takes the next free slot in the queue.
   *
   * @param latest  the slot must not be after this; when the queue is longer, it is any instant until then, so that the
   *                overflow is spread as well
   * @returns now or later
   */
  next(latest: EpochMs): EpochMs;
}

/** @param perSecond  slots in a second, more than 0 */
export function createPacer(clock: Clock, random: Random, perSecond: number): Pacer {
  const spacing = 1_000 / perSecond;
  /** On the monotonic clock. */
  let free = 0;
  return {
    next(latest) {
      const [now, monotonic] = [clock.now(), clock.monotonic()];
      const wait = Math.max(0, free - monotonic);
      if (now + wait > latest) return (now + random() * Math.max(0, latest - now)) as EpochMs;
      free = monotonic + wait + spacing;
      return plus(now, wait as DurationMs);
    },
  };
}
