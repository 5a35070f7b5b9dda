// The common part of the tests' CONNECT proxies: they record the requested targets, and close all sockets at their end.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';

export interface TunnelServer {
  /** Not listening yet. */
  readonly server: Server;
  /** `host:port` of every CONNECT, in order of arrival; a live view. */
  readonly tunnels: readonly string[];
  readonly clear: () => void;
  readonly stop: () => Promise<void>;
}

/** @param open  decides about one CONNECT, and grants or refuses it */
export function createTunnelServer(open: (target: string, socket: Socket) => void): TunnelServer {
  const tunnels: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    // Plain HTTP would send a key in clear text.
    tunnels.push(`plain ${request.url}`);
    response.writeHead(400).end();
  });
  server.on('connect', (request, socket: Socket) => {
    const target = request.url ?? '';
    tunnels.push(target);
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    open(target, socket);
  });
  return {
    server,
    tunnels,
    clear: () => void tunnels.splice(0),
    async stop() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** What comes on the socket afterwards is the tunnel. */
export function grantTunnel(socket: Socket): void {
  socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
}

/** @param statusLine  such as `403 Forbidden` */
export function refuseTunnel(socket: Socket, statusLine: string): void {
  socket.end(`HTTP/1.1 ${statusLine}\r\n\r\n`);
}
