// A weighted semaphore, in bytes or in numbers: work that needs more than what is free waits in order.
//
// Guarantees: work that takes longer than a second delays no other work, as long as the second room has space for it.

import { type Clock, type DurationMs, SECOND } from './time.ts';

export interface WeightedSemaphore {
  /**
   * Runs `work` when there is room for `size`, first come first served. Work larger than the whole room has it for
   * itself.
   *
   * @param work  moves to a second room once it has taken a second and as soon as that one has space, so that waiting
   *              work can begin. It is given a function that requests the move at once
   */
  run<Result>(size: number, work: (stepAside: StepAside) => Promise<Result>): Promise<Result>;
}

/** @returns false while the second room is full: other work waits for this one */
export type StepAside = () => boolean;

const SLOW = SECOND;
/** Of the room: work that needs no more is small. */
const SMALL = 1 / 16;

/**
 * Small work has a room of its own, of the same size. It never waits for large work, which may be slow, and a stream of
 * small work does not hold up large work. Each has a second room of the same size for what takes long.
 *
 * @param capacity  of each of the two, more than 0
 */
export function createSplitSemaphore(capacity: number, clock: Clock): WeightedSemaphore {
  const [small, large] = [
    createWeightedSemaphore(capacity, capacity, clock),
    createWeightedSemaphore(capacity, capacity, clock),
  ];
  return { run: (size, work) => (size <= capacity * SMALL ? small : large).run(size, work) };
}

/**
 * One room for all work, whatever its size.
 *
 * @param capacity  more than 0
 * @param aside     of the second room, for work that takes long
 */
export function createWeightedSemaphore(capacity: number, aside: number, clock: Clock): WeightedSemaphore {
  /** Those that are in the first room and have not taken a second, in order of their beginning. One timer does for all of them. */
  const quick = new Map<StepAside, DurationMs>();
  let cancelLook: (() => void) | undefined;
  const waiting: { readonly size: number; readonly enter: () => void }[] = [];
  /** Work to move as soon as the second room has space. */
  const overdue = new Set<StepAside>();
  let free = capacity;
  let freeAside = aside;

  const admit = (): void => {
    for (;;) {
      const [first] = waiting;
      if (!first || first.size > free) return;
      waiting.shift();
      free -= first.size;
      first.enter();
    }
  };

  const look = (): void => {
    cancelLook = undefined;
    for (const [stepAside, since] of quick) {
      const rest = since + SLOW - clock.monotonic();
      if (rest > 0) {
        cancelLook = clock.after(rest as DurationMs, look);
        return;
      }
      quick.delete(stepAside);
      stepAside();
    }
  };
  const leave = (stepAside: StepAside): void => {
    quick.delete(stepAside);
    if (quick.size > 0) return;
    cancelLook?.();
    cancelLook = undefined;
  };

  return {
    async run(wanted, work) {
      const size = Math.min(wanted, capacity);
      let isAside = false;
      const stepAside = (): boolean => {
        if (isAside) return true;
        quick.delete(stepAside);
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
        waiting.push({ size, enter });
        admit();
      });
      quick.set(stepAside, clock.monotonic());
      cancelLook ??= clock.after(SLOW, look);
      try {
        return await work(stepAside);
      } finally {
        leave(stepAside);
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
