// The server of the probes, under whoever reaches its port.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type HttpServer, startHttpServer, textReply } from './server.ts';

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

  /** A connection that says nothing, as somebody opens it who wants to keep others out. */
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
});
