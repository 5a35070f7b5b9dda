// How soon the operator looks at an object of which nothing has changed but what its status is about, or the status
// itself: soon, unless that changes all the time. Of two operators that disagree each would write it anew for ever.

import type { ObjectKey } from '../api/meta.ts';
import { createRecent } from '../lib/recent.ts';
import { createSlots, type Slots } from '../lib/slots.ts';
import { type Clock, type DurationMs, seconds } from '../lib/time.ts';

/** Of looks, once there were a few. */
const EVERY = seconds(30);
const AT_ONCE = 5;
/** Objects that are remembered; one that is forgotten is looked at a little earlier. */
const MOST = 10_000;

interface Pace {
  readonly slots: Slots;
  /** When it is to be looked at, on the monotonic clock. */
  at: number;
}

/**
 * @param first  so much later at least: a burst of changes is one
 * @returns how long this object waits
 */
export function createStatusPace(clock: Clock, first: DurationMs): (object: ObjectKey) => DurationMs {
  const paceOf = createRecent<Pace>(MOST, () => ({ slots: createSlots(clock, EVERY, AT_ONCE, 1), at: -1 }));
  return (object) => {
    const now = clock.monotonic();
    const pace = paceOf(object);
    // Else it is about to be looked at already.
    if (pace.at < now) pace.at = Math.max(now + first, pace.slots.reserve() ?? now + EVERY);
    return (pace.at - now) as DurationMs;
  };
}
