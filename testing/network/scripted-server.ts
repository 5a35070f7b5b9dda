// A TLS server on loopback that answers each request exactly as a test says, even as no good server would.

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { listen } from '../../src/http/server.ts';
import type { ApiServerAccess } from '../../src/kube/access.ts';
import { eventually } from '../api-server/test-api.ts';
import { makeSelfSigned } from './self-signed.ts';

/** One request, and the means to answer it. A test that uses none of them leaves the client without an answer. */
export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
  /** Of the connection. */
  readonly clientPort: number | undefined;
  /** PEM; undefined: the client showed none. */
  readonly clientCertificate: string | undefined;
  /** A whole answer; `body` is sent as it is when it is text, else as JSON. */
  answer(status: number, body: unknown, headers?: Readonly<Record<string, string>>): void;
  /** The head of an answer of unknown length. */
  begin(headers?: Readonly<Record<string, string>>): void;
  /** A part of it, in one TLS record. Text is sent as it is, bytes too, anything else as one line of JSON. */
  write(part: unknown): void;
  /** Ends the answer properly. */
  end(): void;
  /** Text on the connection itself, instead of an answer made by Node. */
  raw(text: string): void;
  /** Cuts the connection. */
  cut(): void;
  /** Whether the client has cancelled the request, or has read all of the answer. */
  readonly isOver: boolean;
}

export type Script = (exchange: Exchange) => void;

export interface ScriptedServer {
  readonly url: string;
  readonly certificate: string;
  /** Every request so far. */
  readonly requests: readonly Exchange[];
  /** The next request that no earlier call of `next`, and no script, has taken. */
  next(): Promise<Exchange>;
  /** From now on `script` answers; undefined: requests wait for `next` again. */
  script(script: Script | undefined): void;
  /** Connections that the client keeps open. */
  openSockets(): number;
  /** For a client: the address of the server, with a meaningless token. */
  access(changes?: Partial<ApiServerAccess>): ApiServerAccess;
  stop(): Promise<void>;
}

export async function startScriptedServer(): Promise<ScriptedServer> {
  const { certificate, key } = makeSelfSigned();
  const sockets = new Set<Socket>();
  const requests: Exchange[] = [];
  const waiting: Exchange[] = [];
  let current: Script | undefined;

  const tls = { cert: certificate, key, requestCert: true, rejectUnauthorized: false };
  const server = createServer({ ...tls, keepAlive: true }, (request, response) => {
    void exchangeOf(request, response).then((exchange) => {
      if (!exchange) return;
      requests.push(exchange);
      if (current) current(exchange);
      else waiting.push(exchange);
    });
  });
  server.on('secureConnection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => {});
  const url = `https://127.0.0.1:${await listen(server, { host: '127.0.0.1', port: 0 })}`;

  return {
    url,
    certificate,
    requests,
    next: () => eventually(() => waiting.shift()),
    script(script) {
      current = script;
      if (script) for (const exchange of waiting.splice(0)) script(exchange);
    },
    openSockets: () => sockets.size,
    access: (changes = {}) => ({
      url: new URL(url),
      namespace: undefined,
      credentials: () => Promise.resolve({ ca: certificate, headers: { authorization: 'Bearer nothing' } }),
      invalidate: () => {},
      ...changes,
    }),
    async stop() {
      server.close();
      server.closeAllConnections();
      for (const socket of sockets) socket.destroy();
      if (server.listening) await once(server, 'close');
    },
  };
}

/** Undefined: the client cancelled before the request was complete. */
async function exchangeOf(request: IncomingMessage, response: ServerResponse): Promise<Exchange | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  } catch {
    return undefined;
  }
  const { pathname, searchParams } = new URL(request.url ?? '', 'https://127.0.0.1');
  let isOver = false;
  response.on('close', () => {
    isOver = true;
  });
  return {
    method: request.method ?? '',
    path: pathname,
    query: Object.fromEntries(searchParams),
    headers: request.headers,
    body: Buffer.concat(chunks).toString('utf8'),
    clientPort: request.socket.remotePort,
    clientCertificate: (request.socket as TLSSocket).getPeerX509Certificate()?.toString(),
    answer(status, body, headers = {}) {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(text);
    },
    begin(headers = {}) {
      response.writeHead(200, { 'content-type': 'application/json', ...headers });
      response.flushHeaders();
    },
    write(part) {
      response.write(typeof part === 'string' || Buffer.isBuffer(part) ? part : `${JSON.stringify(part)}\n`);
    },
    end: () => void response.end(),
    raw: (text) => void request.socket.write(text),
    cut: () => void request.socket.destroy(),
    get isOver() {
      return isOver;
    },
  };
}
