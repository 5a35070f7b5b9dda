// Covers what a status that differs in others' words alone costs; test/scenario/words-of-others.test.ts has the rest.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '../../../testing/clocks/manual-clock.ts';
import { pullSecret, START, spec, UID } from '../../../testing/rigs/builders.ts';
import { useViewRig } from '../../../testing/rigs/view-rig.ts';
import { NAMESPACED_KIND, RECONCILE_AT_ANNOTATION } from '../../api/names.ts';
import type { PullSecretStatus } from '../../api/schema.ts';
import { keyOf, type PullSecretObject } from '../../core/resource.ts';
import type { JsonRecord } from '../../lib/json.ts';
import { pullSecretOf } from '../state/reduced-objects.ts';
import { createStatusWriter } from './status-writer.ts';

const heard: string[] = [];
const rig = useViewRig({ enqueue: (key) => void heard.push(key) });

test('a status in other words that the API server refuses is no less likely to be written later', async () => {
  const { client, view, stores } = rig;
  const writer = createStatusWriter({ client, view, stores, clock: createManualClock(START) }, AbortSignal.any([]));
  const saying = (message: string): PullSecretStatus => ({
    observedGeneration: 1,
    problems: { count: 1, items: [{ namespace: 'ns1', reason: 'CreateSecretError', message }] },
  });
  const object = { ...pullSecret(NAMESPACED_KIND, spec()), status: saying('closed') };
  rig.server.script((exchange) => exchange.answer(409, { reason: 'Conflict' }));
  for (let attempt = 0; attempt < 30; attempt += 1)
    assert.equal(await writer.write(object, saying(`closed${'!'.repeat(attempt + 1)}`)), false);
  const before = rig.server.requests.length;
  assert.equal(before, 30);
  rig.server.script((exchange) => exchange.answer(200, { metadata: {} }));
  for (let attempt = 0; attempt < 30; attempt += 1)
    await writer.write(object, saying(`shut${'!'.repeat(attempt + 1)}`));
  assert.equal(rig.server.requests.length, before + 10, 'ten at once, and then one in a while');
  await writer.write({ ...object, generation: 2 }, saying('open'));
  assert.equal(rig.server.requests.length, before + 11);
});

test('a mark that its user sets while a status is on its way is no less news', async () => {
  const { client, view, stores } = rig;
  const writer = createStatusWriter({ client, view, stores, clock: createManualClock(START) }, AbortSignal.any([]));
  const rawOf = (resourceVersion: string, status: object, mark?: string): JsonRecord => {
    const annotations = mark === undefined ? {} : { [RECONCILE_AT_ANNOTATION]: mark };
    const metadata = { uid: UID, namespace: 'ns1', name: 'a', generation: 1, resourceVersion, annotations };
    return { metadata, spec: spec(), status };
  };
  const objectOf = (...version: Parameters<typeof rawOf>): PullSecretObject =>
    view.quota.reserve(pullSecretOf(NAMESPACED_KIND, rawOf(...version)) ?? assert.fail());
  const object = objectOf('1', {});
  const key = keyOf(object);
  stores.namespaced.apply(key, object, '1');
  const status = { observedGeneration: 1 };
  rig.server.script((exchange) => exchange.answer(409, { reason: 'Conflict' }));
  for (let attempt = 0; attempt < 2; attempt += 1) assert.equal(await writer.write(object, status), false);
  rig.server.script((exchange) => exchange.answer(200, rawOf('3', status, 'now')));
  assert.equal(await writer.write(object, status), true);
  heard.length = 0;
  // The watch shows the mark first, and then the status.
  stores.namespaced.apply(key, objectOf('2', {}, 'now'), '2');
  stores.namespaced.apply(key, objectOf('3', status, 'now'), '3');
  assert.deepEqual(heard, [key]);
});
