// Digests: they compare two values without keeping, or showing, either.

import { hash } from 'node:crypto';

/** Hexadecimal digits of the SHA-256 that are kept: 128 bits, beyond collisions by chance or by work. */
const DIGITS = 32;

/**
 * Digest of a sequence of texts.
 *
 * The parts are length-prefixed, so that ("ab", "c") and ("a", "bc") differ.
 *
 * @returns `sha256:` and 32 hexadecimal digits
 */
export function digest(...parts: readonly string[]): string {
  // One call for all parts: a call into the library costs more than hashing a part.
  const text = parts.map((part) => `${Buffer.byteLength(part)}:${part}`).join('');
  return `sha256:${hash('sha256', text, 'buffer').toString('hex', 0, DIGITS / 2)}`;
}
