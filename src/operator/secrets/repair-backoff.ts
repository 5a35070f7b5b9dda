// Backoff for Secrets that another writer changes or deletes again and again: the operator restores them at once, then
// less and less often.

import { type Clock, type DurationMs, MINUTE, SECOND, seconds } from '../../lib/time.ts';

export interface RepairBackoff {
  /**
   * How long a Secret must wait for its next repair; 0: the operator may repair it now.
   *
   * @param secret  names the Secret, in any form
   */
  wait(secret: string): DurationMs;
  /**
   * Whether a contested Secret that is as wanted does not count as left alone yet: it was repaired too lately, or no
   * watch has shown what became of the repair.
   *
   * @param isTold    the status reports it as contested; it has no space for every one
   * @param isUnseen  whether a watch has yet to show the last write
   */
  isSettling(secret: string, isTold: boolean, isUnseen: () => boolean): boolean;
  /** The operator has repaired it. @param writer  who had changed it, if that is known */
  repaired(secret: string, writer?: string): void;
  /** Who changed it before the last repair for which that is known. */
  writer(secret: string): string | undefined;
}

/** Repairs of one Secret that never wait. */
const FREE = 5;
const FIRST_WAIT = SECOND;
const LAST_WAIT = (5 * MINUTE) as DurationMs;
/** After this long without a repair a Secret counts as left in peace. */
const PEACE = (10 * MINUTE) as DurationMs;

/** A writer that changes Secrets at once has done so by then. */
export const SETTLED_AFTER = seconds(2);

interface Repairs {
  readonly count: number;
  /** On the monotonic clock. */
  readonly last: number;
  readonly writer: string | undefined;
}

export function createRepairBackoff(clock: Clock): RepairBackoff {
  const repairs = new Map<string, Repairs>();

  const sweep = (now: number): void => {
    for (const [secret, { last }] of repairs) {
      // The map is in order of the last repair: the rest is younger.
      if (now - last < PEACE) return;
      repairs.delete(secret);
    }
  };

  return {
    wait(secret) {
      const { count, last } = repairs.get(secret) ?? { count: 0, last: 0 };
      const wait = count < FREE ? 0 : Math.min(LAST_WAIT, FIRST_WAIT * 2 ** (count - FREE));
      return (wait === 0 ? 0 : Math.max(0, last + wait - clock.monotonic())) as DurationMs;
    },
    isSettling(secret, isTold, isUnseen) {
      const { count, last } = repairs.get(secret) ?? { count: 0, last: Number.NEGATIVE_INFINITY };
      const since = clock.monotonic() - last;
      const isContested = isTold || (count > FREE && since < PEACE);
      return isContested && (isUnseen() || since < SETTLED_AFTER);
    },
    repaired(secret, writer) {
      const now = clock.monotonic();
      sweep(now);
      const before = repairs.get(secret);
      repairs.delete(secret);
      repairs.set(secret, { count: (before?.count ?? 0) + 1, last: now, writer: writer ?? before?.writer });
    },
    writer: (secret) => repairs.get(secret)?.writer,
  };
}
