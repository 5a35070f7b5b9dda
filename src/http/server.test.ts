// Covers the server of the probes under hostile clients.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { eventually } from '../../testing/api-server/test-api.ts';
import { boundConnections } from './connections.ts';
import { type HttpServer, listen, type Reply, startHttpServer, textReply } from './server.ts';

/** However it ends, by a reset too. */
const endOf = (socket: Socket): Promise<void> => new Promise((resolve) => void socket.once('close', () => resolve()));

describe('a client that sends many requests before it has read an answer', () => {
  test('has four answered, and is closed; others are served meanwhile', async () => {
    let asked = 0;
    const bounds: string[] = [];
    const routes = new Map([
      [
        '/metrics',
        async () => {
          asked += 1;
          await setImmediate();
          return textReply(200, 'some');
        },
      ],
    ]);
    const server = await startHttpServer({ host: '127.0.0.1', port: 0 }, routes, (bound) => void bounds.push(bound));
    const greedy = connect(server.port, '127.0.0.1');
    greedy.on('error', () => {});
    const closed = endOf(greedy);
    greedy.resume();
    greedy.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2_000));
    await closed;
    assert.equal(asked, 4);
    assert.deepEqual(bounds, ['pipelined']);
    assert.equal((await fetch(`http://127.0.0.1:${server.port}/metrics`)).status, 200);
    await server.close();
  });

  test('costs no more than a few requests before it is closed, of the 1,700 that are read with them', async () => {
    let made = 0;
    class Counting extends ServerResponse {
      constructor(request: IncomingMessage) {
        super(request);
        made += 1;
      }
    }
    const server = createServer({ ServerResponse: Counting });
    const connections = boundConnections(server, { connections: 10, requestsEach: 4 }, () => {});
    server.on('request', (request, response) => void connections.take(request, response));
    const port = await listen(server, { host: '127.0.0.1', port: 0 });
    const greedy = connect(port, '127.0.0.1');
    greedy.on('error', () => {});
    const closed = endOf(greedy);
    greedy.resume();
    greedy.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2_000));
    await closed;
    assert.ok(made < 60, String(made));
    server.close();
  });
});

describe('unread answers', () => {
  const MIB = 1024 * 1024;
  const open = async (port: number): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    return socket;
  };

  test('are cut off, the oldest first, when they are more than four megabytes', async () => {
    let asked = 0;
    const bounds: string[] = [];
    const routes = new Map([['/', () => textReply(200, String((asked += 1)).padEnd(8 * MIB))]]);
    const server = await startHttpServer({ host: '127.0.0.1', port: 0 }, routes, (bound) => void bounds.push(bound));
    const sockets = [await open(server.port)];
    await eventually(() => (asked === 1 ? true : undefined));
    sockets.push(await open(server.port));
    await eventually(() => (bounds.length > 0 ? true : undefined));
    assert.deepEqual(bounds, ['unread']);
    assert.equal((await (await fetch(`http://127.0.0.1:${server.port}/`)).text()).trim(), '3');
    for (const socket of sockets) socket.destroy();
    await server.close();
  });

  test('count once when all connections get the same text, and no connection is cut off', async () => {
    let asked = 0;
    const bounds: string[] = [];
    const same = textReply(200, 'x'.repeat(8 * MIB));
    const route = (): Reply => {
      asked += 1;
      return same;
    };
    const server = await startHttpServer({ host: '127.0.0.1', port: 0 }, new Map([['/', route]]), (bound) =>
      bounds.push(bound),
    );
    const sockets = await Promise.all(Array.from({ length: 20 }, () => open(server.port)));
    await eventually(() => (asked === 20 ? true : undefined));
    assert.equal((await fetch(`http://127.0.0.1:${server.port}/`)).status, 200);
    assert.deepEqual(bounds, []);
    for (const socket of sockets) socket.destroy();
    await server.close();
  });
});

describe('a probe', () => {
  let server: HttpServer;
  let silent: Socket[];
  beforeEach(async () => {
    const routes = new Map([['/healthz', () => textReply(200, 'ok\n')]]);
    server = await startHttpServer({ host: '127.0.0.1', port: 0 }, routes);
    silent = [];
  });
  afterEach(async () => {
    for (const socket of silent) socket.destroy();
    await server.close();
  });

  /** A silent connection, as an attacker opens it to keep others out. */
  const open = async (): Promise<Socket> => {
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => {});
    silent.push(socket);
    await once(socket, 'connect');
    return socket;
  };
  const probe = async (): Promise<number> => (await fetch(`http://127.0.0.1:${server.port}/healthz`)).status;

  test('is answered at once, however many silent connections were there before it', async () => {
    for (let count = 0; count < 300; count += 1) await open();
    assert.equal(await probe(), 200);
  });

  test('costs the oldest connection its place, and no other', async () => {
    const oldest = await open();
    for (let count = 1; count < 100; count += 1) await open();
    const closed = once(oldest, 'close');
    assert.equal(await probe(), 200);
    await closed;
    assert.equal(silent.filter(({ destroyed }) => destroyed).length, 1);
  });

  test('costs a connection that is idle for longer its place, not one on which something has just happened', async () => {
    const [kept] = [await open(), await open()];
    for (let count = 2; count < 100; count += 1) await open();
    kept.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(kept, 'data');
    assert.equal(await probe(), 200);
    await eventually(() => (silent.some(({ destroyed }) => destroyed) ? true : undefined));
    assert.deepEqual([kept.destroyed, silent[1]?.destroyed], [false, true]);
  });
});

describe('a connection that comes when all others wait for their answers', () => {
  test('is accepted, and answered', async () => {
    const releases: (() => void)[] = [];
    const bounds: string[] = [];
    const routes = new Map([
      ['/slow', () => new Promise<Reply>((resolve) => void releases.push(() => resolve(textReply(200, 'late'))))],
      ['/', async () => textReply(200, 'ok')],
    ]);
    const server = await startHttpServer({ host: '127.0.0.1', port: 0 }, routes, (bound) => void bounds.push(bound));
    const sockets: Socket[] = [];
    for (let count = 0; count < 100; count += 1) {
      const socket = connect(server.port, '127.0.0.1');
      socket.on('error', () => {});
      sockets.push(socket);
      socket.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
    }
    await eventually(() => (releases.length === 100 ? true : undefined));
    assert.equal((await fetch(`http://127.0.0.1:${server.port}/`)).status, 200);
    assert.deepEqual(bounds, ['connections']);
    for (const release of releases) release();
    for (const socket of sockets) socket.destroy();
    await server.close();
  });
});
