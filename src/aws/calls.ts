// One call of AWS: under a deadline, counted, and with its failure in the operator's words.

import { within } from '../lib/deadline.ts';
import { createMask, maskError } from '../lib/mask.ts';
import { type Clock, type DurationMs, seconds } from '../lib/time.ts';
import { type CallContext, codeOf, failureOfAws } from './failures.ts';

export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** Which of AWS's endpoints is called. */
export interface Endpoints {
  readonly region: string;
  readonly useFips: boolean;
  readonly useDualstack: boolean;
}

/** For an SDK client. A switch that an object leaves off stays with the environment (`AWS_USE_FIPS_ENDPOINT`). */
export function endpointConfig({ region, useFips, useDualstack }: Endpoints): {
  readonly region: string;
  readonly useFipsEndpoint?: true;
  readonly useDualstackEndpoint?: true;
} {
  return {
    region,
    ...(useFips ? { useFipsEndpoint: true } : {}),
    ...(useDualstack ? { useDualstackEndpoint: true } : {}),
  };
}

/** One call that has ended. */
export interface AwsCall extends Pick<CallContext, 'region'> {
  readonly operation: string;
  /** `success` or the reason of the Failure. */
  readonly code: string;
  /** The code of the error in the words of whoever answered; undefined without one. */
  readonly error?: string | undefined;
  /** Only a change of keys or rights helps. */
  readonly needsChange: boolean;
  readonly took: DurationMs;
}

export interface CallsOptions {
  readonly clock: Clock;
  readonly onCall?: (call: AwsCall) => void;
}

/** What the call asks, and what no message about it may repeat. */
export interface CallInputs extends CallContext {
  /** Everything that signs or proves the call: key id, secret, session token, web identity token. */
  readonly sentWith: readonly (string | undefined)[];
  /** Texts of the call's user that AWS repeats. */
  readonly written?: readonly (string | undefined)[];
  /** `host:port` of the proxy by which it goes, for the words of its failure; by default none. */
  readonly proxy?: () => string | undefined;
}

/** The texts of a pair that signs a call. */
export function textsOf({ accessKeyId, secretAccessKey, sessionToken }: AwsKeys): readonly (string | undefined)[] {
  return [accessKeyId, secretAccessKey, sessionToken];
}

/** For the configuration of an SDK client: the keys, and nothing else of the object. */
export function keysOf({ accessKeyId, secretAccessKey, sessionToken }: AwsKeys): {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
} {
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

/**
 * Carries out one call. It masks the call's secrets in any error and in its causes, before anything else reads them.
 *
 * @throws Failure, see failures.ts
 */
export type Call = <Answer>(
  operation: string,
  asked: CallInputs,
  send: (signal: AbortSignal) => Promise<Answer>,
  signal: AbortSignal,
) => Promise<Answer>;

/**
 * For all attempts together; a call that takes longer is abandoned, and holds up no other. Even one that ignores its
 * signal: the SDK waits indefinitely for the program that provides the operator's own identity (`credential_process`).
 */
const CALL_TIMEOUT = seconds(30);
/** Attempts of the SDK: it corrects a wrong clock between two of them. */
export const ATTEMPTS = 3;

export function createCalls({ clock, onCall = () => {} }: CallsOptions): Call {
  return async (operation, asked, send, signal) => {
    const started = clock.monotonic();
    const done = (code: string, needsChange = false, error?: string): void => {
      const took = (clock.monotonic() - started) as DurationMs;
      onCall({ operation, region: asked.region, code, error, needsChange, took });
    };
    try {
      const answer = await within(CALL_TIMEOUT, signal, clock, (inner) => Promise.race([send(inner), endOf(inner)]));
      done('success');
      return answer;
    } catch (thrown) {
      maskError(thrown, createMask(asked.sentWith, asked.written));
      const failure = failureOfAws(thrown, asked, asked.proxy?.());
      done(failure.reason, failure.next === 'change', codeOf(thrown));
      throw failure;
    }
  };
}

/** Rejects when the signal aborts; never resolves. */
async function endOf(signal: AbortSignal): Promise<never> {
  return await new Promise((_, reject) => {
    const end = (): void => reject(new DOMException('No answer in time', 'TimeoutError'));
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}
