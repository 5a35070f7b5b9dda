// A failure in words for a person at a terminal, where there is no log that would have its causes.

import { failureFrom } from '../lib/errors.ts';
import { startOf } from '../lib/own-text.ts';
import { redact } from '../lib/redact.ts';

/** Longest text of a cause. */
const LONGEST_CAUSE = 300;
const MOST_CAUSES = 4;

/** Without keys, tokens of headers and passwords in URLs: servers and plugins choose some of the texts. */
export function masked(text: string): string {
  return (
    redact(text)
      .replaceAll(/(?<=\bbearer )\S+/gi, '[redacted]')
      // Not the words of "no basic auth credentials".
      .replaceAll(/(?<=\b[Bb]asic )(?=\S*[A-Z0-9=])\S{8,}/g, '[redacted]')
      // JSON web tokens (RFC 7519): what they begin with is the base64 of `{"`.
      .replaceAll(/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, '[redacted]')
      .replaceAll(/(?<=:\/\/)[^\s/@]+(?=@)/g, '[redacted]')
  );
}

/**
 * A failure with its causes.
 *
 * @param server  the API server that was asked, if it is known; it is named unless the message does
 */
export function failureWords(thrown: unknown, server: string | undefined): string {
  const { reason, message, cause } = failureFrom(thrown);
  const causes: string[] = [];
  for (let one: unknown = cause; one instanceof Error && causes.length < MOST_CAUSES; one = one.cause) {
    // Node's words about a value that is not there are a library's: they tell its reader nothing.
    const text = one instanceof TypeError ? '' : masked(startOf(one.message)).slice(0, LONGEST_CAUSE).trim();
    if (text !== '' && !causes.includes(text)) causes.push(text);
  }
  const where = server === undefined || message.includes(server) ? '' : ` (API server ${server})`;
  const what = reason === 'InternalError' ? 'a bug of this command; please report it' : message;
  return [`${what}${where}`, ...causes].join(': ');
}
