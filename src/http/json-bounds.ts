// The cost of parsing a JSON text, before parsing it: 3 MiB of `[` or of `{},` take a hundred megabytes as values.

/** Bounds of a text that is worth parsing. */
export interface JsonBounds {
  /** Nesting of objects and lists. */
  readonly depth: number;
  /** Values in all, names of fields not counted. */
  readonly values: number;
}

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Counts the values of a text within the bounds. Whether it is JSON at all only the parser decides.
 *
 * @param bytes  UTF-8: no byte of a longer character looks like one of JSON's own
 * @returns undefined when it exceeds the bounds
 */
export function countValues(bytes: Uint8Array, { depth, values }: JsonBounds): number | undefined {
  let open = 0;
  let seen = 1;
  for (let at = 0; at < bytes.length; at += 1) {
    switch (bytes[at]) {
      case QUOTE:
        at = endOfText(bytes, at);
        break;
      case OPEN_LIST:
      case OPEN_OBJECT:
        open += 1;
        seen += 1;
        if (open > depth) return undefined;
        break;
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        open -= 1;
        break;
      case COMMA:
        seen += 1;
        break;
      default:
    }
    if (seen > values) return undefined;
  }
  return seen;
}

/** Index of the quote that ends the text starting at `start`, or the end of `bytes`. */
function endOfText(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at;
}
