// Covers what the SDK's errors mean: denied by AWS, failed at AWS, or AWS not reached; and what their words may show.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { KEY_ID, SECRET_KEY } from '../../testing/rigs/builders.ts';
import { Failure, type Next } from '../lib/errors.ts';
import { failureOfAws } from './failures.ts';

interface Shape {
  readonly status?: number;
  readonly fault?: 'client' | 'server';
  /** Status of an answer that the SDK could not read. */
  readonly raw?: number;
  readonly code?: string;
  /** Without the request id that AWS always sends. */
  readonly noId?: true;
}

/** An error as the SDK throws it. */
function sdkError(name: string, message: string, { status, fault, raw, code, noId }: Shape): Error {
  const error = new Error(message);
  error.name = name;
  return Object.assign(error, {
    $metadata: {
      ...(status === undefined ? { attempts: 3, totalRetryDelay: 200 } : { httpStatusCode: status, attempts: 1 }),
      ...(status === undefined || noId ? {} : { requestId: '7a62c49f-347e-4fc4-9331-6e8eEXAMPLE' }),
    },
    ...(fault === undefined ? {} : { $fault: fault }),
    ...(raw === undefined ? {} : { $response: { statusCode: raw, headers: {} } }),
    ...(code === undefined ? {} : { code }),
  });
}

const client = (name: string, status = 400, message = 'words of AWS'): Error =>
  sdkError(name, message, { status, fault: 'client' });

const NOT_AWS = 'which is no answer of AWS: look at what is on the way to it (a proxy, a gateway)';
const ASKED = { service: 'ECR', region: 'eu-west-1', what: 'login' } as const;

// Rule 7
describe('AWS', () => {
  const rows: Readonly<Record<string, { thrown: unknown; want: readonly [Next, string, string] }>> = {
    'denies keys that it does not know': {
      thrown: client('UnrecognizedClientException', 400, 'The security token included in the request is invalid.'),
      want: [
        'change',
        'AWSDenied',
        'AWS denied the login (UnrecognizedClientException): The security token included in the request is invalid; eu-west-1 does not know this key: it is wrong or deleted, its session token is missing, or the account has not enabled the region',
      ],
    },
    'denies with status 403, whatever the code': {
      thrown: client('SomethingNew', 403),
      want: ['change', 'AWSDenied', 'AWS denied the login (SomethingNew): words of AWS'],
    },
    'denies with status 401, whatever the code': {
      thrown: client('SomethingNew', 401),
      want: ['change', 'AWSDenied', 'AWS denied the login (SomethingNew): words of AWS'],
    },
    'denies with a code of a denial, also in an answer that is not signed with the id of a request': {
      thrown: sdkError('AccessDeniedException', 'words of AWS', { status: 403, fault: 'client', noId: true }),
      want: ['change', 'AWSDenied', 'AWS denied the login (AccessDeniedException): words of AWS'],
    },
    'does not deny with a page that is no error of AWS, whose words are not repeated': {
      thrown: sdkError('SyntaxError', 'Unexpected token <, "<html>sec"', { raw: 403 }),
      want: ['backoff', 'AWSFailed', `ECR in eu-west-1 answered with status 403, ${NOT_AWS}`],
    },
    'does not deny with a code that is no code, which is not repeated': {
      thrown: client('<b>evil</b>', 401),
      want: ['backoff', 'AWSFailed', `ECR in eu-west-1 answered with status 401, ${NOT_AWS}`],
    },
    'does not deny without a code, for which the SDK has a word of its own': {
      thrown: client('Unknown', 403, 'UnknownError'),
      want: ['backoff', 'AWSFailed', `ECR in eu-west-1 answered with status 403, ${NOT_AWS}`],
    },
    'does not deny with an unknown code in an answer that bears no id of a request, as a gateway gives it': {
      thrown: sdkError('Forbidden', 'by policy', { status: 403, fault: 'client', noId: true }),
      want: ['backoff', 'AWSFailed', `ECR in eu-west-1 answered with status 403, ${NOT_AWS}`],
    },
    'fails when it throttles': {
      thrown: client('ThrottlingException', 400, 'Rate exceeded'),
      want: [
        'backoff',
        'AWSFailed',
        'ECR in eu-west-1 answered (ThrottlingException): Rate exceeded; the account makes too many calls in eu-west-1',
      ],
    },
    'fails with a fault of its own': {
      thrown: sdkError('ServerException', 'oops', { status: 500, fault: 'server' }),
      want: ['backoff', 'AWSFailed', 'ECR in eu-west-1 answered (ServerException): oops'],
    },
    'fails when its answer cannot be read, whose words are not repeated': {
      thrown: sdkError('SyntaxError', 'Unexpected token in JSON: {"authorizationToken": "QVdT', { raw: 200 }),
      want: ['backoff', 'AWSFailed', 'ECR in eu-west-1 answered with status 200'],
    },
    'fails with the page of a proxy, whose words are not repeated': {
      thrown: sdkError('<html>', 'page', { status: 502, fault: 'server' }),
      want: ['backoff', 'AWSFailed', 'ECR in eu-west-1 answered with status 502'],
    },
    'is not reached when the connection is refused': {
      thrown: sdkError('Error', 'connect ECONNREFUSED 10.0.0.1:443', { code: 'ECONNREFUSED' }),
      want: ['backoff', 'AWSUnreachable', 'cannot reach ECR in eu-west-1: ECONNREFUSED'],
    },
    'is not reached when its name is unknown': {
      thrown: Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' }),
      want: ['backoff', 'AWSUnreachable', 'cannot reach ECR in eu-west-1: ENOTFOUND'],
    },
    'is not reached in time': {
      thrown: sdkError('TimeoutError', 'socket', {}),
      want: ['backoff', 'AWSUnreachable', 'cannot reach ECR in eu-west-1: no answer in time'],
    },
    'is not reached when the connection is closed, which the SDK takes for a time-out': {
      thrown: sdkError('TimeoutError', 'socket hang up', { code: 'ECONNRESET' }),
      want: [
        'backoff',
        'AWSUnreachable',
        'cannot reach ECR in eu-west-1: ECONNRESET, the connection was closed before the answer',
      ],
    },
    'is not reached before we give up': {
      thrown: sdkError('AbortError', 'Request aborted', {}),
      want: ['backoff', 'AWSUnreachable', 'cannot reach ECR in eu-west-1: no answer in time'],
    },
    'is not reached for a cause without a code': {
      thrown: new Error(`secret ${SECRET_KEY}`),
      want: ['backoff', 'AWSUnreachable', 'cannot reach ECR in eu-west-1: no answer'],
    },
    'is not reached when something that is no error was thrown': {
      thrown: 'boom',
      want: ['backoff', 'AWSUnreachable', 'cannot reach ECR in eu-west-1: no answer'],
    },
    'is not reached when nothing was thrown': {
      thrown: undefined,
      want: ['backoff', 'AWSUnreachable', 'cannot reach ECR in eu-west-1: no answer'],
    },
    'cannot be asked where the SDK knows no such endpoint': {
      thrown: sdkError('EndpointError', 'Invalid Configuration: FIPS and custom endpoint are not supported', {}),
      want: [
        'change',
        'NoEndpoint',
        'ECR in eu-west-1 cannot be asked like this: Invalid Configuration: FIPS and custom endpoint are not supported',
      ],
    },
    'fails when what was thrown is no error but has a status': {
      thrown: { $metadata: { httpStatusCode: 503 } },
      want: ['backoff', 'AWSFailed', 'ECR in eu-west-1 answered with status 503'],
    },
  };
  for (const [outcome, { thrown, want }] of Object.entries(rows)) {
    test(outcome, () => {
      const { next, reason, message, cause } = failureOfAws(thrown, ASKED);
      assert.deepEqual([next, reason, message], want);
      assert.equal(cause, thrown);
    });
  }

  for (const code of [
    'AccessDeniedException',
    'ExpiredToken',
    'ExpiredTokenException',
    'InvalidClientTokenId',
    'InvalidSignatureException',
    'SignatureDoesNotMatch',
    'OptInRequired',
  ]) {
    test(`denies with ${code}`, () => assert.equal(failureOfAws(client(code), ASKED).next, 'change'));
  }
});

describe('a proxy on the way', () => {
  const words = (thrown: Error): string => failureOfAws(thrown, ASKED, 'proxy.example.com:3128').message;

  test('is named with every failure to reach AWS', () => {
    const refused = sdkError('Error', 'connect ECONNREFUSED', { code: 'ECONNREFUSED' });
    const by = 'by way of the proxy proxy.example.com:3128';
    assert.equal(words(refused), `cannot reach ECR in eu-west-1: ECONNREFUSED (${by})`);
    assert.equal(
      words(sdkError('TimeoutError', 'socket', {})),
      `cannot reach ECR in eu-west-1: no answer in time (${by})`,
    );
  });

  test('is named with a refusal that is not of AWS', () => {
    const page = sdkError('SyntaxError', '<html>', { raw: 403 });
    assert.equal(
      words(page),
      'ECR in eu-west-1 answered with status 403, which is no answer of AWS: look at the proxy proxy.example.com:3128',
    );
  });

  test('is not named when AWS answered', () => {
    assert.doesNotMatch(words(client('ServerException', 500)), /proxy/);
  });
});

test('a Failure stays what it is', () => {
  const failure = new Failure({ next: 'after', reason: 'BadECRAnswer', message: 'no' });
  assert.equal(failureOfAws(failure, ASKED), failure);
});

test('the words of AWS are cut, and shown without keys', () => {
  const words = `User: arn:aws:iam::111122223333:user/ci with ${KEY_ID} and ${SECRET_KEY} may not. `;
  const { message } = failureOfAws(client('AccessDeniedException', 400, words + 'x '.repeat(1_000)), ASKED);
  assert.ok(message.includes('User: arn:aws:iam::111122223333:user/ci with [redacted] and [redacted] may not.'));
  assert.ok(message.length < 700);
});

test('the words of AWS are never cut inside a character', () => {
  for (const start of ['', 'a']) {
    const { message } = failureOfAws(client('ServerException', 400, start + '\u{1F433}'.repeat(600)), ASKED);
    assert.ok(message.isWellFormed());
  }
});
