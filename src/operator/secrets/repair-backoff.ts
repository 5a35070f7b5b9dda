// Secrets that somebody else writes or deletes again and again: they are restored at once, then less and less often.

import { type Clock, type DurationMs, MINUTE, SECOND } from '../../lib/time.ts';

export interface RepairBackoff {
  /**
   * How long a Secret has to wait for its next repair; 0: it may be repaired now.
   *
   * @param place  names the Secret, in any form
   */
  wait(place: string): DurationMs;
  /** How long ago it was last repaired; infinite when it was not, or has been left in peace since. */
  sinceRepair(place: string): number;
  /** It has been repaired. */
  repaired(place: string): void;
}

/** Repairs of one Secret that never wait. */
const FREE = 5;
const FIRST_WAIT = SECOND;
const LAST_WAIT = (5 * MINUTE) as DurationMs;
/** After this long without a repair a Secret counts as left in peace. */
const PEACE = (10 * MINUTE) as DurationMs;

interface Repairs {
  readonly count: number;
  /** On the clock that never goes back. */
  readonly last: number;
}

export function createRepairBackoff(clock: Clock): RepairBackoff {
  const repairs = new Map<string, Repairs>();

  const sweep = (now: number): void => {
    for (const [place, { last }] of repairs) {
      // In order of their last repair: the rest is younger.
      if (now - last < PEACE) return;
      repairs.delete(place);
    }
  };

  return {
    wait(place) {
      const { count, last } = repairs.get(place) ?? { count: 0, last: 0 };
      const wait = count < FREE ? 0 : Math.min(LAST_WAIT, FIRST_WAIT * 2 ** (count - FREE));
      return (wait === 0 ? 0 : Math.max(0, last + wait - clock.monotonic())) as DurationMs;
    },
    sinceRepair: (place) => clock.monotonic() - (repairs.get(place)?.last ?? Number.NEGATIVE_INFINITY),
    repaired(place) {
      const now = clock.monotonic();
      sweep(now);
      const { count } = repairs.get(place) ?? { count: 0 };
      repairs.delete(place);
      repairs.set(place, { count: count + 1, last: now });
    },
  };
}
