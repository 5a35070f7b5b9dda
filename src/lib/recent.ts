// Values made on demand and kept by key, as many as a bound allows: the one that was used longest ago goes first.

/**
 * @param most    values that are kept, at least one
 * @param create  makes the value of a key that is not kept, or no longer
 */
export function createRecent<Value>(most: number, create: () => Value): (key: string) => Value {
  const kept = new Map<string, Value>();
  return (key) => {
    const value = kept.get(key) ?? create();
    // A map is in order of insertion: the key moves to its end.
    kept.delete(key);
    kept.set(key, value);
    const [oldest] = kept.keys();
    if (kept.size > most && oldest !== undefined) kept.delete(oldest);
    return value;
  };
}
