// An HTTPS server that takes JSON from any client at one path: the webhook. Every client that reaches the port may send
// anything.
//
// Guarantees: all bodies together are bounded, as text and as values, whoever sends them, and large ones do not keep
// out small ones; a certificate changes while the server runs, and no connection notices.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { parseJson } from '../lib/json.ts';
import { type Bound, boundConnections, type ConnectionLimits } from './connections.ts';
import { countValues, type JsonBounds } from './json-bounds.ts';
import { type BindAddress, listen, type Reply, textReply } from './server.ts';

export interface Certificate {
  /** PEM, the server's own first. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
}

export interface PostServer {
  readonly port: number;
  /** New connections see this certificate. Without one, handshakes fail. */
  use(certificate: Certificate): void;
  /** Answers the requests in progress and closes. */
  close(): Promise<void>;
}

export interface PostServerOptions {
  readonly address: BindAddress;
  readonly path: string;
  /** @param body  any JSON value */
  readonly answer: (body: unknown) => Promise<Reply>;
  /** Called with each bound that a client reaches. */
  readonly onRefused?: (bound: Bound) => void;
}

/** The largest body that a webhook must expect of the API server: two objects of the largest size in etcd (1.5 MiB). */
export const POST_CAP_BYTES = 3 * 1024 * 1024;
/** A body up to this size needs no share while it is read: connections bound how many there are. */
const SMALL_BYTES = 16 * 1024;
/** Of all larger bodies that are read. */
const READ_CAP_BYTES = 4 * 1024 * 1024;
/** Of all parsed bodies that are being answered, by their cost: one of the largest, or hundreds of the usual. */
const PARSED_CAP_BYTES = 12 * 1024 * 1024;
/** Cost of a value beside its text: that of an empty object in V8, with its slot in a list. */
const VALUE_BYTES = 64;
/** Cost of a byte of the text: two for a text that is not Latin, one for the values made of it. */
const TEXT_FACTOR = 3;
/** Reviews that are answered at once, fewer than the connections; each may wait for AWS for three seconds. */
const ANSWERED = 150;
/** An object of the operator's kinds with 10,000 namespaces, twice, has a fifth of these values, and a dozen levels. */
const BOUNDS: JsonBounds = { depth: 100, values: 100_000 };
/** A body that takes longer than the API server waits (`timeoutSeconds`: 5) is useless. */
const REQUEST_TIMEOUT_MS = 5_000;
/** How often Node looks for late requests. */
const CHECK_INTERVAL_MS = 1_000;
/**
 * Longer than the API server keeps an idle connection (90 s, net/http's default transport), so that it closes first.
 */
const KEEP_ALIVE_MS = 120_000;
/** A client that reads no byte of an answer for so long is disconnected. */
const UNREAD_MS = 30_000;
const LIMITS: ConnectionLimits = { connections: 200, requestsEach: 4 };

/** @throws Failure when the address cannot be listened on */
export async function startPostServer(options: PostServerOptions): Promise<PostServer> {
  const receive = createReception(options);
  const inHand = new Set<Promise<void>>();

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { status, contentType, body } = await receive(request).catch(() => textReply(500, 'internal error\n'));
    // The rest of an unread body would have to be read before the next request.
    const close = request.complete ? {} : { connection: 'close' };
    response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body), ...close });
    response.end(body);
  };
  const server = createServer(
    {
      minVersion: 'TLSv1.2',
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: REQUEST_TIMEOUT_MS,
      handshakeTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
    (request, response) => {
      if (!connections.take(request, response)) return;
      const work = serve(request, response).finally(() => inHand.delete(work));
      inHand.add(work);
    },
  );
  server.timeout = UNREAD_MS;
  // Closes all of them at shutdown: nothing else closes a connection whose handshake completes then.
  const connections = boundConnections(server, LIMITS, options.onRefused ?? (() => {}));
  return {
    port: await listen(server, options.address),
    use: ({ certificate, key }) => server.setSecureContext({ cert: certificate, key, minVersion: 'TLSv1.2' }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        void Promise.allSettled(inHand).then(() => connections.destroy());
      }),
  };
}

/** The answer to each request, within the bounds of all. */
function createReception(options: PostServerOptions): (request: IncomingMessage) => Promise<Reply> {
  const { path, answer, onRefused = () => {} } = options;
  const reading = createShare(READ_CAP_BYTES);
  const parsed = createShare(PARSED_CAP_BYTES);
  const answered = createShare(ANSWERED);

  const refuse = (bound: Bound, words: string): Reply => {
    onRefused(bound);
    return textReply(503, `${words}; nothing was looked at\n`);
  };
  /** Drops the text before it waits for the answer. */
  const judge = (body: Buffer): Reply | Promise<Reply> => {
    const values = countValues(body, BOUNDS);
    if (values === undefined) return textReply(413, 'the body has too many values, or too deep ones\n');
    const answeredEnds = answered(1);
    if (!answeredEnds) return refuse('requests', 'too many reviews are in hand');
    const parsedEnds = parsed(TEXT_FACTOR * body.length + VALUE_BYTES * values);
    if (!parsedEnds) {
      answeredEnds();
      return refuse('bytes', 'too many large reviews are in hand');
    }
    const json = parseJson(body.toString('utf8'));
    const reply = json === undefined ? Promise.resolve(textReply(400, 'the body is not JSON\n')) : answer(json);
    return reply.finally(() => {
      answeredEnds();
      parsedEnds();
    });
  };

  return async (request) => {
    if (request.url?.split('?')[0] !== path) return textReply(404, 'not found\n');
    if (request.method !== 'POST') return textReply(405, 'only POST\n');
    const length = Number(request.headers['content-length']);
    if (!Number.isInteger(length)) return textReply(411, 'the request has no Content-Length\n');
    if (length > POST_CAP_BYTES) return textReply(413, `the body is larger than ${POST_CAP_BYTES} bytes\n`);
    const readingEnds = reading(length <= SMALL_BYTES ? 0 : length);
    if (!readingEnds) return refuse('bytes', 'too many large reviews are being read');
    let body: Buffer;
    try {
      body = await read(request, length);
    } finally {
      readingEnds();
    }
    return await judge(body);
  };
}

/** A bounded resource. The first request always gets its part; one that gets none must not wait for it. */
function createShare(capacity: number): (wanted: number) => (() => void) | undefined {
  let taken = 0;
  return (wanted) => {
    if (taken > 0 && taken + wanted > capacity) return undefined;
    taken += wanted;
    return () => {
      taken -= wanted;
    };
  };
}

/** @throws Error when the client disconnects, or sends another length than it announced */
async function read(request: IncomingMessage, length: number): Promise<Buffer> {
  // One buffer of its own, freed with the request: small pooled ones wait for a garbage collection that ignores their
  // size.
  const body = Buffer.allocUnsafeSlow(length);
  let end = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) end += chunk.copy(body, end);
  return body.subarray(0, end);
}
