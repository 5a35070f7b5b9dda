// Bounds what those who connect to a server can make it hold: connections, and requests of each that are in hand.
//
// Guarantee: whoever comes is let in. The place is taken from the connection that is least in use, the oldest of those.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';

export interface ConnectionLimits {
  readonly connections: number;
  /** Requests of one connection that are in hand at once, so those that a client sends before it has the answer to others. */
  readonly requestsEach: number;
}

/** A bound that was reached, for a metric. */
export type Bound = 'connections' | 'pipelined' | 'requests' | 'bytes' | 'unread';

export interface Connections {
  /**
   * Takes a request in hand until its answer has left the process, or its connection has ended.
   *
   * @param response  the answer to it
   * @returns undefined when its connection has too many in hand: it is closed, and nothing is to be done for the request
   */
  take(request: IncomingMessage, response: ServerResponse): InHand | undefined;
  /** Closes all, those whose handshake is under way too. */
  destroy(): void;
}

/** A request that is in hand. */
export interface InHand {
  /** Calls back once, when the request is no longer in hand; at once if it is not. */
  onDone(callback: () => void): void;
  /** Closes its connection. */
  cut(bound: Bound): void;
}

interface Connection {
  readonly socket: Socket;
  /** Each with what is to be done at its end: Node says nothing of an answer whose turn on the connection never came. */
  readonly inHand: Map<IncomingMessage, (() => void)[]>;
}

/**
 * What a parser is given at once. Node reads 64 KiB, which hold 1,700 requests, and makes all of them before it can be told that
 * the connection is closed: with a hundred connections, half a gigabyte.
 */
const PIECE_BYTES = 1024;

/** @param server  of plain HTTP or of HTTPS, before it listens */
export function boundConnections(
  server: Server,
  limits: ConnectionLimits,
  onRefused: (bound: Bound) => void,
): Connections {
  const all = new Set<Connection>();
  const bySocket = new WeakMap<Socket, Connection>();

  const forget = (connection: Connection): void => {
    all.delete(connection);
    for (const request of connection.inHand.keys()) finish(connection, request);
  };
  const close = (connection: Connection, bound: Bound): void => {
    if (!all.has(connection)) return;
    forget(connection);
    connection.socket.destroy();
    onRefused(bound);
  };
  server.on('connection', (socket: Socket) => {
    const connection: Connection = { socket, inHand: new Map() };
    all.add(connection);
    bySocket.set(socket, connection);
    socket.once('close', () => forget(connection));
    if (!(server instanceof TlsServer)) parseInPieces(socket);
    if (all.size > limits.connections) close(leastInUse(all), 'connections');
  });
  // Requests come on a socket of their own, which has the address of the one below it.
  server.on('secureConnection', (secure: Socket) => {
    const name = nameOf(secure);
    const connection = [...all].find(({ socket }) => nameOf(socket) === name);
    if (!connection) return void secure.destroy();
    bySocket.set(secure, connection);
    parseInPieces(secure);
  });

  return {
    take(request, response) {
      const connection = bySocket.get(request.socket);
      // What was parsed before its connection was closed is of no use.
      if (!connection || !all.has(connection)) return undefined;
      if (connection.inHand.size >= limits.requestsEach) {
        close(connection, 'pipelined');
        return undefined;
      }
      connection.inHand.set(request, []);
      response.once('close', () => finish(connection, request));
      return {
        onDone(callback) {
          const callbacks = connection.inHand.get(request);
          if (callbacks) callbacks.push(callback);
          else callback();
        },
        cut: (bound) => close(connection, bound),
      };
    },
    destroy() {
      for (const { socket } of all) socket.destroy();
    },
  };
}

function finish({ inHand }: Connection, request: IncomingMessage): void {
  const callbacks = inHand.get(request) ?? [];
  inHand.delete(request);
  for (const callback of callbacks) callback();
}

/** The oldest that is idle or in its handshake; else the oldest that still sends; else the oldest. */
function leastInUse(connections: ReadonlySet<Connection>): Connection {
  const [first, ...others] = connections;
  if (!first) throw new Error('there is no connection');
  return others.reduce((least, one) => (useOf(one) < useOf(least) ? one : least), first);
}

function useOf({ inHand }: Connection): number {
  if (inHand.size === 0) return 0;
  return [...inHand.keys()].some(({ complete }) => complete) ? 2 : 1;
}

function nameOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): string {
  return `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`;
}

/** Puts itself between a socket and the parser that listens to it, and ends when the socket does. */
function parseInPieces(socket: Socket): void {
  const listeners = socket.listeners('data') as ((chunk: Buffer) => void)[];
  socket.removeAllListeners('data');
  socket.on('data', (chunk: Buffer) => {
    for (let at = 0; at < chunk.length && !socket.destroyed; at += PIECE_BYTES) {
      const piece = chunk.subarray(at, at + PIECE_BYTES);
      for (const listener of listeners) listener.call(socket, piece);
    }
  });
}
