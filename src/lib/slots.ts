// Instants for what must not happen more often than so many times a second: each asker gets one of its own, and need
// not ask again before.

import type { Clock, DurationMs } from './time.ts';

export interface Slots {
  /**
   * The next free instant, on the monotonic clock: now while there is a burst left. Undefined: all slots as far ahead
   * as there are any are given away; ask again when they have passed.
   */
  reserve(): DurationMs | undefined;
}

/**
 * @param every   between two slots
 * @param atOnce  slots that may fall on one instant after a quiet time, at least one
 * @param ahead   slots that are given away at most
 */
export function createSlots(clock: Clock, every: DurationMs, atOnce: number, ahead: number): Slots {
  /** When the burst is whole again. */
  let full = 0;
  return {
    reserve() {
      const now = clock.monotonic();
      full = Math.max(full, now);
      const at = Math.max(now, full - (atOnce - 1) * every);
      if (at - now > ahead * every) return undefined;
      full += every;
      return at as DurationMs;
    },
  };
}
