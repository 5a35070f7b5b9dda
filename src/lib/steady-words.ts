// What other programs say of one fault, made comparable: without what differs at each attempt.
//
// AWS, the API server and its webhooks put times, durations and numbers of requests into many of their sentences.

const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}';
const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}';
const UNIT = '(?:ns|µs|us|ms|s|m|h|d)';

/** Two texts that differ in nothing else say the same: what is taken out may be more than need be. */
const PATTERNS: readonly RegExp[] = [
  // Numbers of requests, of sessions and of traces; the name of a key or an object behind a slash stays.
  /(?<![/\da-f])[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}(?![\da-f-])/gi,
  /(?<![/\w-])\d-[\da-f]{8}-[\da-f]{24}(?![\w-])/gi,
  /(?<=\b(?:request|correlation|trace|invocation)[ _-]?id["']?(?: is|[:=])? ?["']?)[\w+/=-]{8,128}/gi,
  // Seconds, milliseconds, microseconds and nanoseconds since 1970; an account of AWS has twelve digits.
  /(?<![\da-f])(?:\d{10}|\d{13}|\d{16}|\d{19})(?:\.\d{1,9})?(?![\da-f])/gi,
  // Signature Version 4, RFC 3339, Go's log, klog, HTTP, C, JavaScript, and what people write: the day, then the clock.
  /(?<!\d)\d{8}T\d{6}Z?/g,
  /(?<!\d)\d{4}[-/]\d{2}[-/]\d{2}[Tt]?/g,
  /(?<![\d/])\d{1,2}\/\d{1,2}\/\d{4}(?!\d)/g,
  /\b[IWEF]\d{4} (?=\d{2}:\d{2}:)/g,
  new RegExp(`(?:\\b${DAY},? )?\\b\\d{1,2}[ /-]${MONTH}[ /-]\\d{2,4}:?`, 'g'),
  new RegExp(`(?:\\b${DAY},? )?\\b${MONTH} {1,2}\\d{1,2}(?:,? \\d{4})?(?!\\d)`, 'g'),
  /(?<![\w.\]:])\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?: ?[AP]M\b)?(?![\d:])/gi,
  // What is left of them: a zone, the year behind the clock, the clock of Go's process.
  /(?<= )[+-]\d{4}(?: [A-Z]{3,4})?(?![\w-])/g,
  /(?<=(?:UTC|GMT|CES?T) )\d{4}(?!\d)/g,
  / m=[+-][\d.]{1,24}/g,
  // Durations as Go and people write them.
  new RegExp(`(?<![\\w.])(?:\\d{1,9}(?:\\.\\d{1,9})?${UNIT})+(?!\\w)`, 'g'),
  /(?<![\w.-])\d{1,9}(?:\.\d{1,9})? (?=(?:milli|micro|nano)?(?:second|minute|hour|day)s?\b)/g,
  // The local port of a connection, before Go's arrow.
  /(?<=(?:\d|\]):)\d{1,5}(?=->)/g,
];

/**
 * @param text  of another program; of a length that is bounded
 * @returns a text that is the same for two that differ only in times, durations, numbers of requests and local ports:
 *          to be compared, and not to be read
 */
export function steadyWords(text: string): string {
  return PATTERNS.reduce((seen, pattern) => seen.replace(pattern, '…'), text);
}
