// Bounds what the clients of a server can make it hold: connections, and the requests in progress on each.
//
// Guarantee: every new client gets a connection, whatever the others do. It replaces the connection on which no request
// has begun or ended for longest; one that waits for its answer only when all others do too.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';

export interface ConnectionLimits {
  readonly connections: number;
  /** Requests in progress on one connection, so also those that a client sends before the answers to earlier ones. */
  readonly requestsEach: number;
}

/** A bound that was reached, for a metric. */
export type Bound = 'connections' | 'pipelined' | 'requests' | 'bytes' | 'unread';

export interface Connections {
  /**
   * Counts a request as in progress until its answer has left the process, or its connection has ended.
   *
   * @param response  the answer to it
   * @returns undefined when its connection has too many: the connection is closed, and the request must be dropped
   */
  take(request: IncomingMessage, response: ServerResponse): InHand | undefined;
  /** Closes all connections, even during their handshake. */
  destroy(): void;
}

/** A request in progress. */
export interface InHand {
  /** Calls back once, when the request is no longer in progress; at once if it is not. */
  onDone(callback: () => void): void;
  /** Closes its connection. */
  cut(bound: Bound): void;
}

interface Connection {
  readonly socket: Socket;
  /** Each with its callbacks: Node emits nothing for an answer whose turn on the connection never came. */
  readonly inHand: Map<IncomingMessage, (() => void)[]>;
}

/**
 * The parser gets this much at once. Node reads 64 KiB, which hold 1,700 requests, and creates all of them before the
 * connection can be closed: with a hundred connections, half a gigabyte.
 */
const PIECE_BYTES = 1024;

/** @param server  of plain HTTP or of HTTPS, before it listens */
export function boundConnections(
  server: Server,
  limits: ConnectionLimits,
  onRefused: (bound: Bound) => void,
): Connections {
  /** Ordered by their last activity, the latest last. */
  const all = new Set<Connection>();
  const bySocket = new WeakMap<Socket, Connection>();

  const forget = (connection: Connection): void => {
    all.delete(connection);
    for (const request of connection.inHand.keys()) finish(connection, request);
  };
  const touch = (connection: Connection): void => {
    if (all.delete(connection)) all.add(connection);
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
    if (all.size > limits.connections) close(leastInUse(all, connection), 'connections');
  });
  // Node emits requests on the TLS socket, which has the address of the TCP socket below it.
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
      // Parsed before its connection was closed: nobody gets the answer.
      if (!connection || !all.has(connection)) return undefined;
      if (connection.inHand.size >= limits.requestsEach) {
        close(connection, 'pipelined');
        return undefined;
      }
      touch(connection);
      connection.inHand.set(request, []);
      response.once('close', () => {
        touch(connection);
        finish(connection, request);
      });
      return {
        onDone: (callback) => onceDone(connection, request, callback),
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

function onceDone({ inHand }: Connection, request: IncomingMessage, callback: () => void): void {
  const callbacks = inHand.get(request);
  if (callbacks) callbacks.push(callback);
  else callback();
}

/** @param newcomer  never chosen: it would be closed before it can send its request */
function leastInUse(connections: ReadonlySet<Connection>, newcomer: Connection): Connection {
  const others = [...connections].filter((one) => one !== newcomer);
  return others.find((one) => !waitsForAnswer(one)) ?? others[0] ?? newcomer;
}

/** Whether it has sent a whole request. A request that has only begun proves nothing: any client can begin one. */
function waitsForAnswer({ inHand }: Connection): boolean {
  return [...inHand.keys()].some(({ complete }) => complete);
}

function nameOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): string {
  return `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`;
}

/** Inserts itself between a socket and the parser that listens to it, and ends when the socket does. */
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
