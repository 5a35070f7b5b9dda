// The only file that talks to AWS.

import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import { type Clock, type DurationMs, seconds } from '../lib/time.ts';
import { failureOfAws } from './failures.ts';
import { type EcrToken, parseToken } from './token.ts';

export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** One question to one registry. The keys are always given: there is no fall-back to an identity of the operator's own. */
export interface TokenRequest {
  readonly region: string;
  readonly keys: AwsKeys;
}

/** One call that has ended. */
export interface AwsCall {
  readonly operation: 'GetAuthorizationToken';
  readonly region: string;
  /** `success` or the reason of the Failure. */
  readonly code: string;
  /** AWS said no to the keys. */
  readonly denied: boolean;
  readonly took: DurationMs;
}

export interface EcrClientOptions {
  readonly clock: Clock;
  readonly userAgent: string;
  readonly onCall?: (call: AwsCall) => void;
}

export interface EcrClient {
  /**
   * One call of GetAuthorizationToken, tried three times at most (the SDK corrects a wrong clock between two tries).
   *
   * @throws Failure, see failures.ts and token.ts
   */
  fetchToken(request: TokenRequest, signal: AbortSignal): Promise<EcrToken>;
  close(): void;
}

const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 10_000;
/** For all tries together; a call that takes longer is given up, and others are not held up by it. */
const CALL_TIMEOUT = seconds(30);
const ATTEMPTS = 3;
const SOCKETS = 50;

export function createEcrClient({ clock, userAgent, onCall = () => {} }: EcrClientOptions): EcrClient {
  // Shared by all regions and keys: the SDK would make a pool of sockets for each client.
  const httpsAgent = new HttpsAgent({ keepAlive: true, maxSockets: SOCKETS });
  const httpAgent = new HttpAgent({ keepAlive: true, maxSockets: SOCKETS });
  const requestHandler = {
    httpsAgent,
    httpAgent,
    connectionTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: ANSWER_TIMEOUT_MS,
    throwOnRequestTimeout: true,
  };

  return {
    async fetchToken({ region, keys }, signal) {
      const client = new ECRClient({
        region,
        credentials: { ...keys },
        maxAttempts: ATTEMPTS,
        customUserAgent: userAgent,
        requestHandler,
      });
      const ended = new AbortController();
      const end = (): void => ended.abort();
      const cancel = clock.after(CALL_TIMEOUT, end);
      signal.addEventListener('abort', end, { once: true });
      const started = clock.monotonic();
      const done = (code: string, denied = false): void => {
        const took = (clock.monotonic() - started) as DurationMs;
        onCall({ operation: 'GetAuthorizationToken', region, code, denied, took });
      };
      try {
        const answer = await client.send(new GetAuthorizationTokenCommand({}), { abortSignal: ended.signal });
        const token = parseToken(answer, region, clock.now());
        done('success');
        return token;
      } catch (thrown) {
        const failure = failureOfAws(thrown, region);
        done(failure.reason, failure.next === 'change');
        throw failure;
      } finally {
        cancel();
        signal.removeEventListener('abort', end);
      }
    },
    close() {
      httpsAgent.destroy();
      httpAgent.destroy();
    },
  };
}
