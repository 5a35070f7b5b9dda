// Hides what one call was made with from whatever comes back: by value, since AWS repeats what it was sent in words of its own.
// `redact` knows shapes and stays the second line.

/** What stands in place of what was hidden; as `redact` writes it. */
const MASK = '[redacted]';
/**
 * Characters in a row of a secret that are hidden wherever they stand. Of a secret access key (240 random bits) that leaves 66 at
 * most to whoever sees what stands beside them, and no word of an answer has as many in common with one by chance.
 */
const RUN = 12;
/** How deep a chain of causes is followed. */
const CAUSES = 8;

/** Replaces what is to be hidden. */
export type Mask = (text: string) => string;

/**
 * A mask for the texts that a call was made with: each plain, as base64 (also inside of a longer text) and as a URL encodes it, and any
 * twelve characters of any of these in a row.
 *
 * @param secrets  undefined and what is shorter than twelve characters is no secret that could be told from words
 */
export function createMask(secrets: readonly (string | undefined)[]): Mask {
  const forms = new Set(secrets.flatMap((secret) => (secret === undefined ? [] : formsOf(secret))));
  if (forms.size === 0) return (text) => text;
  return (text) => {
    // Whoever writes the answer writes its length too: what is compared with is made once a text, and only when it may matter.
    if (text.length < RUN) return text;
    const runs = runsOf(text);
    const hits = new Uint8Array(text.length);
    for (const form of forms) {
      for (let at = 0; at + RUN <= form.length; at += 1) {
        for (const place of runs.get(form.slice(at, at + RUN)) ?? []) hits.fill(1, place, place + RUN);
      }
    }
    return withoutHits(text, hits);
  };
}

/** A text in the forms in which it may come back. */
function formsOf(secret: string): readonly string[] {
  const encoded = encodeURIComponent(secret);
  const bytes = Buffer.from(secret);
  // Inside of a longer text base64 begins at any of three places of a group; the groups at its ends belong to the neighbours too.
  const shifted = [0, 1, 2].map((shift) => Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64'));
  const inner = shifted.map((text, shift) => text.slice(shift === 0 ? 0 : 4).replace(/.{0,2}=+$/, ''));
  const url = inner.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'));
  const lower = encoded.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
  return [secret, encoded, lower, ...inner, ...inner.map(encodeURIComponent), ...url].filter(
    (form) => form.length >= RUN,
  );
}

/** Where each run of twelve characters of a text begins. */
function runsOf(text: string): ReadonlyMap<string, readonly number[]> {
  const runs = new Map<string, number[]>();
  for (let at = 0; at + RUN <= text.length; at += 1) {
    const run = text.slice(at, at + RUN);
    const places = runs.get(run);
    if (places) places.push(at);
    else runs.set(run, [at]);
  }
  return runs;
}

function withoutHits(text: string, hits: Uint8Array): string {
  let result = '';
  let from = 0;
  while (from < text.length) {
    const begin = hits.indexOf(1, from);
    if (begin === -1) break;
    const end = hits.indexOf(0, begin);
    result += text.slice(from, begin) + MASK;
    from = end === -1 ? text.length : end;
  }
  return result + text.slice(from);
}

/** Longest text of an error that is kept: beyond it nobody reads, and masking costs time for each character. */
const LONGEST_TEXT = 16 * 1024;

/**
 * Hides in an error, and in what it was caused by, what `mask` hides: in place, before anybody else has seen it. Name, message, stack and
 * code of each are cut to 16 KiB; nothing else of an error is ever read here.
 */
export function maskError(thrown: unknown, mask: Mask, depth = 0): void {
  if (!(thrown instanceof Error) || depth > CAUSES) return;
  for (const field of ['name', 'message', 'stack', 'code'] as const) {
    const text: unknown = Reflect.get(thrown, field);
    if (typeof text !== 'string') continue;
    const masked = mask(text.slice(0, LONGEST_TEXT));
    if (masked !== text)
      Object.defineProperty(thrown, field, { value: masked, configurable: true, writable: true, enumerable: false });
  }
  maskError(thrown.cause, mask, depth + 1);
  if (thrown instanceof AggregateError)
    for (const one of thrown.errors.slice(0, CAUSES)) maskError(one, mask, depth + 1);
}
