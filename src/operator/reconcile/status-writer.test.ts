// Covers what a status that differs in others' words alone costs; test/scenario/words-of-others.test.ts has the rest.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '../../../testing/clocks/manual-clock.ts';
import { pullSecret, START, spec } from '../../../testing/rigs/builders.ts';
import { useViewRig } from '../../../testing/rigs/view-rig.ts';
import { NAMESPACED_KIND } from '../../api/names.ts';
import type { PullSecretStatus } from '../../api/schema.ts';
import { createStatusWriter } from './status-writer.ts';

const rig = useViewRig();

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
