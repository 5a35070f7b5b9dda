// An HTTP proxy on loopback that sees every CONNECT and hands the content of the tunnel, without its TLS, to the test's
// server. It connects to nothing else: the requested names need not exist.

import type { Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { listen } from '../../src/http/server.ts';
import type { Authority } from './self-signed.ts';
import { createTunnelServer, grantTunnel, refuseTunnel, type TunnelServer } from './tunnel-server.ts';

export interface ConnectProxy extends Omit<TunnelServer, 'server'> {
  /** Value of `HTTPS_PROXY`. */
  readonly url: string;
  /** From now on every CONNECT gets this status line, such as `403 Forbidden`; undefined: a tunnel again. */
  refuse(statusLine: string | undefined): void;
}

export interface ConnectProxyOptions {
  /** Signs for every requested host; clients must trust it. */
  readonly authority: Authority;
  /** Takes the connection to `host`. */
  readonly serve: (host: string, socket: Socket) => void;
}

export async function startConnectProxy({ authority, serve }: ConnectProxyOptions): Promise<ConnectProxy> {
  let refusal: string | undefined;
  const { server, ...rest } = createTunnelServer((target, socket) => {
    if (refusal !== undefined) return refuseTunnel(socket, refusal);
    grantTunnel(socket);
    const host = target.replace(/:\d+$/, '');
    const { certificate: cert, key } = authority.issue(host);
    const inner = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext({ cert, key }) });
    inner.on('error', () => socket.destroy());
    serve(host, inner);
  });
  const port = await listen(server, { host: '127.0.0.1', port: 0 });
  return {
    ...rest,
    url: `http://127.0.0.1:${port}`,
    refuse(statusLine) {
      refusal = statusLine;
    },
  };
}
