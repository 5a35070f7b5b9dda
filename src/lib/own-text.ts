// Copies of parts of longer texts.

/**
 * A copy that does not keep the text it was cut from in memory. V8 makes `slice`, `trim` and the groups of a match a
 * view of their whole parent (from 13 characters on), which lives as long: twenty characters of a Secret may hold a
 * megabyte.
 */
export function ownText(text: string): string {
  // Lone surrogates, which UTF-8 cannot hold, become U+FFFD.
  return Buffer.from(text, 'utf8').toString('utf8');
}

/** UTF-16 units of a text of others that are looked through for keys: each pattern walks them. */
const LONGEST_READ = 5_000;

/**
 * The start of a text of any length, to be redacted and cut further.
 *
 * @returns at most 5,000 UTF-16 units, that end between two words where the text is longer: half a key has no shape to
 *          know it by. Empty when its first word is longer
 */
export function startOf(text: string): string {
  if (text.length <= LONGEST_READ) return text;
  return text.slice(0, LONGEST_READ + 1).replace(/(?:^|\s)\S*$/, '');
}
