// An HTTPS server that takes JSON from anybody at one path: the webhook. Whoever reaches the port may send it anything.
//
// Guarantees: what it holds of all bodies together is bounded, as text and as values, whoever sends them, and small ones are not
// kept out by large ones; a certificate is changed while it runs, and no connection notices.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
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
  /** New connections see this certificate. Without one, none comes about. */
  use(certificate: Certificate): void;
  /** Answers what is in hand and closes. */
  close(): Promise<void>;
}

export interface PostServerOptions {
  readonly address: BindAddress;
  readonly path: string;
  /** @param body  any JSON value */
  readonly answer: (body: unknown) => Promise<Reply>;
  /** Told of each bound that somebody reached. */
  readonly onRefused?: (bound: Bound) => void;
}

/** The largest body that the API server's own webhooks have to expect: two objects as large as etcd takes them (1.5 MiB). */
export const POST_CAP_BYTES = 3 * 1024 * 1024;
/** A body that is no longer needs no room of its own while it is read: connections bound how many there are. */
const SMALL_BYTES = 16 * 1024;
/** Of all larger bodies that are read. */
const READ_CAP_BYTES = 4 * 1024 * 1024;
/** Of all bodies that were parsed and are being answered, by what they cost: one of the largest, or hundreds of the usual. */
const PARSED_CAP_BYTES = 12 * 1024 * 1024;
/** What a value costs beside its text: that of an empty object in V8, with its place in a list. */
const VALUE_BYTES = 64;
/** What a byte of the text costs: two for a text that is not Latin, one for what is made of it. */
const TEXT_FACTOR = 3;
/** Reviews that are answered at once, fewer than there are connections; each may wait for AWS for three seconds. */
const ANSWERED = 150;
/** An object of ours with 10,000 namespaces, twice, has a fifth of these values, and is nested a dozen deep. */
const BOUNDS: JsonBounds = { depth: 100, values: 100_000 };
/** A body that takes longer than the API server waits (`timeoutSeconds`: 5) is of no use any more. */
const REQUEST_TIMEOUT_MS = 5_000;
/** How often Node looks for requests that are late. */
const CHECK_INTERVAL_MS = 1_000;
/** Longer than the API server keeps an idle connection (90 s, net/http's default transport): it closes, not we. */
const KEEP_ALIVE_MS = 120_000;
/** Who takes no byte of an answer for so long is cut off. */
const UNREAD_MS = 30_000;
const LIMITS: ConnectionLimits = { connections: 200, requestsEach: 4 };

/** @throws Failure when the address cannot be listened on */
export async function startPostServer(options: PostServerOptions): Promise<PostServer> {
  const { address, path, answer, onRefused = () => {} } = options;
  const reading = createShare(READ_CAP_BYTES);
  const parsed = createShare(PARSED_CAP_BYTES);
  const answered = createShare(ANSWERED);
  const inHand = new Set<Promise<void>>();

  const refuse = (bound: Bound, words: string): Reply => {
    onRefused(bound);
    return textReply(503, `${words}; nothing was looked at\n`);
  };
  const receive = async (request: IncomingMessage): Promise<Reply> => {
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
  /** What it does not need any more goes before it waits. */
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
    const json = parse(body);
    const reply = json === undefined ? Promise.resolve(textReply(400, 'the body is not JSON\n')) : answer(json);
    return reply.finally(() => {
      answeredEnds();
      parsedEnds();
    });
  };
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { status, contentType, body } = await receive(request).catch(() => textReply(500, 'internal error\n'));
    // What was not read would have to be read before the next request.
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
  // All of them in the end, too: once a handshake that is under way is done, nobody would close its connection.
  const connections = boundConnections(server, LIMITS, onRefused);
  return {
    port: await listen(server, address),
    use: ({ certificate, key }) => server.setSecureContext({ cert: certificate, key, minVersion: 'TLSv1.2' }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        void Promise.allSettled(inHand).then(() => {
          connections.destroy();
        });
      }),
  };
}

/** Something of which so much is there. The first always gets its part; who gets none is not to wait for it. */
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

/** @throws Error when the client goes away, or sends something else than it said */
async function read(request: IncomingMessage, length: number): Promise<Buffer> {
  // One piece of its own, which goes with the request: many small ones wait for the collector, outside of its sight.
  const body = Buffer.allocUnsafeSlow(length);
  let end = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) end += chunk.copy(body, end);
  return body.subarray(0, end);
}

/** Undefined: it is no JSON. The parser's words about it are not kept, there may be keys in them. */
function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
