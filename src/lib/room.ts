// A bound on what is held in memory at once, in bytes: work that needs more than what is free waits for its turn.

export interface Room {
  /** Runs `work` when there is room for `bytes`, in order of asking. What is larger than the whole room has it for itself. */
  within<Result>(bytes: number, work: () => Promise<Result>): Promise<Result>;
}

/** @param capacity  bytes, more than 0 */
export function createRoom(capacity: number): Room {
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
