// A bound on what is in hand at once, in bytes or in numbers: work that needs more than what is free waits for its turn.

export interface Room {
  /**
   * Runs `work` when there is room for `size`, in order of asking. What is larger than the whole room has it for itself.
   *
   * @param work  given a function by which it says that it takes long: it then goes on apart, in a second room, as far as
   *              there is room in that one, and what waits has its turn
   */
  within<Result>(size: number, work: (stepAside: StepAside) => Promise<Result>): Promise<Result>;
}

/** @returns false when there is no room apart yet: others wait for this one */
export type StepAside = () => boolean;

/** Of the room: what needs no more is small. */
const SMALL = 1 / 16;

/**
 * What is small has a room of its own, of the same size: it never waits for what is large, which may be slow, and what is large
 * is not held up by what is small and goes on coming. What steps aside has a second one of the same size as well.
 *
 * @param capacity  of each of the two, more than 0
 */
export function createRoom(capacity: number): Room {
  const [small, large] = [createHall(capacity, capacity), createHall(capacity, capacity)];
  return { within: (size, work) => (size <= capacity * SMALL ? small : large).within(size, work) };
}

/**
 * One room for all, whatever their size.
 *
 * @param capacity  more than 0
 * @param aside     of the second room, for those who say that they take long
 */
export function createHall(capacity: number, aside: number): Room {
  const waiting: { readonly size: number; readonly enter: () => void }[] = [];
  /** Who would step aside as soon as there is room. */
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

  return {
    async within(wanted, work) {
      const size = Math.min(wanted, capacity);
      let isAside = false;
      const stepAside = (): boolean => {
        if (isAside) return true;
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
      try {
        return await work(stepAside);
      } finally {
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
