// Masks the secrets of one call in whatever comes back: by value, since AWS repeats its input in its own words.
// `redact` knows shapes and stays the second line of defence.

import { ownText, startOf } from './own-text.ts';

/** Replaces what is masked; the same as in `redact`. */
const MASK = '[redacted]';
/**
 * Length from which a piece of a secret is masked anywhere. Of a secret access key (240 random bits) a reader learns at
 * most 66 bits, and no word of an answer has this much in common with one by chance.
 */
const RUN = 12;
/** The depth to which a chain of causes is followed. */
const CAUSES = 8;

/** Replaces the secrets in a text. */
export type Mask = (text: string) => string;

/**
 * A mask for the texts that a call was made with: plain, as base64 (also inside a longer text) and as a URL encodes
 * them, and for any twelve consecutive characters of these.
 *
 * @param secrets  undefined, and texts shorter than twelve characters, are skipped: they are indistinguishable from
 *                 words
 * @param written  texts of the same call that its user wrote and AWS repeats, such as the name of a role. They stay
 *                 unmasked: a mask in them would confirm a user's guess at a piece of a secret
 */
export function createMask(
  secrets: readonly (string | undefined)[],
  written: readonly (string | undefined)[] = [],
): Mask {
  const forms = new Set(secrets.flatMap((secret) => (secret === undefined ? [] : formsOf(secret))));
  if (forms.size === 0) return (text) => text;
  const known = new Set(written.flatMap((text) => [...runsOf(text ?? '').keys()]));
  return (text) => {
    if (text.length < RUN) return text;
    const runs = runsOf(text);
    const hits = new Uint8Array(text.length);
    for (const form of forms) {
      for (let at = 0; at + RUN <= form.length; at += 1) {
        const run = form.slice(at, at + RUN);
        const places = runs.get(run);
        if (places && !known.has(run)) for (const place of places) hits.fill(1, place, place + RUN);
      }
    }
    return withoutHits(text, hits);
  };
}

/** The forms in which AWS may repeat a text. */
function formsOf(secret: string): readonly string[] {
  const encoded = encodeURIComponent(secret);
  const bytes = Buffer.from(secret);
  // Inside a longer text base64 begins at any of the three offsets of a group; its end groups are shared with
  // neighbours.
  const shifted = [0, 1, 2].map((shift) => Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64'));
  const inner = shifted.map((text, shift) => text.slice(shift === 0 ? 0 : 4).replace(/.{0,2}=+$/, ''));
  const url = inner.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'));
  const lower = encoded.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
  return [secret, encoded, lower, ...inner, ...inner.map(encodeURIComponent), ...url].filter(
    (form) => form.length >= RUN,
  );
}

/** The offsets of each run of twelve characters in a text. */
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

/** Longest text of an error that is kept: nobody reads further, and masking costs time for each character. */
const LONGEST_TEXT = 2_000;
/** Separates texts that are masked together; it is in none of them, and no part of any secret. */
const BETWEEN = '\u0000\u0001';

interface Field {
  readonly error: Error;
  readonly name: 'name' | 'message' | 'stack' | 'code';
  readonly text: string;
}

/**
 * Applies `mask` to an error and its causes in place, before anything else reads them. Name, message, stack and code of
 * each are cut to 2,000 characters; no other property of an error is ever read here.
 */
export function maskError(thrown: unknown, mask: Mask): void {
  const fields = fieldsOf(thrown);
  // All at once: a mask walks its secrets once per call.
  const masked = mask(fields.map(({ text }) => text).join(BETWEEN)).split(BETWEEN);
  for (const [index, { error, name }] of fields.entries()) {
    const value = ownText(masked[index] ?? '');
    Object.defineProperty(error, name, { value, configurable: true, writable: true, enumerable: false });
  }
}

function fieldsOf(thrown: unknown, depth = 0): readonly Field[] {
  if (!(thrown instanceof Error) || depth > CAUSES) return [];
  const own = (['name', 'message', 'stack', 'code'] as const).flatMap((name) => {
    const text: unknown = Reflect.get(thrown, name);
    if (typeof text !== 'string') return [];
    return [{ error: thrown, name, text: startOf(text, LONGEST_TEXT).replaceAll(BETWEEN, ' ') }];
  });
  const aside = thrown instanceof AggregateError ? thrown.errors.slice(0, CAUSES) : [];
  return [...own, ...[thrown.cause, ...aside].flatMap((one) => fieldsOf(one, depth + 1))];
}
