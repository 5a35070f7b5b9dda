// Covers the transport against a server that misbehaves, and against every failure of a connection.

import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createManualClock, type ManualClock } from '../../testing/clocks/manual-clock.ts';
import { type ScriptedServer, startScriptedServer } from '../../testing/network/scripted-server.ts';
import { makeSelfSigned } from '../../testing/network/self-signed.ts';
import { SECRETS } from '../api/meta.ts';
import { Failure } from '../lib/errors.ts';
import { type EpochMs, MINUTE, seconds } from '../lib/time.ts';
import type { ApiCredentials, ApiServerAccess } from './access.ts';
import { ApiError } from './api-error.ts';
import { createClient } from './client.ts';
import { BODY_CAP_BYTES, createTransport, type Transport } from './transport.ts';

let server: ScriptedServer;
let clock: ManualClock;
let transport: Transport;
let caller: AbortController;
let answers: string[];

const open = (access: ApiServerAccess): Transport =>
  createTransport({
    access,
    clock,
    userAgent: 'kube-ecr-secrets-operator/test',
    onAnswer: (method, code) => void answers.push(`${method} ${code}`),
  });

beforeEach(async () => {
  server = await startScriptedServer();
  clock = createManualClock(1_700_000_000_000 as EpochMs);
  answers = [];
  caller = new AbortController();
  transport = open(server.access());
});
afterEach(async () => {
  caller.abort();
  transport.close();
  await server.stop();
});

const ask = (path = '/api'): ReturnType<Transport['send']> => transport.send({ method: 'GET', path }, caller.signal);

/** The outcome of a promise, so that a rejection always has a listener. */
async function failureOf(promise: Promise<unknown>): Promise<Failure> {
  const [result] = await Promise.allSettled([promise]);
  assert.equal(result?.status, 'rejected', 'it was expected to fail');
  assert.ok(result.reason instanceof Failure, String(result.reason));
  return result.reason;
}

/** Reads a stream to its end. */
async function read(deadline = seconds(55)): Promise<{ lines: string[]; failure: Failure | undefined }> {
  const lines: string[] = [];
  try {
    for await (const line of transport.stream({ method: 'GET', path: '/watch' }, deadline, caller.signal))
      lines.push(line.op === 'line' ? line.text : `too long: ${line.head.slice(0, 20)}`);
  } catch (thrown) {
    assert.ok(thrown instanceof Failure, String(thrown));
    return { lines, failure: thrown };
  }
  return { lines, failure: undefined };
}

// Rule 13
describe('a request', () => {
  test('carries the token, the user agent and an encoded query, below the path of the server', async () => {
    transport.close();
    transport = open(server.access({ url: new URL(`${server.url}/clusters/one/`) }));
    const sent = transport.send({ method: 'GET', path: '/api/v1', query: { labelSelector: 'a=b&c' } }, caller.signal);
    const exchange = await server.next();
    exchange.answer(200, { kind: 'List' });
    assert.deepEqual(await sent, { ok: true, json: { kind: 'List' }, bytes: 15 });
    assert.equal(exchange.path, '/clusters/one/api/v1');
    assert.deepEqual(exchange.query, { labelSelector: 'a=b&c' });
    assert.equal(exchange.headers['authorization'], 'Bearer nothing');
    assert.equal(exchange.headers['user-agent'], 'kube-ecr-secrets-operator/test');
    assert.deepEqual(answers, ['GET 200']);
  });

  test('to a peer that accepts and says nothing ends after thirty seconds, and its connection with it', async () => {
    const sent = failureOf(ask());
    await server.next();
    await clock.advance(seconds(29));
    assert.equal(server.openSockets(), 1);
    await clock.advance(seconds(1));
    const { next, reason, message } = await sent;
    assert.deepEqual({ next, reason }, { next: 'backoff', reason: 'ApiServerUnreachable' });
    assert.match(message, /did not answer in time/);
    await eventually(() => (server.openSockets() === 0 ? true : undefined));
    assert.deepEqual(answers, ['GET <error>']);
    assert.equal(clock.pending(), 0);
  });

  test('whose answer stops in the middle ends after thirty seconds', async () => {
    const sent = failureOf(ask());
    const exchange = await server.next();
    exchange.begin();
    exchange.write('{"kind":');
    await clock.advance(seconds(30));
    assert.equal((await sent).reason, 'ApiServerUnreachable');
    await eventually(() => (server.openSockets() === 0 ? true : undefined));
  });

  test('whose answer is cut in the middle fails, and the next one is answered on a new connection', async () => {
    const sent = failureOf(ask());
    const exchange = await server.next();
    exchange.begin({ 'content-length': '1000' });
    exchange.write('{"kind":');
    exchange.cut();
    assert.equal((await sent).reason, 'ApiServerUnreachable');
    server.script((again) => again.answer(200, {}));
    assert.deepEqual(await ask(), { ok: true, json: {}, bytes: 2 });
  });

  test('that is given up before the head of its answer closes the connection', async () => {
    const sent = failureOf(ask());
    await server.next();
    caller.abort();
    await sent;
    await eventually(() => (server.openSockets() === 0 ? true : undefined));
  });

  test('that is answered with another protocol fails, and so does a stream', async () => {
    server.script((exchange) =>
      exchange.raw('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
    );
    assert.equal((await failureOf(ask())).reason, 'ApiServerUnreachable');
    assert.equal((await read()).failure?.reason, 'ApiServerUnreachable');
    assert.equal(clock.pending(), 0);
  });

  test('that was given up before it began is never sent', async () => {
    caller.abort();
    await failureOf(ask());
    assert.equal(server.requests.length, 0);
    assert.equal(clock.pending(), 0);
  });

  // Rule 1
  test('with a body to DELETE has a length, so that the preconditions are read', async () => {
    const client = createClient(transport, 'us');
    const at = { namespace: 'a', name: 'b' };
    const deleted = client.delete(SECRETS, at, { uid: 'u1', resourceVersion: '7' }, caller.signal);
    const exchange = await server.next();
    exchange.answer(200, {});
    await deleted;
    assert.equal(exchange.headers['content-length'], String(Buffer.byteLength(exchange.body)));
    assert.equal(exchange.headers['transfer-encoding'], undefined);
    assert.deepEqual(JSON.parse(exchange.body).preconditions, { uid: 'u1', resourceVersion: '7' });
  });

  test('is measured in bytes, not in characters', async () => {
    server.script((exchange) => exchange.answer(201, exchange.body));
    const answer = await transport.send({ method: 'POST', path: '/x', body: { text: 'ü€😀' } }, caller.signal);
    assert.deepEqual(answer, { ok: true, json: { text: 'ü€😀' }, bytes: 20 });
  });
});

// Rule 12
describe('at most thirty-two requests', () => {
  test('are in flight, streams not counted', async () => {
    void read();
    await server.next();
    const all = Promise.allSettled(Array.from({ length: 40 }, () => ask()));
    await eventually(() => (server.requests.length === 33 ? true : undefined));
    await clock.advance(seconds(0.9));
    assert.equal(server.requests.length, 33);
    (await server.next()).answer(200, {});
    await eventually(() => (server.requests.length === 34 ? true : undefined));
    server.script((exchange) => exchange.answer(200, {}));
    assert.ok((await all).every(({ status }) => status === 'fulfilled'));
  });
});

describe('an answer', () => {
  const failing = async (status: number, body: unknown, headers = {}): Promise<Failure> => {
    const sent = failureOf(ask());
    (await server.next()).answer(status, body, headers);
    return await sent;
  };

  for (const [status, body, headers, want] of [
    [429, { reason: 'TooManyRequests' }, { 'retry-after': '7' }, { next: 'after', delay: 7_000 }],
    [503, {}, { 'retry-after': '1' }, { next: 'after', delay: 1_000 }],
    [429, {}, { 'retry-after': '86400' }, { next: 'after', delay: 60_000 }],
    [429, {}, { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' }, { next: 'backoff', delay: undefined }],
    [429, {}, {}, { next: 'backoff', delay: undefined }],
    [500, { message: 'no leader' }, {}, { next: 'backoff', delay: undefined }],
    [403, { reason: 'Forbidden' }, {}, { next: 'backoff', delay: undefined }],
    [422, { reason: 'Invalid' }, {}, { next: 'change', delay: undefined }],
  ] as const) {
    test(`of ${status} with ${JSON.stringify(headers)} says what happens next`, async () => {
      const failure = await failing(status, body, headers);
      assert.deepEqual({ next: failure.next, delay: failure.delay }, want);
    });
  }

  test("that is a proxy's page of HTML is an error by its status, and the page is not repeated", async () => {
    const failure = await failing(502, '<html>token=abc</html>', { 'content-type': 'text/html' });
    assert.ok(failure instanceof ApiError);
    assert.equal(failure.status, 502);
    assert.equal(failure.message, 'the API server answered with status 502');
  });

  test("that is a proxy's page of HTML with status 200 is no answer, and the page is not repeated", async () => {
    const { next, reason, message, cause } = await failing(200, '<html>token=abc</html>');
    assert.deepEqual({ next, reason, cause }, { next: 'backoff', reason: 'BadAnswer', cause: undefined });
    assert.ok(!message.includes('abc'));
  });

  test('that leads elsewhere is not followed: the token would go with it', async () => {
    const failure = await failing(302, '', { location: `${server.url}/elsewhere` });
    assert.ok(failure instanceof ApiError);
    assert.equal(server.requests.length, 1);
  });

  // Rule 14
  test('over four MiB is given by its beginning, and its connection is closed', async () => {
    server.script((exchange) => {
      exchange.begin();
      exchange.write('{"kind":"SecretList","items":[');
      exchange.write('x'.repeat(BODY_CAP_BYTES));
    });
    const answer = await ask();
    assert.equal(answer.ok, false);
    assert.ok(!answer.ok && answer.head.startsWith('{"kind":"SecretList","items":['));
    await eventually(() => (server.openSockets() === 0 ? true : undefined));
  });

  test('of exactly four MiB is read whole', async () => {
    server.script((exchange) => exchange.answer(200, JSON.stringify('x'.repeat(BODY_CAP_BYTES - 2))));
    assert.equal((await ask()).ok, true);
  });

  // Rule 14
  test('of an error that never ends is read no further than four MiB', async () => {
    const failure = await failing(500, 'x'.repeat(2 * BODY_CAP_BYTES));
    assert.ok(failure instanceof ApiError);
    assert.ok(failure.message.length < 600);
  });
});

// Rule 13
describe('a stream', () => {
  test('gives a character that is cut in every possible place whole', async () => {
    const bytes = Buffer.from('{"a":"ü€😀"}\n{"b":1}\n');
    const reading = read();
    const exchange = await server.next();
    exchange.begin();
    for (const byte of bytes) exchange.write(Buffer.from([byte]));
    exchange.end();
    assert.deepEqual(await reading, { lines: ['{"a":"ü€😀"}', '{"b":1}'], failure: undefined });
  });

  test('that is cut in the middle of a line gives the lines before, never the piece', async () => {
    const reading = read();
    const exchange = await server.next();
    exchange.begin();
    exchange.write('{"a":1}\n{"b"');
    // The cut must not overtake the bytes before it.
    await new Promise((resolve) => void setImmediate(resolve));
    exchange.cut();
    const { lines, failure } = await reading;
    assert.deepEqual(lines, ['{"a":1}']);
    assert.equal(failure?.reason, 'ApiServerUnreachable');
  });

  test('from a peer that never answers ends at its deadline, and its connection with it', async () => {
    const reading = read(seconds(35));
    await server.next();
    await clock.advance(seconds(34));
    assert.equal(server.openSockets(), 1);
    await clock.advance(seconds(1));
    assert.match((await reading).failure?.message ?? '', /did not answer in time/);
    await eventually(() => (server.openSockets() === 0 ? true : undefined));
  });

  test('ends at its deadline, however much still comes', async () => {
    const reading = read(seconds(35));
    const exchange = await server.next();
    exchange.begin();
    exchange.write('{"a":1}\n');
    await clock.advance(seconds(20));
    exchange.write('{"a":2}\n');
    await clock.advance(seconds(15));
    assert.equal((await reading).failure?.reason, 'ApiServerUnreachable');
    await eventually(() => (server.openSockets() === 0 ? true : undefined));
  });

  test('that is given up before the head of its answer closes the connection', async () => {
    const reading = read();
    await server.next();
    caller.abort();
    assert.ok((await reading).failure);
    await eventually(() => (server.openSockets() === 0 ? true : undefined));
    assert.equal(clock.pending(), 0);
  });

  test('whose reader leaves closes the connection', async () => {
    const stream = transport.stream({ method: 'GET', path: '/watch' }, MINUTE, caller.signal);
    const first = stream[Symbol.asyncIterator]().next();
    const exchange = await server.next();
    exchange.begin();
    exchange.write('{"a":1}\n');
    assert.equal((await first).done, false);
    await stream[Symbol.asyncIterator]().return?.();
    await eventually(() => (server.openSockets() === 0 ? true : undefined));
    assert.equal(clock.pending(), 0);
  });

  // Rule 14
  test('with a line over four MiB says so and goes on with the next one', async () => {
    const reading = read();
    const exchange = await server.next();
    exchange.begin();
    exchange.write(`{"type":"ADDED","x":"${'x'.repeat(BODY_CAP_BYTES)}"}\n{"b":1}\n`);
    exchange.end();
    assert.deepEqual((await reading).lines, ['too long: {"type":"ADDED","x":', '{"b":1}']);
  });
});

// Rule 13
describe('every connection', () => {
  test('is asked by the kernel after fifteen idle seconds whether its peer is there, also that of a stream', async (t) => {
    const keepAlive = t.mock.method(Socket.prototype, 'setKeepAlive');
    const asked = (): readonly unknown[] => [...new Set(keepAlive.mock.calls.map(({ this: socket }) => socket))];
    server.script((exchange) => exchange.answer(200, {}));
    await ask();
    assert.equal(asked().length, 1);
    await read();
    assert.equal(asked().length, 2);
    for (const call of keepAlive.mock.calls) assert.deepEqual(call.arguments, [true, 15_000]);
  });
});

describe('the way to the API server', () => {
  test('is not taken when its certificate is not trusted: nothing is sent', async () => {
    const ca = makeSelfSigned().certificate;
    transport.close();
    transport = open(
      server.access({ credentials: () => Promise.resolve({ ca, headers: { authorization: 'Bearer secret' } }) }),
    );
    const failure = await failureOf(ask());
    assert.equal(failure.reason, 'ApiServerUnreachable');
    assert.equal(server.requests.length, 0);
  });

  test('whose credentials never come is given up in time, and its permit is free again', async () => {
    let credentials = (): Promise<ApiCredentials> => new Promise(() => {});
    transport.close();
    transport = open(server.access({ credentials: () => credentials() }));
    const hanging = Array.from({ length: 32 }, () => failureOf(ask()));
    const watching = read(seconds(25));
    await new Promise((resolve) => void setImmediate(resolve));
    await clock.advance(seconds(30));
    for (const { next, reason } of await Promise.all(hanging))
      assert.deepEqual({ next, reason }, { next: 'backoff', reason: 'NoCredentials' });
    assert.equal((await watching).failure?.reason, 'NoCredentials');
    credentials = () => server.access().credentials();
    server.script((exchange) => exchange.answer(200, {}));
    assert.equal((await ask()).ok, true);
    assert.equal(clock.pending(), 0);
  });

  test('with an invalid client certificate is a failure that says so', async () => {
    transport.close();
    const credentials = { cert: 'no certificate', key: 'no key', headers: {} };
    transport = open(server.access({ credentials: () => Promise.resolve(credentials) }));
    assert.equal((await failureOf(ask())).reason, 'BadCertificates');
  });

  test('that refuses connections is a failure that is tried again', async () => {
    await server.stop();
    const { next, reason, message } = await failureOf(ask());
    assert.deepEqual({ next, reason }, { next: 'backoff', reason: 'ApiServerUnreachable' });
    assert.equal(message, 'no connection to the API server');
  });
});
