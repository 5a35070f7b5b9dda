// An HTTPS server that takes JSON from anybody at one path: the webhook. Whoever reaches the port may send it anything.
//
// Guarantees: what it holds of all bodies together is bounded, whoever sends them; a certificate is changed while it runs,
// and no connection notices.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { isWithin, type JsonBounds } from './json-bounds.ts';
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
}

/** The largest body that the API server's own webhooks have to expect: two objects as large as etcd takes them (1.5 MiB). */
export const BODY_CAP_BYTES = 3 * 1024 * 1024;
/** Of all bodies together: one of the largest, or a thousand of the usual; each costs several times its length. */
const ALL_BODIES_CAP_BYTES = 4 * 1024 * 1024;
/** An object of ours with 10,000 namespaces, twice, has a fifth of these values, and is nested a dozen deep. */
const BOUNDS: JsonBounds = { depth: 100, values: 100_000 };
/** A body that takes longer than the API server waits (`timeoutSeconds`: 5) is of no use any more. */
const REQUEST_TIMEOUT_MS = 5_000;
/** How often Node looks for requests that are late. */
const CHECK_INTERVAL_MS = 1_000;
/** Longer than the API server keeps an idle connection (90 s, net/http's default transport): it closes, not we. */
const KEEP_ALIVE_MS = 120_000;
const CONNECTIONS = 200;

/** @throws Failure when the address cannot be listened on */
export async function startPostServer({ address, path, answer }: PostServerOptions): Promise<PostServer> {
  let held = 0;
  const inHand = new Set<Promise<void>>();
  const receive = async (request: IncomingMessage): Promise<Reply> => {
    if (request.url?.split('?')[0] !== path) return textReply(404, 'not found\n');
    if (request.method !== 'POST') return textReply(405, 'only POST\n');
    const length = Number(request.headers['content-length']);
    if (!Number.isInteger(length)) return textReply(411, 'the request has no Content-Length\n');
    if (length > BODY_CAP_BYTES) return textReply(413, `the body is larger than ${BODY_CAP_BYTES} bytes\n`);
    if (held + length > ALL_BODIES_CAP_BYTES) return textReply(503, 'too much to do\n');
    held += length;
    try {
      const body = await read(request, length);
      if (!isWithin(body, BOUNDS)) return textReply(413, 'the body has too many values, or too deep ones\n');
      const json = parse(body);
      if (json === undefined) return textReply(400, 'the body is not JSON\n');
      return await answer(json);
    } catch {
      return textReply(500, 'internal error\n');
    } finally {
      held -= length;
    }
  };
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { status, contentType, body } = await receive(request);
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
      const work = serve(request, response).finally(() => inHand.delete(work));
      inHand.add(work);
    },
  );
  server.maxConnections = CONNECTIONS;
  // Also those whose handshake is under way: once it is done, nobody would close them, and the API server keeps them idle for 90 s.
  const sockets = new Set<Duplex>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return {
    port: await listen(server, address),
    use: ({ certificate, key }) => server.setSecureContext({ cert: certificate, key, minVersion: 'TLSv1.2' }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        void Promise.allSettled(inHand).then(() => {
          server.closeAllConnections();
          for (const socket of sockets) socket.destroy();
        });
      }),
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
