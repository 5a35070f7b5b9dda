// Loops that run as long as the process. A loop that throws is reported, counted and restarted; one that keeps failing
// is named to the liveness probe.

import type { Logger } from './log.ts';
import { backoff, type Clock, type DurationMs, MINUTE, type Random, SECOND, sleep } from './time.ts';

/** @param signal  aborts when the loop must end, and when it has ended: what it started must end with it */
export type Loop = (signal: AbortSignal) => Promise<void>;

export interface Supervisor {
  /**
   * Runs a loop until `signal` aborts, or until it returns by itself. Never rejects.
   *
   * @param name  for log, metric and probe
   */
  run(name: string, loop: Loop, signal: AbortSignal): Promise<void>;
  /** Names of the loops that for five minutes have not run for a whole minute without throwing. */
  failing(): readonly string[];
}

export interface SupervisorParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Called each time a loop throws. */
  readonly onFailed: (name: string) => void;
}

const FIRST_PAUSE = SECOND;
const LAST_PAUSE = MINUTE;
/** A loop that has run for this long has recovered. */
const WELL_AFTER = MINUTE;
/** A loop that fails for this long will not recover by itself; a new process may. */
const FAILING_AFTER = (5 * MINUTE) as DurationMs;

export function createSupervisor({ clock, random, log, onFailed }: SupervisorParts): Supervisor {
  /** When each loop whose last run failed was last well, and since when it runs again; undefined while it pauses. */
  const failed = new Map<string, { readonly since: DurationMs; startedAt: DurationMs | undefined }>();
  const isWell = (startedAt: DurationMs | undefined): boolean =>
    startedAt !== undefined && clock.monotonic() - startedAt >= WELL_AFTER;

  const runOnce = async (loop: Loop, signal: AbortSignal): Promise<void> => {
    const end = new AbortController();
    try {
      await loop(AbortSignal.any([signal, end.signal]));
    } finally {
      end.abort();
    }
  };

  return {
    async run(name, loop, signal) {
      for (let attempt = 0; !signal.aborted; attempt += 1) {
        const startedAt = clock.monotonic();
        const before = failed.get(name);
        if (before) before.startedAt = startedAt;
        try {
          await runOnce(loop, signal);
          failed.delete(name);
          return;
        } catch (thrown) {
          if (signal.aborted) return;
          if (isWell(startedAt)) attempt = 0;
          const since = before && !isWell(startedAt) ? before.since : clock.monotonic();
          failed.set(name, { since, startedAt: undefined });
          onFailed(name);
          log.error('Something that runs all the time ended unexpectedly; it is started again', { name }, thrown);
        }
        await sleep(clock, backoff(attempt, FIRST_PAUSE, LAST_PAUSE, random), signal);
      }
    },
    failing: () =>
      [...failed]
        .filter(([, { since, startedAt }]) => !isWell(startedAt) && clock.monotonic() - since >= FAILING_AFTER)
        .map(([name]) => name),
  };
}
