// What other programs say of one fault, made comparable: without what differs at each attempt.
//
// AWS, the API server and its webhooks put times, durations and numbers of requests into many of their sentences.

const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}';
const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}';
const CLOCK = '\\d{1,2}:\\d{2}(?::\\d{2}(?:[.,]\\d{1,9})?)?(?: ?[AP]M\\b)?(?:Z|[+-]\\d{2}:?\\d{2})?';
const UUID = '[\\da-f]{8}-[\\da-f]{4}-[\\da-f]{4}-[\\da-f]{4}-[\\da-f]{12}';
/** No part of a name, a path or a longer number. */
const BEFORE = '(?<![\\w./@-])';
const AFTER = '(?![\\w/@-])';
const DATES = [
  // RFC 3339, Go, and Go's log.
  '\\d{4}([-/])\\d{2}\\1\\d{2}(?:[Tt]| )',
  '\\d{1,2}/\\d{1,2}/\\d{4},? ',
  // HTTP and RFC 850, log files of web servers, C and JavaScript.
  `(?:${DAY},? )?\\d{1,2}[ /-]${MONTH}[ /-]\\d{2,4}[ :]`,
  `(?:${DAY},? )?${MONTH} {1,2}\\d{1,2},? (?:\\d{4},? )?`,
  // klog.
  '[IWEF]\\d{4} ',
];

const PATTERNS: readonly RegExp[] = [
  // A day with a clock: a day alone is most often part of a name.
  ...DATES.map((day) => new RegExp(`${BEFORE}${day}${CLOCK}${AFTER}`, 'g')),
  new RegExp(`${BEFORE}\\d{8}T\\d{6}Z${AFTER}`, 'g'),
  new RegExp(`${BEFORE}\\d{1,2}:\\d{2}:\\d{2}(?:[.,]\\d{1,9})?${AFTER}`, 'g'),
  // What is left of them: the zone, the year behind the clock, the clock of Go's process.
  /(?<=… )[+-]\d{4}(?: [A-Z]{3,4})?(?![\w-])/g,
  /(?<=… (?:[A-Z]{3,4} )?)\d{4}(?!\d)/g,
  / m=[+-][\d.]{1,24}/g,
  // Seconds, milliseconds, microseconds and nanoseconds since 1970; an account of AWS has twelve digits.
  new RegExp(`${BEFORE}(?:\\d{10}|\\d{13}|\\d{16}|\\d{19})(?:\\.\\d{1,9})?${AFTER}`, 'g'),
  // Durations that somebody measured, or that are left.
  /(?<![\w.])(?:\d{1,4}[hm]){0,2}\d{1,6}\.\d{2,9}(?:ns|µs|us|ms|s)(?!\w)/g,
  /(?<=\b(?:in|after|for|took|elapsed|waited) )(?:\d{1,9}(?:\.\d{1,9})?(?:ns|µs|us|ms|s|m|h|d))+(?!\w)/g,
  /(?<=\b(?:in|after|for|took|elapsed|waited) )\d{1,9}(?:\.\d{1,9})?(?= (?:milli|micro|nano)?(?:second|minute|hour|day)s?\b)/g,
  // Numbers of requests and of traces, and what is new in the name of each session.
  /(?<=\b(?:request|correlation|trace|invocation)[ _-]?id["']?(?: is|[:=])? ?["']?)(?=[a-z_+/-]{0,127}\d)[\w+/-]{8,128}={0,2}/gi,
  new RegExp(`(?<=\\brequest )${UUID}`, 'gi'),
  /(?<=\bRoot=)\d-[\da-f]{8}-[\da-f]{24}/g,
  new RegExp(`(?<=:assumed-role/[^\\s/]{1,64}/[\\w+=,.@-]{0,64}?)(?:\\d{13}|${UUID})(?![\\w-])`, 'gi'),
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
