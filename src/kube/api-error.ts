// What a refusal of the API server means for the operator: the one place that turns a status code into a Failure.

import { Failure, type Next } from '../lib/errors.ts';
import { type JsonRecord, listOf, recordOf, stringOf } from '../lib/json.ts';
import { othersWords } from '../lib/others-words.ts';
import { type DurationMs, seconds } from '../lib/time.ts';

const LONGEST_MESSAGE = 500;
const DENIED = /^admission webhook "[^"]*" denied the request/;

export class ApiError extends Failure {
  override readonly name = 'ApiError';
  /** HTTP status. */
  readonly status: number;
  /** `Status.reason`, such as AlreadyExists; empty when the answer was no Status. */
  readonly apiReason: string;
  /** `Status.details.kind`, such as `secrets`; empty when the API server names none. */
  readonly kind: string;
  /** `Status.details.causes[].reason`, such as NamespaceTerminating. */
  readonly causes: readonly string[];

  constructor(status: number, body: JsonRecord, next: Next, delay: DurationMs | undefined) {
    const apiReason = stringOf(body['reason']) ?? '';
    const message = stringOf(body['message']) ?? `the API server answered with status ${status}`;
    super({
      next,
      reason: apiReason || `Status${status}`,
      message: othersWords(message, LONGEST_MESSAGE),
      ...(delay === undefined ? {} : { delay }),
    });
    this.status = status;
    this.apiReason = apiReason;
    const details = recordOf(body['details']);
    this.kind = stringOf(details['kind']) ?? '';
    this.causes = listOf(details['causes']).map((cause) => stringOf(recordOf(cause)['reason']) ?? '');
  }
}

/** Longest Retry-After that is believed; a larger one is a mistake or malice. */
const LONGEST_RETRY_AFTER = seconds(60);

/**
 * @param status      HTTP status, 400 or more
 * @param body        parsed body; anything that is no `Status` object counts as empty
 * @param retryAfter  value of the header `Retry-After`, seconds
 */
export function apiErrorFrom(status: number, body: unknown, retryAfter: string | undefined): ApiError {
  const wait = Number(retryAfter);
  const delay =
    Number.isFinite(wait) && wait > 0 ? (Math.min(wait * 1_000, LONGEST_RETRY_AFTER) as DurationMs) : undefined;
  if (delay !== undefined && (status === 429 || status === 503))
    return new ApiError(status, recordOf(body), 'after', delay);
  // 401 and 403 too: a token is renewed and a role is granted without any event for the operator.
  const byChange = status === 400 || status === 405 || status === 415 || status === 422;
  return new ApiError(status, recordOf(body), byChange ? 'change' : 'backoff', undefined);
}

export function isNotFound(thrown: unknown): boolean {
  return thrown instanceof ApiError && thrown.status === 404;
}

/**
 * 404 about an object, or the namespace that it would be in: the API server names its kind. Admission webhooks refuse
 * with this status too, and may pass on that of something else: before their words the API server says who denies.
 */
export function isGone(thrown: unknown): boolean {
  return thrown instanceof ApiError && thrown.status === 404 && thrown.kind !== '' && !DENIED.test(thrown.message);
}

/** 403: the operator's ServiceAccount may not do this. */
export function isForbidden(thrown: unknown): boolean {
  return thrown instanceof ApiError && thrown.status === 403;
}

/** 409: the object exists already, or is not the one or the version that the request named. */
export function isConflict(thrown: unknown): boolean {
  return thrown instanceof ApiError && thrown.status === 409;
}

/** 422: what was sent is not valid, or a JSON patch found a part of the object other than it tests. */
export function isInvalid(thrown: unknown): boolean {
  return thrown instanceof ApiError && thrown.status === 422;
}

/** 409: another version; 422 about the uid: another object of the same name. */
export function isOtherObject(thrown: unknown): boolean {
  return (
    isConflict(thrown) ||
    (thrown instanceof ApiError && thrown.status === 422 && thrown.message.includes('metadata.uid'))
  );
}

/**
 * The held version is of no use: start from a new list. The API server answers 410, or that a list's continue token is
 * too old; or it has not reached the version (504), as after a restore of etcd from a backup.
 */
export function isExpired(thrown: unknown): boolean {
  if (!(thrown instanceof ApiError)) return false;
  return thrown.status === 410 || thrown.apiReason === 'Expired' || thrown.causes.includes('ResourceVersionTooLarge');
}

/** No answer at all: no process accepts connections at that address. */
export function isRefused(thrown: unknown): boolean {
  const cause = thrown instanceof Failure ? thrown.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED';
}

export function isNamespaceTerminating(thrown: unknown): boolean {
  return thrown instanceof ApiError && thrown.causes.includes('NamespaceTerminating');
}
