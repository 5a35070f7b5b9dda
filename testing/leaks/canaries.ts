// Knows every secret of a suite and finds it in any text, whole or in part, in the forms in which secrets leak.
// What it reports must never hold the secret itself.

/**
 * `id`: access key id. `key`: secret access key or session token. `token`: of a registry. `bearer`: of the API server.
 */
export type CanarySort = 'id' | 'key' | 'token' | 'bearer';

export interface Canaries {
  /** Adds a secret; one shorter than 16 characters is ignored: it would match by chance. */
  add(sort: CanarySort, secret: string): void;
  /**
   * @param allowed  sorts that this text may hold
   * @returns words for the first secret in `text`; undefined when there is none
   */
  find(text: string, allowed?: readonly CanarySort[]): string | undefined;
  /** Number of secrets. */
  readonly size: number;
}

/** Characters that are compared at once. Random text of this length does not occur twice. */
const WINDOW = 16;
/** Up to this length every part of a secret is searched for; of a longer one, parts of 31 characters and more. */
const SHORT = 128;
/** The characters in forms of secrets: base64, also as in URLs, and its encodings in URLs and in JSON. */
const RUN = new RegExp(`[A-Za-z0-9+/=_%\\\\-]{${WINDOW},}`, 'g');

export function createCanaries(): Canaries {
  const known = new Set<string>();
  const parts = new Map<string, { readonly sort: CanarySort; readonly words: string }>();
  return {
    get size() {
      return known.size;
    },
    add(sort, secret) {
      if (secret.length < WINDOW || known.has(secret)) return;
      known.add(secret);
      for (const form of formsOf(secret)) {
        const stride = form.length <= SHORT ? 1 : WINDOW;
        for (let at = 0; at + WINDOW <= form.length; at += stride) {
          parts.set(form.slice(at, at + WINDOW), { sort, words: `${sort} ${secret.slice(0, 4)}…` });
        }
      }
    },
    find(text, allowed = []) {
      for (const [run] of text.matchAll(RUN)) {
        for (let at = 0; at + WINDOW <= run.length; at += 1) {
          const part = parts.get(run.slice(at, at + WINDOW));
          if (part && !allowed.includes(part.sort)) return part.words;
        }
      }
      return undefined;
    },
  };
}

/**
 * A secret as it is, and its forms in base64 (at each of the three offsets), in a URL, and in JSON that escapes much.
 */
function formsOf(secret: string): ReadonlySet<string> {
  const encoded = [0, 1, 2].map((offset) => {
    const text = Buffer.from(' '.repeat(offset) + secret).toString('base64');
    // The edges depend on the neighbouring text.
    return text.slice(offset === 0 ? 0 : 4, -4);
  });
  const plain = [secret, ...encoded];
  return new Set([
    ...plain,
    ...plain.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
    ...plain.map(encodeURIComponent),
    ...plain.map((text) => text.replaceAll('/', '\\/')),
    ...plain.map((text) => text.replaceAll(/[+/=]/g, (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`)),
  ]);
}
