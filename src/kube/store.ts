// The last seen state of one kind of object. A reflector writes it, and so do the operator's own writes; all parts read
// it.

import { isDeepStrictEqual } from 'node:util';
import type { ObjectKey } from '../api/meta.ts';

export interface Stored {
  readonly resourceVersion: string;
}

/** The reading half. */
export interface StoreReader<Item extends Stored> {
  get(key: ObjectKey): Item | undefined;
  entries(): IterableIterator<[ObjectKey, Item]>;
  readonly size: number;
  /** Whether the held object is the answer to a write whose result the watch has yet to show. */
  isUnseen(key: ObjectKey): boolean;
}

/** One change; `before` is undefined for a new object, `after` for a deleted one. */
export interface Change<Item> {
  readonly key: ObjectKey;
  readonly before: Item | undefined;
  readonly after: Item | undefined;
  /** It is what a write of the operator made, not news. */
  readonly own: boolean;
}

export type ChangeListener<Item> = (change: Change<Item>) => void;

/** Takes note of answers; only a reflector brings news. */
export interface StoreWriter<Item extends Stored> {
  /**
   * The answer to one of the operator's own writes, or to a read of the object itself. Ignored when the watch has
   * passed it: a later event may have deleted the object. The watch event of that write then brings nothing new, and is
   * no change, unless it shows another object than expected here.
   */
  wrote(key: ObjectKey, after: Item): void;
  /**
   * The operator is about to write this object. The watch may show the write before its answer is here: an event of
   * what `isExpected` accepts is then no news either.
   *
   * @returns ends that
   */
  expect(key: ObjectKey, isExpected: (item: Item) => boolean): () => void;
  /** More of the held object, in the same version; ignored when another version is held by now. */
  complete(key: ObjectKey, after: Item): void;
}

/** The half that a reflector fills. */
export interface Store<Item extends Stored> extends StoreReader<Item>, StoreWriter<Item> {
  /**
   * The whole collection as of `version`: an object missing in `items` is gone, unless the operator wrote it after that
   * version. A list older than the watch's version comes from an API server that was set back: then only the list
   * counts.
   */
  replace(items: ReadonlyMap<ObjectKey, Item>, version: string): void;
  /** One event of the watch; `after` undefined is a deletion. */
  apply(key: ObjectKey, after: Item | undefined, version: string): void;
  /** The watch has reached `version`. */
  reach(version: string): void;
}

/**
 * Compares two resource versions, which are decimal numbers of any length (KEP-5647).
 *
 * @returns whether `one` is newer than `other`; false when either is no number: then only a watch event is believed
 */
export function isNewer(one: string, other: string): boolean {
  if (!/^\d+$/.test(one) || !/^\d+$/.test(other)) return false;
  return BigInt(one) > BigInt(other);
}

export function createStore<Item extends Stored>(onChange: ChangeListener<Item>): Store<Item> {
  const items = new Map<ObjectKey, Item>();
  const expected = new Map<ObjectKey, (item: Item) => boolean>();
  let reached = '0';

  const put = (key: ObjectKey, after: Item | undefined, own = false): void => {
    const before = items.get(key);
    if (before?.resourceVersion === after?.resourceVersion && isDeepStrictEqual(before, after)) return;
    if (after) items.set(key, after);
    else items.delete(key);
    onChange({ key, before, after, own });
  };

  return {
    get: (key) => items.get(key),
    entries: () => items.entries(),
    get size() {
      return items.size;
    },
    isUnseen: (key) => isNewer(items.get(key)?.resourceVersion ?? '', reached),
    replace(next, version) {
      const wasSetBack = isNewer(reached, version);
      reached = version;
      for (const [key, item] of items)
        if (!next.has(key) && (wasSetBack || !isNewer(item.resourceVersion, version))) put(key, undefined);
      for (const [key, item] of next) {
        const held = items.get(key);
        if (wasSetBack || !held || !isNewer(held.resourceVersion, item.resourceVersion)) put(key, item);
      }
    },
    apply(key, after, version) {
      reached = version;
      const held = items.get(key);
      // An event from before the operator's own write brings nothing new: that write's event follows.
      if (held && isNewer(held.resourceVersion, version)) return;
      put(key, after, after !== undefined && expected.get(key)?.(after) === true);
    },
    reach(version) {
      reached = version;
    },
    wrote(key, after) {
      const held = items.get(key);
      // Answers to two writes may come in either order.
      if (held && isNewer(held.resourceVersion, after.resourceVersion)) return;
      if (isNewer(after.resourceVersion, reached)) put(key, after, true);
    },
    expect(key, isExpected) {
      expected.set(key, isExpected);
      return () => {
        if (expected.get(key) === isExpected) expected.delete(key);
      };
    },
    complete(key, after) {
      if (items.get(key)?.resourceVersion === after.resourceVersion) put(key, after);
    },
  };
}
