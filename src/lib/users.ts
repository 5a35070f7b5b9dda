// Reference counts: a key that nobody uses is freed, one in use never is.

export interface Users<Key extends string> {
  /** The keys that `user` uses from now on, and no others; none: the user is gone. */
  keep(user: string, keys: readonly Key[]): void;
  /** Whether any user uses it. */
  has(key: Key): boolean;
}

/** @param onUnused  called with a key whose last user has left it */
export function createUsers<Key extends string>(onUnused: (key: Key) => void): Users<Key> {
  const counts = new Map<Key, number>();
  const byUser = new Map<string, readonly Key[]>();

  const leave = (key: Key): void => {
    const count = (counts.get(key) ?? 0) - 1;
    if (count > 0) {
      counts.set(key, count);
      return;
    }
    counts.delete(key);
    onUnused(key);
  };

  return {
    keep(user, keys) {
      const before = byUser.get(user) ?? [];
      if (before.length === keys.length && before.every((key, index) => key === keys[index])) return;
      const kept = [...new Set(keys)];
      // Kept keys are counted before the others are dropped: a key in both lists must not be freed in between.
      for (const key of kept) counts.set(key, (counts.get(key) ?? 0) + 1);
      if (kept.length === 0) byUser.delete(user);
      else byUser.set(user, kept);
      for (const key of before) leave(key);
    },
    has: (key) => counts.has(key),
  };
}
