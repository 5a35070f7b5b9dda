// An HTTP proxy on loopback that sees every CONNECT and hands what is inside the tunnel, TLS taken off, to a server of the test's.
// Nothing goes any further: the names that are asked for need not exist.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { listen } from '../http/server.ts';
import type { Authority } from './self-signed.ts';

export interface ConnectProxy {
  /** Value of `HTTPS_PROXY`. */
  readonly url: string;
  /** `host:port` of every CONNECT, in order of arrival; a live view. */
  readonly tunnels: readonly string[];
  clear(): void;
  /** From now on every CONNECT gets this status line, such as `403 Forbidden`; undefined: a tunnel again. */
  refuse(statusLine: string | undefined): void;
  stop(): Promise<void>;
}

export interface ConnectProxyOptions {
  /** Signs for every host that is asked for; its clients have to trust it. */
  readonly authority: Authority;
  /** Takes the connection to `host`. */
  readonly serve: (host: string, socket: Socket) => void;
}

export async function startConnectProxy({ authority, serve }: ConnectProxyOptions): Promise<ConnectProxy> {
  const tunnels: string[] = [];
  const sockets = new Set<Socket>();
  let refusal: string | undefined;
  const server = createServer((request, response) => {
    // Plain HTTP would be a key in clear text on the wire.
    tunnels.push(`plain ${request.url}`);
    response.writeHead(400).end();
  });
  server.on('connect', (request, socket: Socket) => {
    const target = request.url ?? '';
    tunnels.push(target);
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    if (refusal !== undefined) return void socket.end(`HTTP/1.1 ${refusal}\r\n\r\n`);
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    const host = target.replace(/:\d+$/, '');
    const { certificate: cert, key } = authority.issue(host);
    const inner = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext({ cert, key }) });
    inner.on('error', () => socket.destroy());
    serve(host, inner);
  });
  const port = await listen(server, { host: '127.0.0.1', port: 0 });
  return {
    url: `http://127.0.0.1:${port}`,
    tunnels,
    clear: () => void tunnels.splice(0),
    refuse(statusLine) {
      refusal = statusLine;
    },
    async stop() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await closed;
    },
  };
}
