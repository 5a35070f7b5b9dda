// How soon the status of an object follows a change of its ServiceAccounts: soon, unless they change all the time. Each
// status counts all accounts of the object.

import type { ObjectKey } from '../../api/meta.ts';
import { createRecent } from '../../lib/recent.ts';
import { createSlots, type Slots } from '../../lib/slots.ts';
import { type Clock, type DurationMs, seconds } from '../../lib/time.ts';

/** A burst of changes is told once. */
const FIRST = seconds(1);
/** Of statuses, once the first few have been told. */
const EVERY = seconds(30);
const AT_ONCE = 5;
/** Objects that are remembered; one that is forgotten is told a little earlier. */
const MOST = 10_000;

interface Pace {
  readonly slots: Slots;
  /** When it is to be told, on the monotonic clock. */
  at: number;
}

/** @returns how long the status of this object waits */
export function createStatusPace(clock: Clock): (object: ObjectKey) => DurationMs {
  const paceOf = createRecent<Pace>(MOST, () => ({ slots: createSlots(clock, EVERY, AT_ONCE, 1), at: -1 }));
  return (object) => {
    const now = clock.monotonic();
    const pace = paceOf(object);
    // Else it is about to be told already.
    if (pace.at < now) pace.at = Math.max(now + FIRST, pace.slots.reserve() ?? now + EVERY);
    return (pace.at - now) as DurationMs;
  };
}
