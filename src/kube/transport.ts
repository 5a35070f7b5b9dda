// The only file that speaks HTTP with the API server: a request or a stream of lines, each with a cap and a deadline.

import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import type { SecureContext } from 'node:tls';
import { Failure } from '../lib/errors.ts';
import type { NameLookup } from '../lib/name-lookup.ts';
import { type Clock, type DurationMs, seconds } from '../lib/time.ts';
import { createWeightedSemaphore } from '../lib/weighted-semaphore.ts';
import type { ApiCredentials, ApiServerAccess } from './access.ts';
import { apiErrorFrom } from './api-error.ts';
import { createConnectionPool, TCP_KEEP_ALIVE_MS } from './connections.ts';
import { type Line, linesOf } from './lines.ts';
import { createRetryAfter } from './retry-after.ts';

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Already encoded (kube/path.ts). */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly contentType?: string;
  /** Another form of the answer than the whole object; it must be JSON too. */
  readonly accept?: string;
  /**
   * Is notified when the request begins to wait for a permit, and when it is sent: never during the Retry-After pause.
   */
  readonly onTurn?: OnTurn | undefined;
}

export type OnTurn = (turn: 'waits' | 'sent') => void;

/** An answer that was longer than the cap; `head` is its beginning, 16 KiB at most. */
export interface TooLarge {
  readonly head: string;
}

/** `bytes`: length of the body. */
export type ApiAnswer =
  | { readonly ok: true; readonly json: unknown; readonly bytes: number }
  | ({ readonly ok: false } & TooLarge);

/** When the API server refuses a request because it has too much to do, all requests wait as long as it said. */
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

export interface TransportOptions {
  readonly access: ApiServerAccess;
  readonly clock: Clock;
  readonly userAgent: string;
  /** Resolves the API server's host name; undefined: Node's own. */
  readonly lookup?: NameLookup;
  /** Is notified of every answer; the code is `<error>` when there was none, as client-go's metric has it. */
  readonly onAnswer?: (method: string, code: string) => void;
}

/** Requests in flight at once, streams not counted (docs/design/rules.md, rule 12). */
const IN_FLIGHT = 32;
/**
 * A second set of permits, for requests in flight for over a second: an admission webhook that does not answer holds
 * each write in its namespace for up to half a minute, and must not delay the others.
 */
const SLOW_IN_FLIGHT = 64;
const REQUEST_TIMEOUT = seconds(30);
/** Most bytes of one answer or one line held (docs/design/rules.md, rule 14). */
export const BODY_CAP_BYTES = 4 * 1024 * 1024;
/** Bytes kept of an answer over the cap: the metadata of a list, and the beginning of its first object. */
const HEAD_BYTES = 16 * 1024;

export function createTransport({
  access,
  clock,
  userAgent,
  lookup,
  onAnswer = () => {},
}: TransportOptions): Transport {
  const pool = createConnectionPool(IN_FLIGHT + SLOW_IN_FLIGHT, lookup);
  const inFlight = createWeightedSemaphore(IN_FLIGHT, SLOW_IN_FLIGHT, clock);
  const retryAfter = createRetryAfter(clock);

  const open = async (
    request: ApiRequest,
    over: 'requests' | 'streams',
    signal: AbortSignal,
  ): Promise<IncomingMessage> => {
    const credentials = await inTime(access.credentials(), signal);
    const connections = pool.connections(credentials);
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    // `secureContext` is an option of tls.connect; node:https passes it on.
    const options: RequestOptions & { readonly secureContext: SecureContext } = {
      ...target(access.url),
      path: pathOf(access.url, request),
      secureContext: connections.secureContext,
      ...(credentials.servername === undefined ? {} : { servername: credentials.servername }),
      ...(credentials.rejectUnauthorized === undefined ? {} : { rejectUnauthorized: credentials.rejectUnauthorized }),
      agent: connections[over],
      method: request.method,
      headers: {
        accept: request.accept ?? 'application/json',
        'user-agent': userAgent,
        ...credentials.headers,
        // Node does not frame a DELETE body by itself, and the API server then ignores the preconditions in it
        // (nodejs/node#27880).
        ...(body
          ? { 'content-type': request.contentType ?? 'application/json', 'content-length': String(body.length) }
          : {}),
      },
    };
    try {
      const answer = await answerOf(httpsRequest(options), body, signal);
      onAnswer(request.method, String(answer.statusCode));
      if (answer.statusCode === 401) access.invalidate();
      return answer;
    } catch (cause) {
      onAnswer(request.method, '<error>');
      throw noAnswer(cause, signal);
    }
  };

  const refuse = async (answer: IncomingMessage): Promise<void> => {
    const status = answer.statusCode ?? 0;
    if (status >= 200 && status < 300) return;
    const { text } = await bodyOf(answer);
    const error = apiErrorFrom(status, parseOr(text, undefined), answer.headers['retry-after']);
    retryAfter.heed(error);
    throw error;
  };

  return {
    async send(request, signal) {
      request.onTurn?.('waits');
      // A request that waits for the end of the Retry-After pause is not slow, and frees no permit for others.
      await retryAfter.passed(signal);
      return await inFlight.run(1, async (): Promise<ApiAnswer> => {
        await retryAfter.passed(signal);
        request.onTurn?.('sent');
        return await within(clock, REQUEST_TIMEOUT, signal, async (inner): Promise<ApiAnswer> => {
          const answer = await open(request, 'requests', inner);
          try {
            await refuse(answer);
            const { text, bytes, whole } = await bodyOf(answer);
            return whole ? { ok: true, json: parse(text), bytes } : { ok: false, head: text };
          } catch (cause) {
            throw cause instanceof Failure ? cause : noAnswer(cause, inner);
          }
        });
      });
    },
    async *stream(request, deadline, signal) {
      request.onTurn?.('waits');
      await retryAfter.passed(signal);
      request.onTurn?.('sent');
      const ended = new AbortController();
      const end = (): void => ended.abort();
      const cancel = clock.after(deadline, end);
      signal.addEventListener('abort', end, { once: true });
      if (signal.aborted) end();
      try {
        const answer = await open(request, 'streams', ended.signal);
        await refuse(answer);
        yield* linesOf(answer, BODY_CAP_BYTES);
      } catch (cause) {
        throw cause instanceof Failure ? cause : noAnswer(cause, ended.signal);
      } finally {
        cancel();
        signal.removeEventListener('abort', end);
        ended.abort();
      }
    },
    close: () => pool.close(),
  };
}

function target(url: URL): Pick<RequestOptions, 'hostname' | 'port'> {
  return { hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'), port: url.port === '' ? 443 : url.port };
}

/** Built as text: the profile showed the parsing of a URL for each request. */
function pathOf(url: URL, { path, query }: ApiRequest): string {
  const parameters = Object.entries(query ?? {}).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `${url.pathname.replace(/\/$/, '')}${path}${parameters.length === 0 ? '' : `?${parameters.join('&')}`}`;
}

/**
 * Waits no longer than the signal allows. That does not stop a kubeconfig plugin that hangs: it may be asking its user.
 */
function inTime(credentials: Promise<ApiCredentials>, signal: AbortSignal): Promise<ApiCredentials> {
  return new Promise((resolve, reject) => {
    const abort = (): void =>
      reject(
        new Failure({
          next: 'backoff',
          reason: 'NoCredentials',
          message: 'the credentials for the API server did not come in time (does a plugin of the kubeconfig hang?)',
        }),
      );
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    void credentials.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** Sends the request and waits for the head of its answer; an abort ends it at any point, also before the head. */
function answerOf(request: ClientRequest, body: Buffer | undefined, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const abort = (): void => void request.destroy(new Error('aborted'));
    request.on('response', resolve);
    request.on('error', reject);
    request.on('close', () => {
      signal.removeEventListener('abort', abort);
      // An answer that changes the protocol (101) ends the request with neither of the two. After an answer this has no
      // effect.
      reject(new Error('closed without an answer'));
    });
    request.on('socket', (socket) => socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS));
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    else request.end(body);
  });
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

async function within<Result>(
  clock: Clock,
  limit: DurationMs,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const inner = new AbortController();
  const abort = (): void => inner.abort();
  const cancel = clock.after(limit, abort);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await work(inner.signal);
  } finally {
    cancel();
    signal.removeEventListener('abort', abort);
  }
}

function parseOr(text: string, otherwise: unknown): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return otherwise;
  }
}

/** The parser's message is not kept: it may quote a Secret. */
function parse(text: string): unknown {
  const json = parseOr(text, undefined);
  if (json !== undefined) return json;
  throw new Failure({
    next: 'backoff',
    reason: 'BadAnswer',
    message: 'the API server (or a proxy before it) answered with something that is not JSON',
  });
}

function noAnswer(cause: unknown, signal: AbortSignal): Failure {
  const message = signal.aborted ? 'the API server did not answer in time' : 'no connection to the API server';
  return new Failure({ next: 'backoff', reason: 'ApiServerUnreachable', message, cause });
}
