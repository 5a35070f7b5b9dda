// What the SDK throws -> a Failure that says what to do next, in words that help a user. Pure.

import { Failure } from '../lib/errors.ts';
import { stringOf } from '../lib/json.ts';
import { redact } from '../lib/redact.ts';

/** Error codes by which AWS says no to these keys; the SDK puts them into `name`. HTTP 401 and 403 mean the same. */
const DENIALS = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'AuthFailure',
  'ExpiredToken',
  'ExpiredTokenException',
  'IDPRejectedClaim',
  'IDPRejectedClaimException',
  'IncompleteSignatureException',
  'InvalidClientTokenId',
  'InvalidIdentityToken',
  'InvalidIdentityTokenException',
  'InvalidSignatureException',
  'MissingAuthenticationTokenException',
  'NotAuthorized',
  'OptInRequired',
  'RegionDisabledException',
  'SignatureDoesNotMatch',
  'UnrecognizedClientException',
]);

/** What was asked, and of whom. */
export interface Asked {
  readonly service: 'ECR' | 'ECR Public' | 'STS';
  readonly region: string;
  readonly what: 'login' | 'role';
}

export const DENIED_REASON = 'AWSDenied';
const LONGEST_MESSAGE = 600;

/**
 * @param thrown  anything that a call of the SDK threw
 * @returns `change` when AWS said no, else `backoff`
 */
export function failureOfAws(thrown: unknown, { service, region, what }: Asked): Failure {
  if (thrown instanceof Failure) return thrown;
  const code = thrown instanceof Error ? thrown.name : 'Error';
  const status = statusOf(thrown);
  if (status === undefined) {
    return new Failure({
      next: 'backoff',
      reason: 'AWSUnreachable',
      message: `cannot reach ${service} in ${region}: ${networkWords(thrown)}`,
      cause: thrown,
    });
  }
  // An answer that is no AWS error (a proxy's page, cut JSON) has no words worth repeating.
  const known = thrown instanceof Error && '$fault' in thrown && /^[A-Za-z]+$/.test(code);
  const detail = known
    ? ` (${code}): ${redact(thrown.message).slice(0, LONGEST_MESSAGE).toWellFormed()}`
    : ` with status ${status}`;
  if (status === 401 || status === 403 || (known && DENIALS.has(code))) {
    return new Failure({
      next: 'change',
      reason: DENIED_REASON,
      message: `AWS denied the ${what}${detail}`,
      cause: thrown,
    });
  }
  return new Failure({
    next: 'backoff',
    reason: 'AWSFailed',
    message: `${service} in ${region} answered${detail}`,
    cause: thrown,
  });
}

/** HTTP status of the answer, if there was one: the SDK notes it in `$metadata`, and in `$response` when it could not read it. */
function statusOf(thrown: unknown): number | undefined {
  if (!isObject(thrown)) return undefined;
  for (const [holder, name] of [
    ['$metadata', 'httpStatusCode'],
    ['$response', 'statusCode'],
  ] as const) {
    const value: unknown = Reflect.get(thrown, holder);
    const status: unknown = isObject(value) ? Reflect.get(value, name) : undefined;
    if (typeof status === 'number') return status;
  }
  return undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function networkWords(thrown: unknown): string {
  if (!(thrown instanceof Error)) return 'no answer';
  if (thrown.name === 'AbortError' || thrown.name === 'TimeoutError') return 'no answer in time';
  const code = stringOf(Reflect.get(thrown, 'code'));
  if (code === 'ERR_PROXY_TUNNEL') return `the proxy refused: ${redact(thrown.message).slice(0, 200)}`;
  return code ?? 'no answer';
}
