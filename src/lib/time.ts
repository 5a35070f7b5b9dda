// Instants, durations, and the two sources of nondeterminism: the clock and randomness. Everything else takes them as
// arguments; this is the only file that touches Date, setTimeout or Math.random.

/** Instant in milliseconds since 1970-01-01T00:00:00Z, wall clock. Never a duration. */
export type EpochMs = number & { readonly unit: 'epoch-ms' };

/** Duration in milliseconds, 0 or more. Never an instant. */
export type DurationMs = number & { readonly unit: 'ms' };

/** A number in [0, 1). */
export type Random = () => number;

/** The operator's source of time. Tests pass a manual one (testing/clocks/manual-clock.ts). */
export interface Clock {
  /** The wall clock; it may jump in both directions (NTP, suspend and resume). */
  now(): EpochMs;
  /** Milliseconds on the monotonic clock; only differences mean anything. */
  monotonic(): DurationMs;
  /**
   * Calls `callback` once, `delay` from now, unless the returned function is called first.
   * A `delay` over 2^31-1 ms is cut to that: Node fires longer timers at once.
   */
  after(delay: DurationMs, callback: () => void): () => void;
  /** Resolves in the next turn of the event loop: timers, streams and probes come before whoever waits for it. */
  turn(): Promise<void>;
}

/** Both clocks at one moment. */
export interface Moment {
  readonly now: EpochMs;
  readonly monotonic: DurationMs;
}

export function read(clock: Clock): Moment {
  return { now: clock.now(), monotonic: clock.monotonic() };
}

export const SECOND = 1_000 as DurationMs;
export const MINUTE = 60_000 as DurationMs;
export const HOUR = 3_600_000 as DurationMs;

/** Node's timers hold a signed 32-bit count of milliseconds; a longer one fires after 1 ms (nodejs.org, Timers). */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now() as EpochMs,
  monotonic: () => performance.now() as DurationMs,
  after(delay, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(delay, 0), LONGEST_TIMER_MS));
    return () => clearTimeout(timer);
  },
  turn: () => new Promise((resolve) => void setImmediate(resolve)),
};

export const systemRandom: Random = Math.random;

export function seconds(count: number): DurationMs {
  return (count * 1_000) as DurationMs;
}

export function plus(instant: EpochMs, length: DurationMs): EpochMs {
  return (instant + length) as EpochMs;
}

/** For libraries that take only a Date. */
export function dateOf(instant: EpochMs): Date {
  return new Date(instant);
}

/** RFC 3339 in UTC with whole seconds, as Kubernetes writes `metav1.Time`. Fractions are cut, never rounded up. */
export function formatRfc3339(instant: EpochMs): string {
  return `${new Date(instant).toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 in UTC with three digits of fraction. */
export function formatMilliseconds(instant: EpochMs): string {
  return new Date(instant).toISOString();
}

/** RFC 3339 in UTC with six digits of fraction, as Kubernetes writes `metav1.MicroTime`. */
export function formatMicroTime(instant: EpochMs): string {
  return `${new Date(instant).toISOString().slice(0, 23)}000Z`;
}

/** The instant an RFC 3339 text names, or undefined when it names none. */
export function parseRfc3339(text: string | undefined): EpochMs | undefined {
  if (text === undefined || !/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/.test(text))
    return undefined;
  const value = Date.parse(text);
  return Number.isNaN(value) ? undefined : (value as EpochMs);
}

/** Resolves after `delay`; resolves at once, without an error, when `signal` aborts. */
export function sleep(clock: Clock, delay: DurationMs, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(delay, done);
    signal.addEventListener('abort', done, { once: true });
  });
}

/**
 * Exponential backoff with full jitter: a random length in (0, first × 2^attempt], capped.
 *
 * @param attempt  0 for the first retry
 * @param first    upper bound of the first delay
 * @param cap      upper bound of every delay
 */
export function backoff(attempt: number, first: DurationMs, cap: DurationMs, random: Random): DurationMs {
  const bound = Math.min(cap, first * 2 ** Math.min(attempt, 30));
  return Math.max(1, Math.ceil(bound * random())) as DurationMs;
}
