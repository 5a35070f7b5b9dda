// Keys waiting for work, as client-go's workqueue has them: each queued once, never worked on twice at once, earliest
// deadline wins. Beyond that, namespaces take turns: one with thousands of ready keys does not delay one with a single
// key.

import { backoff, type Clock, type DurationMs, type EpochMs, MINUTE, type Random, seconds } from '../lib/time.ts';
import { createWeightedSemaphore } from '../lib/weighted-semaphore.ts';

/**
 * Does the work of one key. It handles its own errors: the queue reports a thrown one to `onBug`, and retries the key.
 */
export type Work = (key: string) => Promise<void>;

/**
 * Guarantees: a key added while it is being worked on is worked on once more afterwards. A key is never worked on twice
 * at once. A key added many times is worked on once. A ready key waits for at most one key of each other namespace, and
 * for those of its own namespace that were ready before it. Keys are `namespace/name`; any other key is a group of its
 * own.
 */
export interface Workqueue {
  /** Adds it for now. */
  add(key: string): void;
  /**
   * Adds it for an instant of the wall clock; an earlier waiting one stays. When that clock is set, every key comes at
   * once.
   */
  addAt(key: string, at: EpochMs): void;
  /** Adds it after a delay that grows with each call until `forget`. */
  retry(key: string): void;
  forget(key: string): void;
  /** Keys ready to be worked on. */
  readonly depth: number;
  /**
   * Works until `signal` aborts; resolves when the work in hand is done.
   *
   * @param workers  keys in work at once; of those that have not taken a second yet, 64
   */
  run(work: Work, workers: number, signal: AbortSignal): Promise<void>;
}

/** Is notified of what the queue does with keys; it must not throw. */
export interface WorkqueueObserver {
  /** A new queue, without keys, takes the place of the former one. */
  onCreated(): void;
  /** Every `add`, also of a key that waits already. */
  onAdd(key: string): void;
  /** Work on a key begins, or has ended. */
  onStart(key: string): void;
  onEnd(key: string): void;
  onRetry(key: string): void;
}

export interface WorkqueueOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly onBug: (key: string, error: unknown) => void;
  readonly observer?: WorkqueueObserver;
}

const FIRST_RETRY = 200 as DurationMs;
const LAST_RETRY = MINUTE;
/** The queue reads the wall clock this often, however far the next deadline is: the machine may have slept. */
const LONGEST_SLEEP = MINUTE;
/** A look goes through all deadlines: one tenant's, thousands a second, must not fill the processor with looks. */
const BETWEEN_LOOKS = 20 as DurationMs;
/** The wall clock moved against the monotonic one by more than this: it was set, or the machine slept. */
const JUMP = seconds(2);
/**
 * Work on thousands of keys that waits for no I/O would block everything else: probes, streams, timers. After this long
 * the event loop gets its turn; in a process without optimising compilers that is some thirty keys.
 */
const SLICE = 10 as DurationMs;
/**
 * Keys in work that have not taken a second: twice the requests in flight (kube/transport.ts), so that their line is
 * never empty. More would only wait there, each with all that it holds, and end together (docs/design/performance.md).
 */
const QUICK = 64;

// oxlint-disable-next-line max-lines-per-function -- its short parts move a key: ready, in work, to come again
export function createWorkqueue({ clock, random, onBug, observer }: WorkqueueOptions): Workqueue {
  const ready = createTurns();
  const working = new Set<string>();
  const again = new Set<string>();
  const attempts = new Map<string, number>();
  const idle: (() => void)[] = [];
  const slices = createSlices(clock);
  observer?.onCreated();

  const add = (key: string): void => {
    deadlines.delete(key);
    observer?.onAdd(key);
    if (working.has(key)) {
      again.add(key);
    } else if (ready.add(key)) {
      idle.shift()?.();
    }
  };

  const deadlines = createDeadlines(clock, add);

  const workOn = async (key: string, work: Work): Promise<void> => {
    working.add(key);
    observer?.onStart(key);
    try {
      await work(key);
    } catch (error) {
      onBug(key, error);
      retry(key);
    }
    working.delete(key);
    observer?.onEnd(key);
    if (again.delete(key)) add(key);
  };

  const retry = (key: string): void => {
    observer?.onRetry(key);
    const attempt = attempts.get(key) ?? 0;
    attempts.set(key, attempt + 1);
    deadlines.set(key, (clock.now() + backoff(attempt, FIRST_RETRY, LAST_RETRY, random)) as EpochMs);
  };

  const runWorker = async (workOnNext: () => Promise<void>, signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      if (ready.size === 0) await new Promise<void>((resolve) => void idle.push(resolve));
      else await workOnNext();
    }
  };

  return {
    add,
    addAt: (key, at) => deadlines.set(key, at),
    retry,
    forget: (key) => void attempts.delete(key),
    get depth() {
      return ready.size;
    },
    async run(work, workers, signal) {
      const stop = (): void => {
        deadlines.stop();
        for (const wake of idle.splice(0)) wake();
      };
      signal.addEventListener('abort', stop, { once: true });
      const quick = createWeightedSemaphore(Math.min(workers, QUICK), workers, clock);
      // The key is taken last: until then another namespace may have its turn.
      const workOnNext = (): Promise<void> =>
        quick.run(1, async () => {
          // Many were let in one after the other, and none has seen what the others took.
          while (slices.isOver()) await slices.next();
          const key = signal.aborted ? undefined : ready.take();
          if (key !== undefined) await workOn(key, work);
        });
      await Promise.all(Array.from({ length: workers }, () => runWorker(workOnNext, signal)));
      stop();
    },
  };
}

/** @param onDue  called with each key whose instant has come; it must delete the key */
function createDeadlines(clock: Clock, onDue: (key: string) => void) {
  const deadlines = new Map<string, EpochMs>();
  let cancelTimer: (() => void) | undefined;
  let timerAt = Number.POSITIVE_INFINITY;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let apart = clock.now() - clock.monotonic();

  const look = (): void => {
    const now = clock.now();
    const before = apart;
    apart = now - clock.monotonic();
    // Deadlines computed before no longer mean the same instants.
    const jumped = Math.abs(apart - before) > JUMP;
    lookedAt = clock.monotonic();
    let next = Number.POSITIVE_INFINITY;
    for (const [key, at] of deadlines) {
      if (jumped || at <= now) onDue(key);
      else next = Math.min(next, at);
    }
    timerAt = Number.POSITIVE_INFINITY;
    arm(next);
  };

  const arm = (at: number): void => {
    if (at >= timerAt) return;
    cancelTimer?.();
    timerAt = at;
    const rest = lookedAt + BETWEEN_LOOKS - clock.monotonic();
    cancelTimer = clock.after(Math.min(Math.max(0, rest, at - clock.now()), LONGEST_SLEEP) as DurationMs, look);
  };

  return {
    /** An earlier instant stays. */
    set(key: string, at: EpochMs): void {
      const earlier = deadlines.get(key);
      if (earlier !== undefined && earlier <= at) return;
      deadlines.set(key, at);
      arm(at);
    },
    delete: (key: string): void => void deadlines.delete(key),
    stop: (): void => cancelTimer?.(),
  };
}

/** A new slice begins with the next turn of the event loop. */
function createSlices(clock: Clock) {
  let began = clock.monotonic();
  let turn: Promise<void> | undefined;
  return {
    isOver: (): boolean => clock.monotonic() - began >= SLICE,
    next: (): Promise<void> => {
      turn ??= clock.turn().then(() => {
        turn = undefined;
        began = clock.monotonic();
      });
      return turn;
    },
  };
}

interface Turns {
  /** @returns false when it waits already */
  add(key: string): boolean;
  /** The next key: the oldest one of the namespace that has its turn. */
  take(): string | undefined;
  readonly size: number;
}

/** Each call takes constant time, however many keys wait: taken keys are deleted behind an iterator that goes on. */
function createTurns(): Turns {
  interface Group {
    readonly keys: Set<string>;
    readonly order: Iterator<string>;
  }
  /** Those that have keys, in order of their turns: one that had its turn goes to the end. */
  const groups = new Map<string, Group>();
  let turns = groups.entries();
  let size = 0;

  const nextGroup = (): readonly [string, Group] | undefined => {
    const { done, value } = turns.next();
    if (!done) return value;
    if (groups.size === 0) return undefined;
    // A finished iterator shows nothing more, not even what is added later.
    turns = groups.entries();
    return turns.next().value;
  };

  return {
    add(key) {
      const name = groupOf(key);
      let group = groups.get(name);
      if (group?.keys.has(key)) return false;
      if (!group) {
        const keys = new Set<string>();
        group = { keys, order: keys.values() };
        groups.set(name, group);
      }
      group.keys.add(key);
      size += 1;
      return true;
    },
    take() {
      const turn = nextGroup();
      if (!turn) return undefined;
      const [name, group] = turn;
      const key: string = group.order.next().value;
      group.keys.delete(key);
      groups.delete(name);
      if (group.keys.size > 0) groups.set(name, group);
      size -= 1;
      return key;
    },
    get size() {
      return size;
    },
  };
}

/** The namespace of a key; a key of the cluster kind is its own group. */
function groupOf(key: string): string {
  const end = key.indexOf('/');
  return end > 0 ? key.slice(0, end) : key;
}
