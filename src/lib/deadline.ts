// A signal with a deadline: what takes too long is told to end, by the clock that the caller brings.

import type { Clock, DurationMs } from './time.ts';

export interface Deadline {
  readonly signal: AbortSignal;
  abort(this: void): void;
  /** From now on only `abort` aborts the signal. */
  release(this: void): void;
}

/** A signal that aborts with `outer`, after `limit`, or by hand. */
export function abortAfter(limit: DurationMs, outer: AbortSignal | undefined, clock: Clock): Deadline {
  const inner = new AbortController();
  const abort = (): void => inner.abort();
  const cancel = clock.after(limit, abort);
  outer?.addEventListener('abort', abort, { once: true });
  if (outer?.aborted) abort();
  const release = (): void => {
    cancel();
    outer?.removeEventListener('abort', abort);
  };
  return { signal: inner.signal, abort, release };
}

/** Runs `work` with such a signal, and waits for its end, however long that takes. */
export async function within<Result>(
  limit: DurationMs,
  outer: AbortSignal | undefined,
  clock: Clock,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const { signal, release } = abortAfter(limit, outer, clock);
  try {
    return await work(signal);
  } finally {
    release();
  }
}
