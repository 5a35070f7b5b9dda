// ECR as a fleet sees it: answers after a while, refuses what exceeds the account's rate, and fails during an outage.

import type { Token } from '../../src/core/login.ts';
import { type Clock, type DurationMs, type EpochMs, HOUR, plus, type Random } from '../../src/lib/time.ts';
import { createTokenBucket } from '../../src/lib/token-bucket.ts';
import { countSeconds, type SecondsCount } from './seconds.ts';

/** A rate of GetAuthorizationToken for one account in one region. */
export interface Limit {
  readonly name: string;
  readonly perSecond: number;
  readonly atOnce: number;
}

/**
 * What AWS publishes, which is two things: 500 a second as the default of the quota L-55A41110 "Rate of
 * GetAuthorizationToken requests" (docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html), and 20 a second
 * after a burst of 200 among its troubleshooting (…/userguide/common-errors.html, "HTTP 429").
 */
export const LIMITS: readonly Limit[] = [
  { name: 'none', perSecond: Number.POSITIVE_INFINITY, atOnce: Number.POSITIVE_INFINITY },
  { name: '500/s', perSecond: 500, atOnce: 500 },
  { name: '20/s, burst 200', perSecond: 20, atOnce: 200 },
];

export interface Span {
  readonly from: DurationMs;
  readonly to: DurationMs;
}

export interface SimulatedAws {
  /**
   * One call of the SDK, with its attempts.
   *
   * @throws Error as the SDK makes it
   */
  getToken(signal: AbortSignal): Promise<Token>;
  /** Requests that reached AWS, by second: each attempt is one. */
  readonly requests: SecondsCount;
  /** Of those, the ones that exceeded the rate. */
  readonly throttled: number;
}

export interface SimulatedAwsParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly limit: Limit;
  readonly outage: Span | undefined;
  readonly seconds: number;
  /** Of the SDK for one call, `src/aws/calls.ts`. */
  readonly attempts: number;
}

const LATENCY = 100 as DurationMs;
const TOKEN_LIFE = (12 * HOUR) as DurationMs;
/** The SDK's pauses: full jitter up to so much, doubled with each attempt (@smithy/core, `retries-2026-config`). */
const PAUSE = { failed: 50, throttled: 1_000 } as const;

export function simulateAws(parts: SimulatedAwsParts): SimulatedAws {
  const { clock, random, limit, outage } = parts;
  const bucket =
    limit.perSecond === Number.POSITIVE_INFINITY ? undefined : createTokenBucket(clock, limit.perSecond, limit.atOnce);
  const requests = countSeconds(parts.seconds);
  let throttled = 0;
  let issued = 0;

  const answer = (): Token | 'failed' | 'throttled' => {
    const at = clock.monotonic();
    requests.count(at);
    if (outage && at >= outage.from && at < outage.to) return 'failed';
    if (bucket && !bucket.take()) {
      throttled += 1;
      return 'throttled';
    }
    issued += 1;
    const expiresAt = plus(clock.now(), TOKEN_LIFE);
    return {
      username: 'AWS',
      password: `token ${issued}`,
      hosts: ['111122223333.dkr.ecr.eu-west-1.amazonaws.com'],
      expiresAt,
    };
  };

  return {
    async getToken(signal) {
      for (let attempt = 0; ; attempt += 1) {
        const found = answer();
        await passing(clock, LATENCY, signal);
        if (typeof found === 'object') return found;
        if (attempt === parts.attempts - 1) throw sdkError(found);
        await passing(clock, (PAUSE[found] * 2 ** attempt * random()) as DurationMs, signal);
      }
    },
    requests,
    get throttled() {
      return throttled;
    },
  };
}

function passing(clock: Clock, length: DurationMs, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    clock.after(length, () => {
      if (signal.aborted) reject(new DOMException('Aborted', 'AbortError'));
      else resolve();
    });
  });
}

function sdkError(what: 'failed' | 'throttled'): Error {
  const isThrottled = what === 'throttled';
  const error = new Error(isThrottled ? 'Rate exceeded' : 'Service Unavailable');
  error.name = isThrottled ? 'ThrottlingException' : 'ServiceUnavailable';
  const $metadata = { httpStatusCode: isThrottled ? 400 : 503, requestId: 'simulated' };
  return Object.assign(error, { $metadata, $fault: isThrottled ? 'client' : 'server' });
}

/** When an outage is over, as an instant. */
export function endOf(outage: Span, start: EpochMs): EpochMs {
  return plus(start, outage.to);
}
