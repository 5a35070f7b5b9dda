// Readers for values of unknown shape (JSON from the network).

export type JsonRecord = Readonly<Record<string, unknown>>;

/** Undefined: it is not JSON. The parser's words are not kept: they may quote a Secret. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value as a record; an empty one when it is anything else. */
export function recordOf(value: unknown): JsonRecord {
  return isRecord(value) ? value : {};
}

export function stringOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** The value as a list; an empty one when it is anything else (`items: null` is how Kubernetes may say "none"). */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The texts in a list; other items are left out. */
export function stringsOf(value: unknown): readonly string[] {
  return listOf(value).filter((item): item is string => typeof item === 'string');
}

/** The entries of a record whose values are texts, as a Map, so that no user-chosen name is ever a property. */
export function stringMapOf(value: unknown): ReadonlyMap<string, string> {
  const result = new Map<string, string>();
  for (const [name, text] of Object.entries(recordOf(value))) if (typeof text === 'string') result.set(name, text);
  return result;
}

/**
 * Whether two JSON values are equal; the order of names in an object does not matter, and `undefined` equals absent.
 */
export function sameJson(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, index) => sameJson(item, other[index]));
  }
  if (!isRecord(one) || !isRecord(other)) return false;
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].every((name) => sameJson(own(one, name), own(other, name)));
}

/** JSON text that is equal for two values if, and only if, they are equal: for digests. */
export function canonicalJson(value: unknown): string {
  const sorted = (_name: string, part: unknown): unknown =>
    isRecord(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([one], [other]) => (one < other ? -1 : 1)))
      : part;
  return JSON.stringify(value, sorted);
}

function own(record: JsonRecord, name: string): unknown {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
