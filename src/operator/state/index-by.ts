// Index of values by a text that many of them may share. A text without values takes no memory.

export interface IndexBy<Value> {
  add(at: string, value: Value): void;
  /** An absent value is no error. */
  remove(at: string, value: Value): void;
  /** In order of insertion; empty when there is none. */
  get(at: string): Iterable<Value>;
}

export function createIndexBy<Value>(): IndexBy<Value> {
  const index = new Map<string, Set<Value>>();
  return {
    add(at, value) {
      const values = index.get(at) ?? new Set();
      index.set(at, values.add(value));
    },
    remove(at, value) {
      const values = index.get(at);
      values?.delete(value);
      if (values?.size === 0) index.delete(at);
    },
    get: (at) => index.get(at) ?? [],
  };
}
