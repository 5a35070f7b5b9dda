// Starts one process of a group and waits until it is ready, or reports why it never will be.
// It knows logs and deadlines, and nothing of what the process serves.

import { readFileSync, statSync } from 'node:fs';
import type { ProcessGroup, ProgramStart } from './process-group.ts';
import type { Report } from './progress.ts';
import { waitFor } from './readiness.ts';

export interface Launch<T> extends ProgramStart {
  /** Polled; anything but undefined means that the process is ready. */
  readonly ready: () => Promise<T | undefined>;
  /** Called when the process ends later, unless `terminate` or `end` asked it to. */
  readonly report: Report;
}

/** A process ended before it was ready; the message holds the end of its log. */
export class EarlyEndError extends Error {
  override readonly name = 'EarlyEndError';
}

/** More than ten times what the slowest part of a start takes on two idle cores. */
const START_LIMIT_MS = 60_000;

/** Enough to hold the cause and what led to it. */
const LOG_LINES = 20;

/**
 * Starts a program and waits until it is ready.
 * @returns what `ready` found
 * @throws EarlyEndError when the process ends first; Error when it is not ready after 60 s. Both with the last 20 lines
 *         that it wrote since this start
 */
export async function launch<T>(group: ProcessGroup, what: Launch<T>): Promise<T> {
  const { name, log } = what;
  const logBegin = statSync(log, { throwIfNoEntry: false })?.size ?? 0;
  const process = await group.start(what);
  let ended: string | undefined;
  let isReady = false;
  const watch = async (): Promise<void> => {
    const { code, signal, asked } = await process.ended;
    ended = signal ?? `code ${code}`;
    if (isReady && !asked) what.report({ state: 'note', text: `${name} ended by itself (${ended}).`, elapsedMs: 0 });
  };
  void watch();
  const found = await waitFor(
    START_LIMIT_MS,
    async () => {
      if (ended === undefined) return await what.ready();
      throw new EarlyEndError(`${name} ended while it started (${ended}):\n${readLastLines(log, logBegin)}`);
    },
    () => `${name} was not ready after ${START_LIMIT_MS / 1_000} s:\n${readLastLines(log, logBegin)}`,
  );
  isReady = true;
  return found;
}

function readLastLines(log: string, fromByte: number): string {
  const lines = readFileSync(log).subarray(fromByte).toString('utf8').trimEnd().split('\n');
  return lines.slice(-LOG_LINES).join('\n');
}
