// Covers a write whose Secret the watch shows before the answer is here, or whose caller has given it up before that.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createManualClock, type ManualClock } from '../../../testing/clocks/manual-clock.ts';
import { type ScriptedServer, startScriptedServer } from '../../../testing/network/scripted-server.ts';
import { clusterPullSecret, login, pullSecret, START, seenSecret, spec } from '../../../testing/rigs/builders.ts';
import { createTestView, type TestState } from '../../../testing/rigs/view-rig.ts';
import { objectKey } from '../../api/meta.ts';
import { CLUSTER_KIND, NAMESPACED_KIND, OWNER_UID_LABEL } from '../../api/names.ts';
import { makePayload } from '../../core/plan.ts';
import { NO_TEMPLATE } from '../../core/secret-template.ts';
import { createClient } from '../../kube/client.ts';
import { createTransport, type Transport } from '../../kube/transport.ts';
import type { JsonRecord } from '../../lib/json.ts';
import { seconds } from '../../lib/time.ts';
import { createSecretWriter, type SecretWriter } from './secret-writer.ts';
import { SlowWrite } from './slow-writes.ts';

const OWNER = clusterPullSecret(spec({ namespaces: ['ns1'] }));
const PAYLOAD = makePayload([login('eu-west-1')], 'digest-of-inputs', NO_TEMPLATE, START) ?? assert.fail();
const SEEN = seenSecret('ns1', PAYLOAD, { uid: 'uid-seen', resourceVersion: '7', ownerKind: CLUSTER_KIND });
const SECRET = 'ns1/ecr-login';

/** The Secret in this version, as the API server gives it. */
function onTheWire(resourceVersion: string): JsonRecord {
  return {
    type: 'kubernetes.io/dockerconfigjson',
    metadata: {
      namespace: 'ns1',
      name: 'ecr-login',
      uid: SEEN.uid,
      resourceVersion,
      labels: { 'app.kubernetes.io/managed-by': 'kube-ecr-secrets-operator', [OWNER_UID_LABEL]: OWNER.uid },
      annotations: { expiry: PAYLOAD.expiry, 'aws.zakariaamine.com/inputs': 'digest-of-inputs' },
      ownerReferences: [
        {
          apiVersion: 'aws.zakariaamine.com/v1alpha2',
          kind: CLUSTER_KIND,
          name: 'a',
          uid: OWNER.uid,
          controller: true,
        },
      ],
    },
  };
}

// Rule 11
describe('a write', () => {
  let server: ScriptedServer;
  let transport: Transport;
  let clock: ManualClock;
  let state: TestState;
  let enqueued: string[];
  let writer: SecretWriter;
  beforeEach(async () => {
    server = await startScriptedServer();
    clock = createManualClock(START);
    transport = createTransport({ access: server.access(), clock, userAgent: 'test' });
    enqueued = [];
    state = createTestView({ enqueue: (key) => void enqueued.push(key) });
    const { secrets, cluster } = state.stores;
    secrets.replace(new Map(), '1');
    cluster.apply(objectKey(undefined, 'a'), OWNER, '2');
    writer = createSecretWriter(createClient(transport, 'test'), secrets, clock, new AbortController().signal);
  });
  afterEach(async () => {
    transport.close();
    await server.stop();
  });
  const show = (resourceVersion: string, over = {}): void =>
    state.stores.secrets.apply(SECRET, { ...SEEN, resourceVersion, ...over }, resourceVersion);

  for (const first of ['event', 'answer'] as const) {
    test(`that its caller waits for is no news to its object, the ${first} first`, async () => {
      const written = writer.create(OWNER, 'ns1', 'ecr-login', PAYLOAD);
      const exchange = await server.next();
      enqueued.length = 0;
      if (first === 'event') show('10');
      exchange.answer(201, onTheWire('10'));
      await written;
      if (first === 'answer') show('10');
      assert.deepEqual(enqueued, []);
    });

    test(`that lands after its caller has given it up is news, the ${first} first`, async () => {
      const told = assert.rejects(writer.create(OWNER, 'ns1', 'ecr-login', PAYLOAD), SlowWrite);
      const exchange = await server.next();
      await clock.advance(seconds(2));
      await told;
      // Meanwhile the object may want no Secret there, and have nothing left to do.
      enqueued.length = 0;
      if (first === 'event') show('10');
      exchange.answer(201, onTheWire('10'));
      await writer.ended();
      if (first === 'answer') show('10');
      assert.deepEqual(enqueued, ['/a']);
    });
  }

  test('whose Secret is offered to another object before the answer is news to that one', async () => {
    const other = { ...pullSecret(NAMESPACED_KIND, spec()), name: 'waits', uid: 'waits' };
    state.stores.namespaced.apply('ns1/waits', other, '3');
    show('7', { contentDigest: 'old' });
    server.script((exchange) => {
      enqueued.length = 0;
      show('10');
      show('11', { offeredTo: `${NAMESPACED_KIND}/waits` });
      exchange.answer(200, onTheWire('10'));
    });
    await writer.update(OWNER, { ...SEEN, contentDigest: 'old' }, PAYLOAD);
    assert.ok(enqueued.includes('ns1/waits'), `enqueued: ${enqueued.join(' ')}`);
  });
});
