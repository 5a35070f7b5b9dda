// The error codes of AWS that have series of their own. Whoever answers chooses the code, so the list is fixed.

import { DENIALS } from '../../aws/failures.ts';

/** A clock is wrong, or an identity provider does not answer. */
const UNCHECKED = ['IDPCommunicationError', 'RequestExpired'];
/** AWS is asked too often. */
const THROTTLED = [
  'LimitExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
];
/** AWS itself fails, or does not take the request. */
const FAILED = [
  'InternalError',
  'InternalFailure',
  'InternalServerException',
  'InvalidParameterException',
  'ServerException',
  'ServiceUnavailable',
  'ServiceUnavailableException',
  'UnsupportedCommandException',
  'ValidationError',
  'ValidationException',
];

const KNOWN: ReadonlySet<string> = new Set([...DENIALS, ...UNCHECKED, ...THROTTLED, ...FAILED]);
const OTHER = 'other';
/** Those that have a 0 from the start: a rate misses the first one of a series that begins with it. */
export const USUAL_ERRORS = ['ThrottlingException', OTHER];

/** @returns the code if it is a known one; no other text of an answer becomes a label */
export function labelOfError(code: string): string {
  return KNOWN.has(code) ? code : OTHER;
}
