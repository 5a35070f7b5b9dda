// Covers liveness, which is about this process only: it names a reflector that hangs, and ignores one that waits.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually } from '../../testing/api-server/test-api.ts';
import type { Exchange } from '../../testing/network/scripted-server.ts';
import { type ReflectorRig, startReflectorRig } from '../../testing/rigs/reflector-rig.ts';
import { LONGEST_WATCH } from '../kube/reflector.ts';
import { type DurationMs, MINUTE, seconds } from '../lib/time.ts';
import { livenessReply, readinessReply } from './health.ts';

/** Another client of the same API server; the function lets that refuse it, and all clients, for a minute. */
async function askBeside({ transport, server }: ReflectorRig): Promise<() => Promise<void>> {
  const { signal } = new AbortController();
  const lines = transport.stream({ method: 'GET', path: '/other' }, (5 * MINUTE) as DurationMs, signal);
  const refused = assert.rejects(lines[Symbol.asyncIterator]().next());
  const exchange = await server.next();
  return () => {
    exchange.answer(429, 'Too many requests', { 'retry-after': '60' });
    return refused;
  };
}

// Rule 15
describe('a reflector', () => {
  test('that waits for others before it starts is alive, however long they take', async (t) => {
    const rig = await startReflectorRig({ starts: false });
    t.after(() => rig.stop());
    await rig.clock.advance((10 * MINUTE) as DurationMs);
    assert.equal(livenessReply([['secrets', rig.reflector]], rig.clock, []).status, 200);
    assert.deepEqual(
      readinessReply([['secrets', rig.reflector]], undefined).body,
      'waiting for the first list of secrets\n',
    );
  });

  test('whose last attempt is longer ago than two of its deadlines is stuck, and named', async (t) => {
    const rig = await startReflectorRig();
    t.after(() => rig.stop());
    await rig.watching();
    const at = (monotonic: number) => ({ ...rig.clock, monotonic: () => monotonic as DurationMs });
    assert.equal(livenessReply([['secrets', rig.reflector]], at(2 * LONGEST_WATCH), []).status, 200);
    const { status, body } = livenessReply([['secrets', rig.reflector]], at(2 * LONGEST_WATCH + 1), []);
    assert.deepEqual({ status, body }, { status: 500, body: 'stuck: secrets\n' });
    assert.equal(readinessReply([['secrets', rig.reflector]], undefined).status, 200);
    const waiting = readinessReply([['secrets', rig.reflector]], 'no certificate yet');
    assert.deepEqual([waiting.status, waiting.body], [503, 'waiting for the webhook: no certificate yet\n']);
  });

  test('is not all that liveness depends on: loops that keep failing are named too', async (t) => {
    const rig = await startReflectorRig();
    t.after(() => rig.stop());
    const { status, body } = livenessReply([['secrets', rig.reflector]], rig.clock, ['watch of secrets', 'workers']);
    assert.deepEqual({ status, body }, { status: 500, body: 'goes on failing: watch of secrets, workers\n' });
  });

  const WAITS: Readonly<Record<string, (rig: ReflectorRig, list: Exchange) => Promise<() => unknown>>> = {
    watch: async (rig, list) => () => rig.list(list, '10', []),
    'read on': async (rig, list) => () => rig.list(list, '10', [], 'more'),
    'look how far the API server has come': async (rig, list) => {
      rig.list(list, '10', []);
      const watch = await rig.server.next();
      return () => {
        watch.cut();
        return rig.pause();
      };
    },
  };
  for (const [what, prepare] of Object.entries(WAITS)) {
    test(`that waits to ${what} because requests are turned away is alive, however long that is`, async (t) => {
      const rig = await startReflectorRig();
      t.after(() => rig.stop());
      const isAlive = (): boolean => livenessReply([['secrets', rig.reflector]], rig.clock, []).status === 200;
      const goOn = await prepare(rig, await rig.server.next());
      const [first, second] = [await askBeside(rig), await askBeside(rig)];
      await rig.clock.advance(seconds(1));
      await first();
      await goOn();
      await eventually(() => (rig.reflector.lastAttempt() > 0 ? true : undefined));
      await rig.clock.advance(seconds(58));
      await second();
      const asked = rig.server.requests.length;
      await rig.clock.advance(seconds(59));
      assert.equal(rig.server.requests.length, asked, 'nobody asks');
      assert.ok(isAlive());
      await rig.clock.advance(seconds(1));
      (await rig.server.next()).begin();
      await rig.clock.advance(seconds(20));
      assert.ok(isAlive());
    });
  }

  test('that fails again and again against an unhealthy server is alive, and not ready', async (t) => {
    const rig = await startReflectorRig();
    t.after(() => rig.stop());
    rig.server.script((exchange) => exchange.answer(502, '<html/>'));
    for (let turn = 0; turn < 12; turn += 1) {
      await rig.pause();
      assert.equal(livenessReply([['secrets', rig.reflector]], rig.clock, []).status, 200);
    }
    assert.match(
      readinessReply([['secrets', rig.reflector]], undefined).body,
      /secrets: the API server answered with status 502/,
    );
  });
});
