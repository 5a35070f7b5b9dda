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
 * @param most  UTF-16 units of the result
 * @returns the start, without the piece of base64 that the bound cuts: half a key has no shape to know it by. Empty
 *          when there is nothing else
 */
export function startOf(text: string, most = LONGEST_READ): string {
  if (text.length <= most) return text;
  return text
    .slice(0, most + 1)
    .replace(/[A-Za-z0-9+/=_%-]*$/, '')
    .slice(0, most);
}
