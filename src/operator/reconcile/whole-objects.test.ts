// Covers what a reconciliation gets of an object that is served and not kept whole: all of it as it is now, or nothing.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { login, spec } from '../../../testing/rigs/builders.ts';
import { useViewRig } from '../../../testing/rigs/view-rig.ts';
import { objectKey } from '../../api/meta.ts';
import { NAMESPACED_KIND } from '../../api/names.ts';
import type { PullSecretObject } from '../../core/resource.ts';
import { withLogins } from '../../core/status.ts';
import type { Result } from '../../kube/controller.ts';
import type { JsonRecord } from '../../lib/json.ts';
import { createLogger } from '../../lib/log.ts';
import { systemClock } from '../../lib/time.ts';
import { pullSecretOf } from '../state/reduced-objects.ts';
import { createWholeObjects } from './whole-objects.ts';

const KEY = objectKey('ns1', 'a');
const LARGE = { ...spec(), registries: { hosts: Array.from({ length: 100 }, (_, at) => `h${at}.${'a'.repeat(100)}`) } };

// Rule 14
describe('an object that is served and too large for the quota of its namespace', () => {
  const rig = useViewRig({ objectsPerNamespace: 1 });
  /** What each reconciliation got. */
  let shown: (PullSecretObject | undefined)[];

  beforeEach(() => {
    shown = [];
  });

  const raw = (version: string, generation: number, wanted: JsonRecord, uid = 'u'): JsonRecord => ({
    metadata: { name: 'a', namespace: 'ns1', uid, resourceVersion: version, generation },
    spec: wanted,
    status: withLogins({}, [login('eu-west-1')]),
  });
  const see = (one: JsonRecord, version: string): void => {
    const object = pullSecretOf(NAMESPACED_KIND, one);
    rig.stores.namespaced.apply(KEY, object && rig.view.quota.reserve(object), version);
  };
  const work = async (): Promise<Result> => {
    const reconcile = createWholeObjects({ client: rig.client, view: rig.view, store: rig.stores.namespaced }).reading(
      async (key) => {
        shown.push(rig.view.object(key));
        return { op: 'done', wakeAt: undefined };
      },
    );
    const log = createLogger({ level: 'error', format: 'json', clock: systemClock, write: () => {} });
    return await reconcile(KEY, { signal: new AbortController().signal, log });
  };

  test('is read whole for its reconciliation, and is kept reduced before and after it', async () => {
    see(raw('1', 1, LARGE), '1');
    rig.server.script((exchange) => exchange.answer(200, raw('1', 1, LARGE)));
    await work();
    assert.deepEqual(
      shown.map((one) => [one?.isWaiting, one?.spec]),
      [[false, LARGE]],
    );
    assert.deepEqual([rig.view.object(KEY)?.isWaiting, rig.view.object(KEY)?.spec], [true, spec()]);
  });

  test('is not reconciled while the watch has yet to show what it wants now, or that it is gone', async () => {
    see(raw('1', 1, LARGE), '1');
    rig.server.script((exchange) => exchange.answer(200, raw('2', 2, LARGE)));
    assert.equal((await work()).op, 'retry');
    rig.server.script((exchange) => exchange.answer(404, {}));
    assert.equal((await work()).op, 'done');
    rig.server.script((exchange) => exchange.answer(200, raw('3', 1, LARGE, 'another')));
    assert.equal((await work()).op, 'done');
    assert.deepEqual(shown, []);
  });

  test('is kept whole again at its next reconciliation when the quota has space, and is not read any more', async () => {
    const half = { ...spec(), registries: { hosts: LARGE.registries.hosts.slice(0, 50) } };
    const other = pullSecretOf(NAMESPACED_KIND, raw('1', 1, half, 'other'));
    assert.equal(other && rig.view.quota.reserve(other).isWaiting, false);
    see(raw('2', 1, half), '2');
    assert.equal(rig.view.object(KEY)?.isWaiting, true);
    if (other) rig.view.quota.leave(other);
    rig.server.script((exchange) => exchange.answer(200, raw('2', 1, half)));
    for (let turn = 0; turn < 2; turn += 1) await work();
    assert.deepEqual(
      shown.map((one) => one?.spec),
      [half, half],
    );
    assert.deepEqual([rig.view.object(KEY)?.isWaiting, rig.server.requests.length], [false, 1]);
  });
});
