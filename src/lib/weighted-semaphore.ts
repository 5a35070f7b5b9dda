// A weighted semaphore, in bytes or in numbers: work whose weight exceeds the free permits waits in order.
//
// Guarantees: work that takes longer than a second delays no other work, as long as the second set has permits for it.

import { type Clock, type DurationMs, SECOND } from './time.ts';

export interface WeightedSemaphore {
  /**
   * Runs `work` while it holds `size` permits, first come first served. Work heavier than all permits takes all of
   * them.
   *
   * @param work  moves to the second set of permits once it has taken a second and as soon as that set has enough, so
   *              that waiting work can begin. It gets a function that requests the move at once
   * @param canWait  it begins when no other work waits, or once 32 others have begun before it
   */
  run<Result>(size: number, work: (stepAside: StepAside) => Promise<Result>, canWait?: boolean): Promise<Result>;
}

/** @returns false while the second set has too few permits: other work waits for this one */
export type StepAside = () => boolean;

interface Waiting {
  readonly size: number;
  readonly enter: () => void;
}

/** One tenant who keeps all permits busy must not keep patient work of others waiting for ever. */
const OTHERS_FIRST = 32;
const SLOW = SECOND;
/** Share of the permits: work of at most this weight is small. */
const SMALL = 1 / 16;

/**
 * Small work has permits of its own, as many as large work has. It never waits for large work, which may be slow, and a
 * stream of small work does not delay large work. Each has a second set of the same size for work that takes longer
 * than a second.
 *
 * @param capacity  permits of each of the two, more than 0
 */
export function createSplitSemaphore(capacity: number, clock: Clock): WeightedSemaphore {
  const [small, large] = [
    createWeightedSemaphore(capacity, capacity, clock),
    createWeightedSemaphore(capacity, capacity, clock),
  ];
  return { run: (size, ...work) => (size <= capacity * SMALL ? small : large).run(size, ...work) };
}

/**
 * One set of permits for all work, whatever its weight.
 *
 * @param capacity  number of permits, more than 0
 * @param aside     number of permits in the second set, for work that takes longer than a second
 */
export function createWeightedSemaphore(capacity: number, aside: number, clock: Clock): WeightedSemaphore {
  const quick = createQuickWork(clock);
  const [waiting, patient]: [Waiting[], Waiting[]] = [[], []];
  /** Work to move as soon as the second set has enough permits. */
  const overdue = new Set<StepAside>();
  let free = capacity;
  let freeAside = aside;
  /** Work that began while patient work waited. */
  let before = 0;

  const admit = (): void => {
    for (;;) {
      const isTheirTurn = waiting.length === 0 || (patient.length > 0 && before >= OTHERS_FIRST);
      const line = isTheirTurn ? patient : waiting;
      const [first] = line;
      if (!first || first.size > free) return;
      line.shift();
      before = isTheirTurn || patient.length === 0 ? 0 : before + 1;
      free -= first.size;
      first.enter();
    }
  };

  return {
    async run(wanted, work, canWait = false) {
      const size = Math.min(wanted, capacity);
      let isAside = false;
      const stepAside = (): boolean => {
        if (isAside) return true;
        quick.leave(stepAside);
        overdue.add(stepAside);
        if (freeAside < size) return false;
        overdue.delete(stepAside);
        isAside = true;
        freeAside -= size;
        free += size;
        admit();
        return true;
      };
      await new Promise<void>((enter) => {
        (canWait ? patient : waiting).push({ size, enter });
        admit();
      });
      quick.enter(stepAside);
      try {
        return await work(stepAside);
      } finally {
        quick.leave(stepAside);
        overdue.delete(stepAside);
        if (isAside) {
          freeAside += size;
          for (const next of overdue) next();
        } else {
          free += size;
          admit();
        }
        isAside = true;
      }
    },
  };
}

/**
 * Work with permits of the first set that has not taken a second, in order of its beginning: then it steps aside. One
 * timer serves all of it.
 */
function createQuickWork(clock: Clock): Readonly<Record<'enter' | 'leave', (stepAside: StepAside) => void>> {
  const begun = new Map<StepAside, DurationMs>();
  let cancelLook: (() => void) | undefined;

  const look = (): void => {
    cancelLook = undefined;
    for (const [stepAside, since] of begun) {
      const rest = since + SLOW - clock.monotonic();
      if (rest > 0) {
        cancelLook = clock.after(rest as DurationMs, look);
        return;
      }
      stepAside();
    }
  };

  return {
    enter(stepAside) {
      begun.set(stepAside, clock.monotonic());
      cancelLook ??= clock.after(SLOW, look);
    },
    leave(stepAside) {
      begun.delete(stepAside);
      if (begun.size > 0) return;
      cancelLook?.();
      cancelLook = undefined;
    },
  };
}
