// One request to the API server over HTTP, until its answer begins.

import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import type { SecureContext } from 'node:tls';
import { Failure } from '../lib/errors.ts';
import type { NameLookup } from '../lib/name-lookup.ts';
import type { ApiCredentials, ApiServerAccess } from './access.ts';
import { createConnectionPool, TCP_KEEP_ALIVE_MS } from './connections.ts';

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
  /** It is sent when no other request waits for a permit, or once 32 others were sent before it. */
  readonly canWait?: boolean;
  /**
   * Is notified when the request begins to wait for a permit, and when it is sent: never during the Retry-After pause.
   */
  readonly onTurn?: OnTurn | undefined;
  /** Asked right before the request is sent; false: it is not sent, and the caller gets a Failure. */
  readonly mayBeSent?: (() => boolean) | undefined;
  /** It waits neither for a permit nor for the end of a Retry-After pause: at most one such request at a time. */
  readonly isUrgent?: boolean | undefined;
}

/** Content type (RFC 6902). */
export const JSON_PATCH = 'application/json-patch+json';

export type OnTurn = (turn: 'waits' | 'sent') => void;

export interface RequestsOptions {
  readonly access: ApiServerAccess;
  readonly userAgent: string;
  /** Resolves the API server's host name; undefined: Node's own. */
  readonly lookup?: NameLookup;
  /** Is notified of every answer; the code is `<error>` when there was none, as client-go's metric has it. */
  readonly onAnswer?: (method: string, code: string) => void;
}

/** @param most  upper bound of the connections for requests */
export function createRequests(options: RequestsOptions, most: number) {
  const { access, lookup, onAnswer = () => {} } = options;
  const server = serverOf(access.url);
  const pool = createConnectionPool(most, { lookup, proxyEnv: access.proxyEnv });
  return {
    /**
     * Sends a request and waits for the head of its answer, whatever its status.
     *
     * @throws Failure when there is none
     */
    async open(request: ApiRequest, over: 'requests' | 'streams', signal: AbortSignal): Promise<IncomingMessage> {
      const credentials = await inTime(access.credentials(), signal);
      const { secureContext, [over]: agent } = pool.connections(credentials);
      const body = request.body === undefined ? undefined : Buffer.from(textOf(request));
      if (request.mayBeSent?.() === false)
        throw new Failure({ next: 'backoff', reason: 'NotLeading', message: 'this replica leads no longer' });
      // `secureContext` is an option of tls.connect; node:https passes it on.
      const sent: RequestOptions & { readonly secureContext: SecureContext } = {
        ...optionsOf(request, body, credentials, options.userAgent),
        hostname: server.hostname,
        port: server.port,
        path: server.prefix + pathOf(request),
        secureContext,
        agent,
      };
      try {
        const answer = await answerOf(httpsRequest(sent), body, signal);
        onAnswer(request.method, String(answer.statusCode));
        if (answer.statusCode === 401) access.invalidate();
        return answer;
      } catch (cause) {
        onAnswer(request.method, '<error>');
        throw noAnswer(cause, signal);
      }
    },
    close: (): void => pool.close(),
  };
}

function optionsOf(
  request: ApiRequest,
  body: Buffer | undefined,
  { servername, rejectUnauthorized, headers }: ApiCredentials,
  userAgent: string,
): RequestOptions {
  return {
    ...(servername === undefined ? {} : { servername }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
    method: request.method,
    headers: {
      accept: request.accept ?? 'application/json',
      'user-agent': userAgent,
      ...headers,
      // Node does not frame a DELETE body by itself, and the API server then ignores the preconditions in it
      // (nodejs/node#27880).
      ...(body
        ? { 'content-type': request.contentType ?? 'application/json', 'content-length': String(body.length) }
        : {}),
    },
  };
}

/** Read once: the profile showed what reading a URL for each request costs. */
function serverOf({ hostname, port, pathname }: URL) {
  return {
    hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? 443 : port,
    prefix: pathname.replace(/\/$/, ''),
  };
}

function pathOf({ path, query }: ApiRequest): string {
  if (query === undefined) return path;
  const parameters = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `${path}${parameters.length === 0 ? '' : `?${parameters.join('&')}`}`;
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

/**
 * The API server compares the texts that a JSON patch tests as they are written, not as they are meant, and writes
 * these characters as Go's encoder does (evanphx/json-patch 4, seen with Kubernetes 1.37.2).
 */
const ESCAPED_BY_GO = /[<>&\u2028\u2029]/g;

function textOf({ body, contentType }: ApiRequest): string {
  const text = JSON.stringify(body);
  if (contentType !== JSON_PATCH) return text;
  return text.replace(ESCAPED_BY_GO, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
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

export function noAnswer(cause: unknown, signal: AbortSignal): Failure {
  const message = signal.aborted ? 'the API server did not answer in time' : 'no connection to the API server';
  return new Failure({ next: 'backoff', reason: 'ApiServerUnreachable', message, cause });
}
