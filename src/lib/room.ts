// A bound on what is held in memory at once, in bytes: work that needs more than what is free waits for its turn.

export interface Room {
  /** Runs `work` when there is room for `bytes`, in order of asking. What is larger than the whole room has it for itself. */
  within<Result>(bytes: number, work: () => Promise<Result>): Promise<Result>;
}

/** Of the room: what needs no more is small. */
const SMALL = 1 / 16;

/**
 * What is small has a room of its own, of the same size: it never waits for what is large, which may be slow, and what is large
 * is not held up by what is small and goes on coming.
 *
 * @param capacity  bytes of each of the two, more than 0
 */
export function createRoom(capacity: number): Room {
  const [small, large] = [createHall(capacity), createHall(capacity)];
  return { within: (bytes, work) => (bytes <= capacity * SMALL ? small : large).within(bytes, work) };
}

function createHall(capacity: number): Room {
  const waiting: { readonly bytes: number; readonly enter: () => void }[] = [];
  let free = capacity;

  const admit = (): void => {
    for (;;) {
      const [first] = waiting;
      if (!first || first.bytes > free) return;
      waiting.shift();
      free -= first.bytes;
      first.enter();
    }
  };

  return {
    async within(wanted, work) {
      const bytes = Math.min(wanted, capacity);
      await new Promise<void>((enter) => {
        waiting.push({ bytes, enter });
        admit();
      });
      try {
        return await work();
      } finally {
        free += bytes;
        admit();
      }
    },
  };
}
