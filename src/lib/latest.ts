// Maps that remember the latest of what users choose, so that it does not fill the memory.

/** Makes `key` the latest of `map`, which forgets its oldest keys beyond `most`. */
export function setLatest<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, most: number): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= most) return;
    map.delete(oldest);
  }
}
