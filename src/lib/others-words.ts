// What other programs say, as a status repeats it: the same of the same fault, whenever it is said.
//
// AWS, the API server and its webhooks put the time into many of their sentences. A status that repeats it is written
// at each attempt, for each object, and each write is sent to all who watch; the condition itself tells since when.

import { ownText, startOf } from './own-text.ts';
import { redact } from './redact.ts';

/** Stands where a time, or the number of a request, was left out. */
const LEFT_OUT = '…';

/** No part of a name, a path or a longer number. */
const BEFORE = '(?<![\\w./@:-])';
const AFTER = '(?![\\w/@-])';
const CLOCK = '\\d{1,2}:\\d{2}:\\d{2}(?:[.,]\\d{1,9})?';
const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},?';
const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}';
const ZONE = '(?: ?(?:Z|UTC|GMT|[+-]\\d{2}:?\\d{2}))?';

/**
 * - times as RFC 3339 has them, with Go's additions (`… +0000 UTC m=+1.5`); the basic form, as in Signature Version 4;
 *   those of HTTP and of C (`Fri, 27 Nov 2026 …`, `Fri Nov 27 … 2026`), by their day and without
 * - seconds and milliseconds since 1970, which have ten and thirteen digits; an account of AWS has twelve
 * - durations to the hundredth of a unit, as Go has them
 * - numbers of requests
 * - the local port of a connection, before Go's arrow
 */
const PATTERNS: readonly RegExp[] = [
  new RegExp(`${BEFORE}\\d{4}-\\d{2}-\\d{2}[Tt ]${CLOCK}${ZONE}(?: [A-Z]{3,4})?(?: m=[+-][\\d.]{1,24})?`, 'g'),
  new RegExp(`${BEFORE}\\d{8}T\\d{6}Z${AFTER}`, 'g'),
  new RegExp(`(?:\\b${DAY} )?\\b\\d{1,2}[ -]${MONTH}[ -]\\d{4} ${CLOCK}${ZONE}`, 'g'),
  new RegExp(`(?:\\b${DAY} )?\\b${MONTH} {1,2}\\d{1,2} ${CLOCK}${ZONE}(?: \\d{4})?(?: GMT)?`, 'g'),
  new RegExp(`${BEFORE}[12]\\d{9}(?:\\d{3})?(?:\\.\\d{1,9})?${AFTER}`, 'g'),
  /(?<![\w.])(?:\d{1,4}[hm]){0,2}\d{1,6}\.\d{2,9}(?:ns|µs|us|ms|s)(?![\w])/g,
  /(?<=\brequest[ _-]?id["']?(?: is|[:=])? ?["']?)[A-Za-z0-9-]{8,64}/gi,
  /(?<=(?:\d|\]):)\d{1,5}(?=->)/g,
];

/**
 * @param text  of another program; of a length that is bounded
 * @returns the text with `…` for each time, duration, number of a request and local port in it; other text is unchanged
 */
export function steadyWords(text: string): string {
  return PATTERNS.reduce((seen, pattern) => seen.replace(pattern, LEFT_OUT), text);
}

/**
 * What a status may repeat of such a text.
 *
 * @param most  UTF-16 units of the result
 */
export function othersWords(text: string, most: number): string {
  // Cut last: half a key or half a time has no shape to know it by.
  return ownText(steadyWords(redact(startOf(text))).slice(0, most));
}
