// Covers lists of large objects, through the reflector that reads them, against a scripted API server.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { eventually } from '../../testing/api-server/test-api.ts';
import type { Exchange } from '../../testing/network/scripted-server.ts';
import { listText, type ReflectorRig, secret, startReflectorRig } from '../../testing/rigs/reflector-rig.ts';
import { BODY_CAP_BYTES } from './transport.ts';

let rig: ReflectorRig;
beforeEach(async () => {
  rig = await startReflectorRig();
});
afterEach(async () => {
  await rig.stop();
});

const EXPIRED = { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } };

// Rule 14
describe('a page over four MiB', () => {
  test('is requested again in quarters of its size, and an object that is larger by itself is left out and reported once', async () => {
    const limits: string[] = [];
    const script = (exchange: Exchange): void => {
      const { limit = '', continue: token, watch } = exchange.query;
      if (watch) return exchange.begin();
      limits.push(limit);
      if (limit !== '1') return exchange.answer(200, listText('10', 'large', BODY_CAP_BYTES));
      if (token === undefined) rig.list(exchange, '10', [secret('a', '3')], 'token-1');
      else if (token === 'token-1') exchange.answer(200, listText('10', 'large', BODY_CAP_BYTES, 'token-2'));
      else rig.list(exchange, '10', [secret('b', '4')]);
    };
    rig.server.script(script);
    await rig.reflector.synced;
    assert.deepEqual(limits, ['100', '25', '6', '1', '4', '1', '1']);
    assert.deepEqual(rig.keys(), ['a', 'b']);
    const watch = await eventually(() => rig.server.requests.find(({ query }) => query['watch']));
    watch.write(EXPIRED);
    await rig.pause();
    await eventually(() => (limits.length === 14 ? true : undefined));
    assert.equal(rig.log().split('Skipped an object').length - 1, 1);
    assert.ok(rig.log().includes('"object":"a/large"'));
  });

  test('is followed by larger ones when what comes next is small', async () => {
    const limits: string[] = [];
    // The first object has 2 MiB, the others next to nothing.
    rig.server.script((exchange) => {
      const { query } = exchange;
      if (query['watch']) return exchange.begin();
      const limit = Number(query['limit']);
      const at = Number(query['continue'] ?? 0);
      limits.push(`${at}: ${limit}`);
      if (at === 0 && limit > 1) return exchange.answer(200, listText('10', 'large', BODY_CAP_BYTES));
      if (at === 0) return exchange.answer(200, listText('10', 'large', BODY_CAP_BYTES / 2, '1'));
      const objects = Array.from({ length: Math.min(limit, 1_000 - at) }, (_, index) => secret(`s${at + index}`, '3'));
      rig.list(exchange, '10', objects, at + limit < 1_000 ? `${at + limit}` : undefined);
    });
    await rig.reflector.synced;
    const sizes = '0: 100, 0: 25, 0: 6, 0: 1, 1: 1, 2: 4, 6: 16, 22: 64, 86: 256, 342: 500, 842: 500';
    assert.equal(limits.join(', '), sizes);
    assert.equal(rig.store.size, 1_000);
  });

  test('that is the last one ends the list', async () => {
    rig.server.script((exchange) => exchange.answer(200, listText('10', 'large', BODY_CAP_BYTES)));
    await rig.reflector.synced;
    assert.deepEqual(rig.keys(), []);
  });

  test('that does not show where the next one begins fails the list, rather than end it too early', async () => {
    rig.server.script((exchange) => {
      if (exchange.query['limit'] === '1' && exchange.query['continue'] === undefined)
        return rig.list(exchange, '10', [secret('a', '3')], 'token-1');
      exchange.answer(200, `{"items":[{"x":"${'x'.repeat(BODY_CAP_BYTES)}"}],"metadata":{"resourceVersion":"10"}}`);
    });
    await rig.pause();
    assert.equal(rig.reflector.trouble()?.reason, 'ListTooLarge');
    assert.equal(rig.reflector.isSynced(), false);
  });
});
