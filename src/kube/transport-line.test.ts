// Covers how many requests are in flight at once, and that slow ones delay no others.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createManualClock, type ManualClock } from '../../testing/clocks/manual-clock.ts';
import { type ScriptedServer, startScriptedServer } from '../../testing/network/scripted-server.ts';
import { START } from '../../testing/rigs/builders.ts';
import { Failure } from '../lib/errors.ts';
import { seconds } from '../lib/time.ts';
import { createTransport, type Transport } from './transport.ts';

let server: ScriptedServer;
let clock: ManualClock;
let transport: Transport;

beforeEach(async () => {
  server = await startScriptedServer();
  clock = createManualClock(START);
  transport = createTransport({ access: server.access(), clock, userAgent: 'test' });
});
afterEach(async () => {
  transport.close();
  await server.stop();
});

const ask = (path: string): ReturnType<Transport['send']> =>
  transport.send({ method: 'GET', path }, new AbortController().signal);
/** A request that gets no answer; the transport gives it up in the end. */
const hang = async (): Promise<void> => assert.rejects(ask('/hang'), Failure);

// Rules 9, 12
describe('requests in flight', () => {
  test('that take longer than a second are counted apart, up to sixty-four', async () => {
    const hanging: Promise<void>[] = [];
    const hangMore = async (count: number): Promise<void> => {
      hanging.push(...Array.from({ length: count }, hang));
      const sent = (): number => server.requests.filter(({ path }) => path === '/hang').length;
      await eventually(() => (sent() === hanging.length ? true : undefined));
      await clock.advance(seconds(1));
    };
    server.script((exchange) => void (exchange.path === '/hang' || exchange.answer(200, {})));
    for (const count of [32, 32]) {
      await hangMore(count);
      assert.equal((await ask('/others')).ok, true);
    }
    await clock.advance(seconds(30));
    await Promise.all(hanging);
    assert.equal(clock.pending(), 0);
  });

  test('wait for one another without their own time running', async () => {
    const hanging = Array.from({ length: 96 }, hang);
    for (const count of [32, 64, 96]) {
      await eventually(() => (server.requests.length === count ? true : undefined));
      if (count < 96) await clock.advance(seconds(1));
    }
    const patient = ask('/patient');
    await clock.advance(seconds(30));
    await Promise.all(hanging);
    const exchange = await eventually(() => server.requests.find(({ path }) => path === '/patient'));
    // The test sends it when the first have ended, two seconds ago by now.
    await clock.advance(seconds(27));
    exchange.answer(200, {});
    assert.deepEqual(await patient, { ok: true, json: {}, bytes: 2 });
  });

  test('do not delay an urgent one, however many there are, and however long the API server asked all to wait', async () => {
    const hanging = Array.from({ length: 96 }, hang);
    for (const count of [32, 64, 96]) {
      await eventually(() => (server.requests.length === count ? true : undefined));
      if (count < 96) await clock.advance(seconds(1));
    }
    const urgent = transport.send({ method: 'GET', path: '/urgent', isUrgent: true }, new AbortController().signal);
    const exchange = await eventually(() => server.requests.find(({ path }) => path === '/urgent'));
    exchange.answer(429, {}, { 'retry-after': '60' });
    await assert.rejects(urgent, Failure);
    const another = transport.send({ method: 'GET', path: '/again', isUrgent: true }, new AbortController().signal);
    (await eventually(() => server.requests.find(({ path }) => path === '/again'))).answer(200, {});
    assert.equal((await another).ok, true);
    await clock.advance(seconds(30));
    await Promise.all(hanging);
  });

  test('are not sent when their sender may not send them any more, though they may when they are asked for', async () => {
    let may = true;
    const hanging = Array.from({ length: 32 }, hang);
    await eventually(() => (server.requests.length === 32 ? true : undefined));
    const request = { method: 'POST', path: '/write', mayBeSent: () => may } as const;
    const late = assert.rejects(transport.send(request, new AbortController().signal), /leads no longer/);
    may = false;
    await clock.advance(seconds(30));
    await Promise.all([late, ...hanging]);
    assert.ok(!server.requests.some(({ path }) => path === '/write'));
  });
});
