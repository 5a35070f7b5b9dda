// Covers the Retry-After pause of the whole client, through the transport and a scripted server.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createManualClock, type ManualClock, settle } from '../../testing/clocks/manual-clock.ts';
import { type ScriptedServer, startScriptedServer } from '../../testing/network/scripted-server.ts';
import { START } from '../../testing/rigs/builders.ts';
import { seconds } from '../lib/time.ts';
import { createTransport, type Transport } from './transport.ts';

/** As the API server's own filters answer. */
const BUSY = 'Too many requests, please try again later.\n';

// Rule 12
describe('an API server that refuses requests', () => {
  let server: ScriptedServer;
  let clock: ManualClock;
  let transport: Transport;
  let caller: AbortController;
  beforeEach(async () => {
    server = await startScriptedServer();
    clock = createManualClock(START);
    caller = new AbortController();
    transport = createTransport({ access: server.access(), clock, userAgent: 'test' });
  });
  afterEach(async () => {
    caller.abort();
    transport.close();
    await server.stop();
  });

  const ask = async (path: string): Promise<string> =>
    transport.send({ method: 'GET', path }, caller.signal).then(
      () => 'answered',
      () => 'failed',
    );
  const turnAway = async (status: number, body: unknown): Promise<void> => {
    const first = ask('/first');
    (await server.next()).answer(status, body, { 'retry-after': '7' });
    assert.equal(await first, 'failed');
  };
  const paths = (): string[] => server.requests.map(({ path }) => path);

  for (const status of [429, 503]) {
    test(`by ${status} gets no request for as long as it says`, async () => {
      await turnAway(status, BUSY);
      const second = ask('/second');
      const lines = transport.stream({ method: 'GET', path: '/watch' }, seconds(55), caller.signal);
      const watch = lines[Symbol.asyncIterator]().next();
      await clock.advance(seconds(6));
      assert.deepEqual(paths(), ['/first']);
      server.script((exchange) => exchange.answer(200, {}));
      await clock.advance(seconds(1));
      assert.equal(await second, 'answered');
      await watch;
      assert.deepEqual(paths().toSorted(), ['/first', '/second', '/watch']);
    });
  }

  test('because of one object still gets requests for the others', async () => {
    await turnAway(429, { kind: 'Status', reason: 'TooManyRequests' });
    server.script((exchange) => exchange.answer(200, {}));
    assert.equal(await ask('/second'), 'answered');
  });

  test('does not delay a caller that stops', async () => {
    await turnAway(429, BUSY);
    const second = ask('/second');
    await settle();
    caller.abort();
    assert.equal(await second, 'failed');
    assert.deepEqual(paths(), ['/first']);
    assert.equal(clock.pending(), 0);
  });
});
