// Covers the server that takes requests from any client, over real TLS.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import https, { Agent, request } from 'node:https';
import { syncBuiltinESMExports } from 'node:module';
import { connect as connectPlain, type Socket } from 'node:net';
import { after, before, describe, mock, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { eventually } from '../../testing/api-server/test-api.ts';
import { makeAuthority } from '../../testing/network/self-signed.ts';
import { HOUR, MINUTE } from '../lib/time.ts';
import type { Bound } from './connections.ts';
import { countValues } from './json-bounds.ts';
import { POST_CAP_BYTES, type PostServer, startPostServer } from './post-server.ts';

interface Answer {
  readonly status: number;
  readonly text: string;
}

const bytes = (text: string): Uint8Array => Buffer.from(text);

/** Starts it with no limit on handshakes within an hour: then only the server itself ends a silent connection. */
function startPatient(options: Parameters<typeof startPostServer>[0]): Promise<PostServer> {
  const { createServer } = https;
  const patient = mock.method(https, 'createServer', (...[given, listener]: Parameters<typeof createServer>) =>
    createServer({ ...given, handshakeTimeout: HOUR }, listener),
  );
  syncBuiltinESMExports();
  const started = startPostServer(options);
  assert.equal(patient.mock.callCount(), 1);
  patient.mock.restore();
  syncBuiltinESMExports();
  return started;
}

/** However it ends, by a reset too. */
const endOf = (socket: Socket): Promise<void> => new Promise((resolve) => void socket.once('close', () => resolve()));

// Rule 14
describe('the cost of parsing a text', () => {
  const bounds = { depth: 3, values: 5 };
  test('is within bounds up to the depth and the number of values', () => {
    for (const text of ['[[[]]]', '{"a":{"b":{}}}', '[1,2,3,4]', '', 'null', '[[],[]]'])
      assert.notEqual(countValues(bytes(text), bounds), undefined, text);
    for (const text of ['[[[[', '{"a":{"b":{"c":{', '[1,2,3,4,5]', '[[],[],[]]'])
      assert.equal(countValues(bytes(text), bounds), undefined, text);
  });

  test('does not count what stands in texts, escapes and longer characters included', () => {
    for (const text of ['"[[[[[,,,,,,"', '"\\"[[[[["', '"\\\\"', '["ü[[[[", "😀,,,,,"]', '"[[[[ that does not end'])
      assert.notEqual(countValues(bytes(text), bounds), undefined, text);
    assert.equal(countValues(bytes('"\\\\"[[[['), bounds), undefined);
  });
});

// Rule 18
describe('the server', () => {
  const authority = makeAuthority();
  const [one, two] = [makeAuthority().issue('localhost'), authority.issue('localhost')];
  let server: PostServer;
  const releases: (() => void)[] = [];
  const bounds: Bound[] = [];
  before(async () => {
    server = await startPatient({
      address: { host: '127.0.0.1', port: 0 },
      path: '/here',
      onRefused: (bound) => void bounds.push(bound),
      answer: async (body) => {
        if ([body].flat()[0] === 'wait') await new Promise<void>((resolve) => void releases.push(resolve));
        if (body === 'throw') throw new Error('a key');
        return { status: 200, contentType: 'text/plain', body: `got ${JSON.stringify(body).slice(0, 20)}` };
      },
    });
  });
  after(() => server.close());

  const send = (
    body: string | Buffer,
    {
      method = 'POST',
      path = '/here',
      headers = {},
      agent,
    }: { method?: string; path?: string; headers?: object; agent?: Agent } = {},
  ): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const sent = request(
        `https://127.0.0.1:${server.port}${path}`,
        {
          method,
          rejectUnauthorized: false,
          headers: { 'content-length': String(Buffer.byteLength(body)), ...headers },
          ...(agent ? { agent } : {}),
        },
        (incoming) => {
          let text = '';
          incoming.setEncoding('utf8');
          incoming.on('data', (part: string) => {
            text += part;
          });
          incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, text }));
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });

  test('makes no connection before it has a certificate', async () => {
    await assert.rejects(send('1'));
    server.use(one);
    assert.deepEqual(await send('1'), { status: 200, text: 'got 1' });
  });

  test('answers only to POST, at its one path', async () => {
    assert.equal((await send('', { method: 'GET' })).status, 405);
    assert.equal((await send('1', { path: '/' })).status, 404);
    assert.equal((await send('1', { path: '/here?timeout=5s' })).status, 200);
  });

  test('takes a body of three MiB, and none that is larger', async () => {
    assert.equal((await send(`"${'x'.repeat(POST_CAP_BYTES - 2)}"`)).status, 200);
    const { status, text } = await send('', { headers: { 'content-length': String(POST_CAP_BYTES + 1) } });
    assert.deepEqual([status, text], [413, `the body is larger than ${POST_CAP_BYTES} bytes\n`]);
  });

  test('parses nothing that would cost a hundred megabytes', async () => {
    for (const body of [
      '['.repeat(1_000_000),
      `[${'{},'.repeat(1_000_000)}{}]`,
      `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`,
    ])
      assert.equal((await send(body)).status, 413);
  });

  test('refuses a body that is no JSON, in words of its own', async () => {
    for (const body of ['', '{', '\uFEFF{}', 'AKIAIOSFODNN7EXAMPLE', Buffer.from([0x1f, 0x8b, 0x08, 0x00])])
      assert.deepEqual(await send(body), { status: 400, text: 'the body is not JSON\n' });
    assert.deepEqual(await send('"throw"'), { status: 500, text: 'internal error\n' });
  });

  test('requires the length beforehand', async () => {
    const socket = connect({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    socket.write('POST /here HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n');
    const [head] = (await once(socket, 'data')) as [Buffer];
    assert.match(head.toString(), /^HTTP\/1\.1 411 /);
    socket.destroy();
  });

  test('refuses large bodies that together would be too much, never small ones, and takes them again when memory is free', async () => {
    const large = `"${'x'.repeat(64 * 1024)}"`;
    const sockets: TLSSocket[] = [];
    for (const length of [POST_CAP_BYTES, 1024 * 1024]) {
      const socket = connect({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      socket.write(`POST /here HTTP/1.1\r\nhost: a\r\ncontent-length: ${length}\r\n\r\n`);
      sockets.push(socket);
    }
    const refused = await eventually(async () => {
      const answer = await send(large);
      return answer.status === 503 ? answer : undefined;
    });
    assert.equal(refused.text, 'too many large reviews are being read; nothing was looked at\n');
    assert.equal((await send('1')).status, 200);
    for (const socket of sockets) socket.destroy();
    await eventually(async () => ((await send(large)).status === 200 ? true : undefined));
  });

  test('answers a hundred and fifty requests at once, refuses more, and goes on when one has ended', async () => {
    const waiting = Array.from({ length: 150 }, () => send('"wait"'));
    await eventually(() => (releases.length === 150 ? true : undefined));
    assert.deepEqual(await send('1'), { status: 503, text: 'too many reviews are in hand; nothing was looked at\n' });
    for (const release of releases.splice(0)) release();
    assert.deepEqual(new Set((await Promise.all(waiting)).map(({ status }) => status)), new Set([200]));
    assert.equal((await send('1')).status, 200);
    assert.ok(bounds.includes('requests'));
  });

  test('keeps few bodies of many values at once, however small their text is', async () => {
    const body = `["wait",${Array.from({ length: 80_000 }, () => '0').join()}]`;
    const waiting = [send(body), send(body)];
    await eventually(() => (releases.length === 2 ? true : undefined));
    const { status, text } = await send(body);
    assert.deepEqual([status, text], [503, 'too many large reviews are in hand; nothing was looked at\n']);
    assert.equal((await send('1')).status, 200);
    for (const release of releases.splice(0)) release();
    await Promise.all(waiting);
  });

  test('closes a connection that sends more before it has read its answers', async () => {
    const socket = connect({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const closed = endOf(socket);
    socket.on('error', () => {});
    socket.resume();
    socket.write('POST /here HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\n"wait"'.repeat(1_000));
    await closed;
    assert.equal(releases.length, 4);
    for (const release of releases.splice(0)) release();
    assert.ok(bounds.includes('pipelined'));
  });

  test('accepts a new connection, however many silent ones are open, with or without a handshake', async () => {
    const asked = send('"wait"');
    await eventually(() => releases[0]);
    const silent: Socket[] = [];
    for (let index = 0; index < 300; index += 1) {
      const socket =
        index % 2 === 0
          ? connect({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false })
          : connectPlain(server.port, '127.0.0.1');
      socket.on('error', () => {});
      silent.push(socket);
      await once(socket, index % 2 === 0 ? 'secureConnect' : 'connect');
    }
    assert.equal((await send('1')).status, 200);
    // The oldest of all, but in the middle of an answer.
    for (const release of releases.splice(0)) release();
    assert.equal((await asked).status, 200);
    for (const socket of silent) socket.destroy();
    assert.ok(bounds.includes('connections'));
  });

  test('accepts a new connection, however many have begun a request that they do not end', async () => {
    const asked = send('"wait"');
    await eventually(() => releases[0]);
    const begun: Socket[] = [];
    for (let index = 0; index < 200; index += 1) {
      const socket = connect({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false });
      socket.on('error', () => {});
      begun.push(socket);
      await once(socket, 'secureConnect');
      socket.write('POST /here HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n');
    }
    for (let index = 0; index < 5; index += 1) assert.equal((await send('1')).status, 200);
    for (const release of releases.splice(0)) release();
    assert.equal((await asked).status, 200);
    for (const socket of begun) socket.destroy();
  });

  test('speaks no older TLS than 1.2', async () => {
    const socket = connect({
      port: server.port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
    });
    await assert.rejects(once(socket, 'secureConnect'), /protocol|version|alert/i);
    const good = connect({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion: 'TLSv1.2' });
    await once(good, 'secureConnect');
    good.destroy();
  });

  test('changes its certificate while a connection goes on, and a new one sees it', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await send('1', { agent });
    server.use(two);
    assert.equal((await send('2', { agent })).text, 'got 2');
    agent.destroy();
    const trusting = connect({
      port: server.port,
      host: '127.0.0.1',
      servername: 'localhost',
      ca: authority.certificate,
    });
    await once(trusting, 'secureConnect');
    assert.ok(trusting.authorized);
    trusting.destroy();
  });

  test('answers the requests in hand before it closes, and waits for no handshake', {
    timeout: 5 * MINUTE,
  }, async () => {
    const silent = connectPlain(server.port, '127.0.0.1');
    await once(silent, 'connect');
    const last = send('"wait"');
    let isClosed = false;
    await eventually(() => releases[0]);
    const closing = server.close().then(() => {
      isClosed = true;
    });
    await assert.rejects(send('1'));
    assert.ok(!isClosed);
    releases[0]?.();
    assert.equal((await last).status, 200);
    await closing;
  });
});
