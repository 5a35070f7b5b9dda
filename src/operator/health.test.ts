// Liveness is about this process only: a reflector that hangs is told, one that waits is not.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LONGEST_WATCH } from '../kube/reflector.ts';
import { type DurationMs, MINUTE } from '../lib/time.ts';
import { startReflectorRig } from '../testing/reflector-rig.ts';
import { livenessReply, readinessReply } from './health.ts';

// Rule 15
describe('a reflector', () => {
  test('that waits for others before it starts is alive, however long they take', async (t) => {
    const rig = await startReflectorRig(0.5, false);
    t.after(() => rig.stop());
    await rig.clock.advance((10 * MINUTE) as DurationMs);
    assert.equal(livenessReply([['secrets', rig.reflector]], rig.clock).status, 200);
    assert.deepEqual(
      readinessReply([['secrets', rig.reflector]], undefined).body,
      'waiting for the first list of secrets\n',
    );
  });

  test('whose last attempt is longer ago than two of its deadlines is stuck, and told by its name', async (t) => {
    const rig = await startReflectorRig();
    t.after(() => rig.stop());
    await rig.watching();
    const at = (monotonic: number) => ({ ...rig.clock, monotonic: () => monotonic as DurationMs });
    assert.equal(livenessReply([['secrets', rig.reflector]], at(2 * LONGEST_WATCH)).status, 200);
    const { status, body } = livenessReply([['secrets', rig.reflector]], at(2 * LONGEST_WATCH + 1));
    assert.deepEqual({ status, body }, { status: 500, body: 'stuck: secrets\n' });
    assert.equal(readinessReply([['secrets', rig.reflector]], undefined).status, 200);
    const waiting = readinessReply([['secrets', rig.reflector]], 'no certificate yet');
    assert.deepEqual([waiting.status, waiting.body], [503, 'waiting for the webhook: no certificate yet\n']);
  });

  test('that fails again and again against a server that is ill is alive, and not ready', async (t) => {
    const rig = await startReflectorRig();
    t.after(() => rig.stop());
    rig.server.script((exchange) => exchange.answer(502, '<html/>'));
    for (let turn = 0; turn < 12; turn += 1) {
      await rig.pause();
      assert.equal(livenessReply([['secrets', rig.reflector]], rig.clock).status, 200);
    }
    assert.match(
      readinessReply([['secrets', rig.reflector]], undefined).body,
      /secrets: the API server answered with status 502/,
    );
  });
});
