// The one redaction point: every text that leaves the process by log, event or status passes here.
// It knows the shapes of AWS keys and tokens, not their values, so it needs no list of secrets to stay safe.

const MASK = '[redacted]';

/**
 * Shapes that never belong in an output, longest first.
 * - base64 runs of 100 characters or more: ECR tokens (2 to 4 KB), session tokens, whole `.dockerconfigjson` values
 * - a run of exactly 40 base64 characters that mixes upper case, lower case and digits: an AWS secret access key
 * - its base64 (56 characters) as the original stored it falls under the second line's longer twin
 * - access key ids (AWS IAM user guide: 20 characters with the prefixes AKIA and ASIA), plain and as base64
 * The URL-encoded forms are covered by allowing %2B, %2F and %3D inside a run.
 */
const UNIT = '(?:[A-Za-z0-9+/=_-]|%2[BbFf]|%3[Dd])';
const PATTERNS: readonly RegExp[] = [
  new RegExp(`${UNIT}{100,}`, 'g'),
  /(?<![A-Za-z0-9+/=%])(?=[^\s"']*[a-z])(?=[^\s"']*[A-Z])(?=[^\s"']*\d)(?:[A-Za-z0-9+/]|%2[BbFf]){40}(?![A-Za-z0-9+/])/g,
  /(?<![A-Za-z0-9+/=%])(?=[^\s"']*[a-z])(?=[^\s"']*[A-Z])(?=[^\s"']*\d)(?:[A-Za-z0-9+/]|%2[BbFf]){54}(?:==|%3[Dd]%3[Dd])/g,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  /\b(?:QUtJQ|QVNJQ)[A-Za-z0-9+/]{21,23}(?:={0,2}|(?:%3[Dd]){0,2})/g,
];

/**
 * Hides everything in `text` that has the shape of a key or a token.
 *
 * @returns the text with each such run replaced by `[redacted]`; other text is unchanged
 */
export function redact(text: string): string {
  return PATTERNS.reduce((seen, pattern) => seen.replace(pattern, MASK), text);
}
