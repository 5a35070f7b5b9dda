// A stream of bytes -> lines, split at the line feed byte only, so that no character is ever cut in two.

/** One line without its line feed; one over the cap is reported by its beginning. */
export type Line = { readonly op: 'line'; readonly text: string } | { readonly op: 'tooLong'; readonly head: string };

const LINE_FEED = 0x0a;
/** Bytes of a line over the cap that are kept: enough for the metadata that Kubernetes writes first. */
const HEAD_BYTES = 4_096;

/**
 * @param chunks  any pieces of UTF-8 text
 * @param cap     most bytes of one line held
 * @returns the lines in order; without empty ones, and without a last line that lacks a line feed: it was cut off
 */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>, cap: number): AsyncIterable<Line> {
  let pieces: Uint8Array[] = [];
  let size = 0;
  let head: string | undefined;
  const flush = (): Line | undefined => {
    const line: Line =
      head === undefined ? { op: 'line', text: Buffer.concat(pieces).toString('utf8') } : { op: 'tooLong', head };
    const empty = head === undefined && size === 0;
    pieces = [];
    size = 0;
    head = undefined;
    return empty ? undefined : line;
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, start);
      const piece = chunk.subarray(start, end === -1 ? chunk.length : end);
      size += piece.length;
      if (head === undefined) {
        pieces.push(piece);
        if (size > cap) {
          head = Buffer.concat(pieces).subarray(0, Math.min(HEAD_BYTES, cap)).toString('utf8');
          pieces = [];
        }
      }
      if (end === -1) break;
      const line = flush();
      if (line) yield line;
      start = end + 1;
    }
  }
}
