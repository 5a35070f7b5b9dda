// A proxy between an operator and a real API server that does to requests what a test says: delays them, loses their
// answers, or acts as if the process had died at that moment.

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { listen } from '../../src/http/server.ts';
import type { ApiServerAccess } from '../../src/kube/access.ts';
import { recordOf } from '../../src/lib/json.ts';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import { makeSelfSigned } from './self-signed.ts';

export interface ProxiedRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly isWatch: boolean;
  readonly body: string;
}

/**
 * - `pass`: as without a proxy.
 * - `fail`: the API server never gets it, and the client gets a 504, as from a load balancer.
 * - `lose`: the API server handles it, and the answer never comes: the connection breaks.
 * - `empty`: a list comes without its items, as from a cache of the API server that is not filled yet.
 * - `die`: as `lose`, and nothing sent afterwards arrives, as if the process had been killed right then.
 */
export type Fate = 'pass' | 'fail' | 'lose' | 'empty' | 'die';

export interface FaultProxy {
  readonly access: ApiServerAccess;
  /** From now on `decide` chooses the fate of each request, which waits until its promise resolves. */
  decide(decide: (request: ProxiedRequest) => Fate | Promise<Fate>): void;
  /**
   * Whether watches that the API server ends stay open towards the client, as behind a load balancer that misses it.
   */
  keepStreams(keep: boolean): void;
  /** Breaks the connection of every watch that is open now. */
  cutStreams(): void;
  /** Whether watches are silent from now on, as without events; the held events come once it is false again. */
  holdStreams(hold: boolean): void;
  stop(): Promise<void>;
}

export async function startFaultProxy(plane: ControlPlane, token: string): Promise<FaultProxy> {
  const { certificate, key } = makeSelfSigned();
  const upstream = new Agent({ keepAlive: true, ca: plane.certificateAuthority });
  const sockets = new Set<Socket>();
  let decide: Parameters<FaultProxy['decide']>[0] = () => 'pass';
  let dead = false;
  let keepsStreams = false;
  let holdsStreams = false;
  const streams = new Set<IncomingMessage>();

  const die = (): void => {
    dead = true;
    for (const socket of sockets) socket.destroy();
  };

  const forward = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const body = await textOf(incoming);
    const { method = '', url = '' } = incoming;
    const isWatch = /[?&]watch=true/.test(url);
    const fate = await decide({ method, path: url.replace(/\?.*/, ''), isWatch, body });
    if (dead) return;
    if (fate === 'fail') return void outgoing.writeHead(504, { 'content-type': 'text/html' }).end('<html/>');
    const { host: _, ...headers } = incoming.headers;
    const asked = httpsRequest(`${plane.url}${url}`, { method, headers, agent: upstream });
    outgoing.on('close', () => asked.destroy());
    asked.on('error', () => outgoing.destroy());
    asked.on('response', (answer) => {
      if (fate === 'die') return die();
      if (fate === 'lose') return void outgoing.destroy();
      if (fate === 'empty') return void emptied(answer).then((text) => outgoing.end(text));
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.on('data', (chunk: Buffer) => outgoing.write(chunk));
      if (isWatch) {
        streams.add(answer);
        answer.on('close', () => streams.delete(answer));
        if (holdsStreams) answer.pause();
      }
      const isKept = (): boolean => isWatch && keepsStreams;
      answer.on('end', () => isKept() || outgoing.end());
      answer.on('error', () => isKept() || outgoing.destroy());
    });
    asked.end(body);
  };

  const server = createServer({ cert: certificate, key }, (incoming, outgoing) => {
    forward(incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.on('secureConnection', (socket: Socket) => {
    if (dead) socket.destroy();
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => {});
  const port = await listen(server, { host: '127.0.0.1', port: 0 });
  const credentials = { ca: certificate, headers: { authorization: `Bearer ${token}` } };

  return {
    access: {
      url: new URL(`https://127.0.0.1:${port}`),
      namespace: undefined,
      credentials: () => Promise.resolve(credentials),
      invalidate: () => {},
    },
    decide(next) {
      decide = next;
    },
    cutStreams() {
      for (const stream of streams) stream.destroy(new Error('cut'));
    },
    holdStreams(hold) {
      holdsStreams = hold;
      for (const stream of streams) {
        if (hold) stream.pause();
        else stream.resume();
      }
    },
    keepStreams(keep) {
      keepsStreams = keep;
    },
    async stop() {
      die();
      upstream.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** With its metadata, but without items and further pages. */
async function emptied(answer: IncomingMessage): Promise<string> {
  const list = recordOf(JSON.parse(await textOf(answer)));
  const { resourceVersion } = recordOf(list['metadata']);
  return JSON.stringify({ ...list, metadata: { resourceVersion }, items: [] });
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
