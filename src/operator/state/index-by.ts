// Index of values by a text that many of them may share. A text without values takes no memory, and one value no set
// of its own: most texts have one (docs/design/performance.md).

export interface IndexBy<Value extends string> {
  add(at: string, value: Value): void;
  /** An absent value is no error. */
  remove(at: string, value: Value): void;
  /** In order of insertion; empty when there is none. */
  get(at: string): Iterable<Value>;
}

export function createIndexBy<Value extends string>(): IndexBy<Value> {
  const index = new Map<string, Value | Set<Value>>();
  return {
    add(at, value) {
      const held = index.get(at);
      if (held instanceof Set) held.add(value);
      else index.set(at, held === undefined || held === value ? value : new Set([held, value]));
    },
    remove(at, value) {
      const held = index.get(at);
      if (held === value) index.delete(at);
      if (!(held instanceof Set)) return;
      held.delete(value);
      // Thousands of values change one by one: none of them is looked at but the last.
      if (held.size === 1) for (const only of held) index.set(at, only);
    },
    get(at) {
      const held = index.get(at);
      if (held === undefined) return [];
      return held instanceof Set ? held : [held];
    },
  };
}
