// What the SDK throws -> a Failure that says what to do next, in words that help a user. Pure.

import { Failure } from '../lib/errors.ts';
import { networkWords } from '../lib/network-words.ts';
import { othersWords } from '../lib/others-words.ts';

/**
 * Error codes by which AWS denies these keys; the SDK puts them into `name`. HTTP 401 and 403 mean the same only in an
 * answer of AWS: TLS-inspecting proxies and gateways also refuse with them, and know nothing of the keys.
 */
export const DENIALS: ReadonlySet<string> = new Set([
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

/** Keys of an account that has not enabled a region are unknown there (AWS General Reference, on managing Regions). */
const UNKNOWN_KEY = (region: string): string =>
  `${region} does not know this key: it is wrong or deleted, its session token is missing, or the account has not enabled the region`;
/** Tokens are limited for each account and region (ECR service quotas). */
const TOO_MANY = (region: string): string => `the account makes too many calls in ${region}`;
/** What the words of AWS leave out, by code. */
const HINTS: ReadonlyMap<string, (region: string) => string> = new Map([
  ['UnrecognizedClientException', UNKNOWN_KEY],
  ['InvalidClientTokenId', UNKNOWN_KEY],
  ...['ThrottlingException', 'Throttling', 'TooManyRequestsException', 'RequestLimitExceeded'].map(
    (code) => [code, TOO_MANY] as const,
  ),
]);

/** The operation that was called, and where. */
export interface CallContext {
  readonly service: 'ECR' | 'ECR Public' | 'STS';
  readonly region: string;
  readonly what: 'login' | 'role';
  /** What the call waits for, where that is not only the service's answer. */
  readonly awaited?: string;
}

export const DENIED_REASON = 'AWSDenied';
/** The SDK's name for an answer without a code. */
const NO_CODE = 'Unknown';
const LONGEST_MESSAGE = 600;

/**
 * @param thrown  anything that a call of the SDK threw
 * @param proxy   `host:port` of the proxy on the way, if there is one
 * @returns `change` when AWS denied the call, else `backoff`
 */
export function failureOfAws(
  thrown: unknown,
  { service, region, what, awaited }: CallContext,
  proxy?: string,
): Failure {
  if (thrown instanceof Failure) return thrown;
  const code = thrown instanceof Error ? thrown.name : 'Error';
  const status = statusOf(thrown);
  // The SDK's own rules about endpoints: FIPS where it does not exist, or beside an endpoint that was set.
  if (code === 'EndpointError') {
    const message = `${service} in ${region} cannot be asked like this: ${wordsOf(thrown)}`;
    return new Failure({ next: 'change', reason: 'NoEndpoint', message, cause: thrown });
  }
  if (status === undefined) {
    return new Failure({
      next: 'backoff',
      reason: 'AWSUnreachable',
      message:
        awaited === undefined
          ? `cannot reach ${service} in ${region}: ${networkWords(thrown, proxy)}`
          : `${awaited} could not be had: ${networkWords(thrown, undefined)}`,
      cause: thrown,
    });
  }
  return failureOfAnswer(thrown, status, { service, region, what }, proxy);
}

function failureOfAnswer(cause: unknown, status: number, asked: CallContext, proxy: string | undefined): Failure {
  const answered = `${asked.service} in ${asked.region} answered`;
  const failed = (message: string): Failure => new Failure({ next: 'backoff', reason: 'AWSFailed', message, cause });
  const isRefusal = status === 401 || status === 403;
  // An answer that is no AWS error (a proxy's page, cut JSON) has no words worth repeating.
  const code = codeOf(cause);
  if (code !== undefined && (DENIALS.has(code) || (isRefusal && hasRequestId(cause)))) {
    const message = `AWS denied the ${asked.what} (${code}): ${hintedWords(cause, code, asked)}`;
    return new Failure({ next: 'change', reason: DENIED_REASON, message, cause });
  }
  if (isRefusal) return failed(`${answered} with status ${status}, ${strangerWords(proxy)}`);
  if (code === undefined) return failed(`${answered} with status ${status}`);
  return failed(`${answered} (${code}): ${hintedWords(cause, code, asked)}`);
}

function hintedWords(thrown: unknown, code: string, { region }: CallContext): string {
  const words = wordsOf(thrown);
  const hint = HINTS.get(code)?.(region);
  return hint === undefined ? words : `${words.replace(/\.$/, '')}; ${hint}`;
}

/** AWS's code of an error; undefined when there was no answer, or one without a code. Whoever answers chooses it. */
export function codeOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('$fault' in thrown)) return undefined;
  return thrown.name !== NO_CODE && /^[A-Za-z]{1,64}$/.test(thrown.name) ? thrown.name : undefined;
}

/** HTTP status of the answer, if any: the SDK notes it in `$metadata`, and in `$response` when it could not read it. */
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

/** AWS adds a request id to every answer; nothing on the way does. */
function hasRequestId(thrown: unknown): boolean {
  const metadata: unknown = isObject(thrown) ? Reflect.get(thrown, '$metadata') : undefined;
  return isObject(metadata) && typeof Reflect.get(metadata, 'requestId') === 'string';
}

function strangerWords(proxy: string | undefined): string {
  const whom = proxy === undefined ? 'what is on the way to it (a proxy, a gateway)' : `the proxy ${proxy}`;
  return `which is no answer of AWS: look at ${whom}`;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function wordsOf(thrown: unknown): string {
  return thrown instanceof Error ? othersWords(thrown.message, LONGEST_MESSAGE) : '';
}
