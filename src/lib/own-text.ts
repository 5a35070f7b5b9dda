// Texts that are kept of longer ones.

/**
 * A copy that keeps nothing of the text that it was cut from. V8 makes `slice`, `trim` and the groups of a match a view of their whole
 * parent (from 13 characters on), which stays in memory as long as they do: twenty characters of a Secret may hold a megabyte.
 */
export function ownText(text: string): string {
  // Lone surrogates, which UTF-8 cannot hold, become U+FFFD.
  return Buffer.from(text, 'utf8').toString('utf8');
}
