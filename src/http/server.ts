// A small HTTP server for probes and metrics: exact paths, GET only, each route a function of nothing.

import { createServer } from 'node:http';
import type { Server } from 'node:net';
import { Failure } from '../lib/errors.ts';
import { type Bound, boundConnections, type ConnectionLimits, type InHand } from './connections.ts';

export interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export type Route = () => Reply | Promise<Reply>;

export interface BindAddress {
  /** Empty: all interfaces. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

export interface HttpServer {
  /** The port the server listens on. */
  readonly port: number;
  close(): Promise<void>;
}

const REQUEST_TIMEOUT_MS = 10_000;
/** How often Node looks for late requests: by default every thirty seconds only. */
const CHECK_INTERVAL_MS = 1_000;
const LIMITS: ConnectionLimits = { connections: 100, requestsEach: 4 };
/** A client that reads no byte of an answer for so long is disconnected. */
const UNREAD_MS = 30_000;
/** Of all answers being sent, one that goes to many clients counted once: the newest, and a few older ones. */
const UNREAD_CAP_BYTES = 4 * 1024 * 1024;

export function textReply(status: number, body: string): Reply {
  return { status, contentType: 'text/plain; charset=utf-8', body };
}

/**
 * @param routes     by path, such as `/healthz`; a reply that a route returns again is held once, however many read it
 * @param onRefused  called with each bound that a client reaches
 * @throws Failure when the address cannot be listened on
 */
export async function startHttpServer(
  address: BindAddress,
  routes: ReadonlyMap<string, Route>,
  onRefused: (bound: Bound) => void = () => {},
): Promise<HttpServer> {
  const server = createServer({
    requestTimeout: REQUEST_TIMEOUT_MS,
    headersTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
  });
  server.timeout = UNREAD_MS;
  const connections = boundConnections(server, LIMITS, onRefused);
  const send = createSender();
  server.on('request', (request, response) => {
    const inHand = connections.take(request, response);
    if (!inHand) return;
    void answer(routes, request.method ?? '', request.url ?? '').then((reply) => {
      const body = send(reply, inHand);
      response.writeHead(reply.status, { 'content-type': reply.contentType, 'content-length': body.length });
      response.end(request.method === 'HEAD' ? undefined : body);
    });
  });
  return {
    port: await listen(server, address),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        connections.destroy();
      }),
  };
}

/**
 * Bounds the answers that clients have not read yet: clients of the oldest are disconnected.
 *
 * @returns the body of a reply, one for all its clients
 */
function createSender(): (reply: Reply, to: InHand) => Buffer {
  const onTheirWay = new Map<Reply, { readonly body: Buffer; readonly to: Set<InHand> }>();
  const cutOldest = (): void => {
    let bytes = [...onTheirWay.values()].reduce((sum, { body }) => sum + body.length, 0);
    for (const { body, to } of [...onTheirWay.values()].slice(0, -1)) {
      if (bytes <= UNREAD_CAP_BYTES) return;
      bytes -= body.length;
      for (const one of to) one.cut('unread');
    }
  };
  return (reply, to) => {
    const sent = onTheirWay.get(reply) ?? { body: Buffer.from(reply.body), to: new Set() };
    onTheirWay.set(reply, sent);
    sent.to.add(to);
    to.onDone(() => {
      sent.to.delete(to);
      if (sent.to.size === 0) onTheirWay.delete(reply);
    });
    cutOldest();
    return sent.body;
  };
}

async function answer(routes: ReadonlyMap<string, Route>, method: string, url: string): Promise<Reply> {
  const route = routes.get(url.split('?')[0] ?? '');
  if (!route) return textReply(404, 'not found\n');
  if (method !== 'GET' && method !== 'HEAD') return textReply(405, 'only GET\n');
  try {
    return await route();
  } catch {
    return textReply(500, 'internal error\n');
  }
}

/**
 * @returns the port
 * @throws Failure when the address cannot be listened on
 */
export async function listen(server: Server, { host, port }: BindAddress): Promise<number> {
  await new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'EADDRINUSE' ? 'something else listens there' : (cause.code ?? 'unknown');
      reject(
        new Failure({
          next: 'stop',
          reason: 'CannotListen',
          message: `cannot listen on ${host}:${port}: ${why}`,
          cause,
        }),
      );
    });
    server.listen(port, host === '' ? undefined : host, () => resolve(undefined));
  });
  const bound = server.address();
  return typeof bound === 'object' && bound ? bound.port : port;
}
