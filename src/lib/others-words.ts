// What a message may repeat of what another program says.

import { ownText, startOf } from './own-text.ts';
import { redact } from './redact.ts';

/**
 * @param text  of any length
 * @param most  UTF-16 units of the result
 * @returns the start of the text, without keys and tokens
 */
export function othersWords(text: string, most: number): string {
  // Cut last: half a key has no shape to know it by.
  return ownText(redact(startOf(text)).slice(0, most));
}
