// One store that several reflectors fill, each a namespace of it.

import { type ObjectKey, splitKey } from '../api/meta.ts';
import {
  type ChangeListener,
  createStore,
  type Store,
  type Stored,
  type StoreReader,
  type StoreWriter,
} from './store.ts';

/** A part of the collection, with a version of its own. */
export interface StorePart<Item extends Stored> {
  /** Undefined: the part is the whole. */
  readonly namespace: string | undefined;
  readonly store: Store<Item>;
}

export interface PartedStore<Item extends Stored> extends StoreReader<Item>, StoreWriter<Item> {
  readonly parts: readonly StorePart<Item>[];
}

/** @param namespaces  one part for each, and nothing else is ever held; undefined: one part is the whole */
export function createPartedStore<Item extends Stored>(
  namespaces: readonly string[] | undefined,
  onChange: ChangeListener<Item>,
): PartedStore<Item> {
  if (!namespaces) {
    const store = createStore(onChange);
    return Object.assign(store, { parts: [{ namespace: undefined, store }] });
  }
  const byNamespace = new Map(namespaces.map((namespace) => [namespace, createStore(onChange)]));
  const of = (key: ObjectKey): Store<Item> | undefined => byNamespace.get(splitKey(key).namespace ?? '');
  return {
    parts: [...byNamespace].map(([namespace, store]) => ({ namespace, store })),
    get: (key) => of(key)?.get(key),
    *entries() {
      for (const store of byNamespace.values()) yield* store.entries();
    },
    get size() {
      return [...byNamespace.values()].reduce((sum, { size }) => sum + size, 0);
    },
    isUnseen: (key) => of(key)?.isUnseen(key) ?? false,
    wrote: (key, after) => of(key)?.wrote(key, after),
    expect: (key, isExpected) => of(key)?.expect(key, isExpected) ?? (() => {}),
    complete: (key, after) => of(key)?.complete(key, after),
  };
}
