// Digests: how two values are compared without keeping, or showing, either.

import { hash } from 'node:crypto';

/** How many hexadecimal digits of the SHA-256 are kept: 128 bits, which nobody collides by chance or by work. */
const DIGITS = 32;

/**
 * Digest of a sequence of texts.
 *
 * The parts are length-prefixed, so that ("ab", "c") and ("a", "bc") differ.
 *
 * @returns `sha256:` and 32 hexadecimal digits
 */
export function digest(...parts: readonly string[]): string {
  // One call for all: each one into the library costs more than what it digests.
  const text = parts.map((part) => `${Buffer.byteLength(part)}:${part}`).join('');
  return `sha256:${hash('sha256', text, 'buffer').toString('hex', 0, DIGITS / 2)}`;
}
