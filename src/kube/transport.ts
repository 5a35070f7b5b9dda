// What is asked of the API server over HTTP: a request or a stream of lines, each with a cap and a deadline.

import type { IncomingMessage } from 'node:http';
import { abortAfter, within } from '../lib/deadline.ts';
import { Failure } from '../lib/errors.ts';
import { parseJson } from '../lib/json.ts';
import { type Clock, type DurationMs, seconds } from '../lib/time.ts';
import { createWeightedSemaphore } from '../lib/weighted-semaphore.ts';
import { apiErrorFrom } from './api-error.ts';
import { type Line, linesOf } from './lines.ts';
import { type ApiRequest, createRequests, noAnswer, type RequestsOptions } from './requests.ts';
import { createRetryAfter } from './retry-after.ts';

/** An answer that was longer than the cap; `head` is its beginning, 16 KiB at most. */
export interface TooLarge {
  readonly head: string;
}

/** `bytes`: length of the body. */
export type ApiAnswer =
  | { readonly ok: true; readonly json: unknown; readonly bytes: number }
  | ({ readonly ok: false } & TooLarge);

/**
 * When the API server refuses a request because it has too much to do, all requests but urgent ones wait as long as it
 * said.
 */
export interface Transport {
  /**
   * One request and its whole answer.
   *
   * @throws ApiError for a status of 400 or more; Failure when there is no answer, or none that is JSON
   */
  send(request: ApiRequest, signal: AbortSignal): Promise<ApiAnswer>;
  /**
   * One GET whose answer is read line by line until it ends.
   *
   * @param deadline  after it the peer counts as dead, whatever it still sends
   * @throws as `send`, also in the middle of the stream
   */
  stream(request: ApiRequest, deadline: DurationMs, signal: AbortSignal): AsyncIterable<Line>;
  close(): void;
}

export interface TransportOptions extends RequestsOptions {
  readonly clock: Clock;
}

/** Requests in flight at once, streams not counted (docs/design/rules.md, rule 12). */
const IN_FLIGHT = 32;
/**
 * A second set of permits, for requests in flight for over a second: an admission webhook that does not answer holds
 * each write in its namespace for up to half a minute, and must not delay the others.
 */
const SLOW_IN_FLIGHT = 64;
/** A connection that is left for an urgent request. */
const URGENT = 1;
const REQUEST_TIMEOUT = seconds(30);
/** Most bytes of one answer or one line held (docs/design/rules.md, rule 14). */
export const BODY_CAP_BYTES = 4 * 1024 * 1024;
/** Bytes kept of an answer over the cap: the metadata of a list, and the beginning of its first object. */
const HEAD_BYTES = 16 * 1024;

export function createTransport(options: TransportOptions): Transport {
  const { clock } = options;
  const requests = createRequests(options, IN_FLIGHT + SLOW_IN_FLIGHT + URGENT);
  const inFlight = createWeightedSemaphore(IN_FLIGHT, SLOW_IN_FLIGHT, clock);
  const retryAfter = createRetryAfter(clock);

  const refuse = async (answer: IncomingMessage): Promise<void> => {
    const status = answer.statusCode ?? 0;
    if (status >= 200 && status < 300) return;
    const { text } = await bodyOf(answer);
    const error = apiErrorFrom(status, parseJson(text), answer.headers['retry-after']);
    retryAfter.heed(error);
    throw error;
  };

  const readAll = async (answer: IncomingMessage, signal: AbortSignal): Promise<ApiAnswer> => {
    try {
      await refuse(answer);
      const { text, bytes, whole } = await bodyOf(answer);
      return whole ? { ok: true, json: parse(text), bytes } : { ok: false, head: text };
    } catch (cause) {
      throw cause instanceof Failure ? cause : noAnswer(cause, signal);
    }
  };

  const sendNow = async (request: ApiRequest, signal: AbortSignal): Promise<ApiAnswer> => {
    request.onTurn?.('sent');
    return await within(REQUEST_TIMEOUT, signal, clock, async (inner) =>
      readAll(await requests.open(request, 'requests', inner), inner),
    );
  };

  return {
    async send(request, signal) {
      if (request.isUrgent) return await sendNow(request, signal);
      request.onTurn?.('waits');
      // A request that waits for the end of the Retry-After pause is not slow, and frees no permit for others.
      await retryAfter.passed(signal);
      const ask = (): Promise<ApiAnswer> => retryAfter.passed(signal).then(() => sendNow(request, signal));
      return await inFlight.run(1, ask, request.canWait);
    },
    async *stream(request, deadline, signal) {
      request.onTurn?.('waits');
      await retryAfter.passed(signal);
      request.onTurn?.('sent');
      const inner = abortAfter(deadline, signal, clock);
      try {
        const answer = await requests.open(request, 'streams', inner.signal);
        await refuse(answer);
        yield* linesOf(answer, BODY_CAP_BYTES);
      } catch (cause) {
        throw cause instanceof Failure ? cause : noAnswer(cause, inner.signal);
      } finally {
        inner.release();
        inner.abort();
      }
    },
    close: () => requests.close(),
  };
}

interface Body {
  readonly text: string;
  readonly bytes: number;
  readonly whole: boolean;
}

/** The body as text, or its beginning when it is longer than the cap; the rest is then not read. */
async function bodyOf(answer: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_CAP_BYTES) {
      answer.destroy();
      // A slice of the whole text would keep all of it in memory.
      return { text: Buffer.concat(chunks, HEAD_BYTES).toString('utf8'), bytes: size, whole: false };
    }
    chunks.push(chunk);
  }
  return { text: Buffer.concat(chunks).toString('utf8'), bytes: size, whole: true };
}

function parse(text: string): unknown {
  const json = parseJson(text);
  if (json !== undefined) return json;
  throw new Failure({
    next: 'backoff',
    reason: 'BadAnswer',
    message: 'the API server (or a proxy before it) answered with something that is not JSON',
  });
}
