// A small HTTP server for probes and metrics: exact paths, GET only, each route a function of nothing.

import { createServer } from 'node:http';
import type { Server, Socket } from 'node:net';
import { Failure } from '../lib/errors.ts';

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
  /** The port it listens on. */
  readonly port: number;
  close(): Promise<void>;
}

const REQUEST_TIMEOUT_MS = 10_000;
/** How often Node looks for requests that are late: by itself every thirty seconds only. */
const CHECK_INTERVAL_MS = 1_000;
const CONNECTIONS = 100;

export function textReply(status: number, body: string): Reply {
  return { status, contentType: 'text/plain; charset=utf-8', body };
}

/**
 * @param routes  by path, such as `/healthz`
 * @throws Failure when the address cannot be listened on
 */
export async function startHttpServer(address: BindAddress, routes: ReadonlyMap<string, Route>): Promise<HttpServer> {
  const server = createServer(
    {
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
    },
    (request, response) => {
      void answer(routes, request.method ?? '', request.url ?? '').then(({ status, contentType, body }) => {
        response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
        response.end(request.method === 'HEAD' ? undefined : body);
      });
    },
  );
  keepNewest(server, CONNECTIONS);
  return {
    port: await listen(server, address),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * Closes the oldest connection for each one over the limit. Turning the new one away (`maxConnections`) would let anybody
 * who opens enough of them and says nothing keep the kubelet's probes out, and the pod would be restarted for it.
 */
function keepNewest(server: Server, limit: number): void {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    const [oldest] = sockets;
    if (sockets.size <= limit || !oldest) return;
    sockets.delete(oldest);
    oldest.destroy();
  });
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
