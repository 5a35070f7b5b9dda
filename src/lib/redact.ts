// The one redaction point: every text that leaves the process by log, event or status passes here.
// It knows the shapes of AWS keys and tokens, not their values, so it needs no list of secrets to stay safe.

const MASK = '[redacted]';

/** One character of base64, plain or as a URL encodes it. */
const UNIT = '(?:[A-Za-z0-9+/]|%2[BbFf])';
const TOKEN_UNIT = '(?:[A-Za-z0-9+/=_-]|%2[BbFf]|%3[Dd])';
/** A URL-encoded character before a key, such as `%3D`, is no part of it. */
const START = '(?:(?<![A-Za-z0-9+/%]|%[0-9A-Fa-f])|(?<=%[0-9A-Fa-f]{2}))';
const PAD = '(?:=|%3[Dd])';

/** The part of an ARN before its resource, such as `arn:aws:iam::111122223333:`; a role's name may have any length. */
const NOT_IN_ARN = '(?<!arn:aws[a-z0-9:-]{0,60})';

/** Random base64 has both cases among its first `length` characters; Kubernetes' names, paths and digests do not. */
function mixed(unit: string, length: number): string {
  return `(?=${unit}{0,${length - 1}}[a-z])(?=${unit}{0,${length - 1}}[A-Z])`;
}

/**
 * Shapes that never belong in an output, longest first.
 * - mixed base64 runs of 100 characters or more: ECR tokens (2 to 4 KB), session tokens, whole `.dockerconfigjson`
 *   values
 * - base64 of a secret access key, as the Go project stored it: 54 characters and two of padding
 * - mixed runs of exactly 40 base64 characters: an AWS secret access key
 * - access key ids (AWS IAM user guide: 20 characters with the prefixes AKIA and ASIA), plain and as base64
 *
 * Before them, what AWS repeats of an Authorization header (Signature Version 4): all of it from its name on; the scope
 * that it begins with, whatever key or secret is before the date; and each of its parts by its own name.
 */
const PATTERNS: readonly RegExp[] = [
  /AWS4-(?:HMAC|ECDSA)-[A-Za-z0-9-]{1,40}[^\n]*/g,
  /[^\s'"=,]{1,200}\/\d{8}\/[a-z0-9-]+\/[a-z0-9-]+\/aws4_request/g,
  /(?<=\b(?:Credential|Signature|SignedHeaders)=)[^\s'",]+/g,
  new RegExp(`${mixed(TOKEN_UNIT, 100)}${TOKEN_UNIT}{100,}`, 'g'),
  new RegExp(`${START}${mixed(UNIT, 54)}${UNIT}{54}${PAD}{2}`, 'g'),
  new RegExp(`${START}${mixed(UNIT, 40)}${NOT_IN_ARN}${UNIT}{40}(?!${UNIT})`, 'g'),
  // Before the date of a scope, where a secret runs into what follows: a slash is a character of base64 too.
  new RegExp(`${mixed(UNIT, 40)}${UNIT}{40}(?=/\\d{8}(?:/|\\b))`, 'g'),
  /(?:AKIA|ASIA)[A-Z0-9]{16,}/g,
  new RegExp(`(?:QUtJQ|QVNJQ)${UNIT}{21,}${PAD}{0,2}`, 'g'),
];

/**
 * Hides everything in `text` that has the shape of a key or a token.
 *
 * @returns the text with each such run replaced by `[redacted]`; other text is unchanged
 */
export function redact(text: string): string {
  return PATTERNS.reduce((seen, pattern) => seen.replace(pattern, MASK), text);
}
