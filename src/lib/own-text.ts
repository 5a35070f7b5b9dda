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
