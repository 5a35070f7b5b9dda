// Covers the second look before Secrets are deleted: what the stores do not show yet keeps a Secret.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createManualClock } from '../../../testing/clocks/manual-clock.ts';
import { type ScriptedServer, startScriptedServer } from '../../../testing/network/scripted-server.ts';
import { login, pullSecret, START, seenSecret, spec } from '../../../testing/rigs/builders.ts';
import { CLUSTER_KIND } from '../../api/names.ts';
import { makePayload, type Payload } from '../../core/plan.ts';
import { NO_TEMPLATE } from '../../core/secret-template.ts';
import type { SeenSecret } from '../../core/seen-secret.ts';
import { createClient } from '../../kube/client.ts';
import { createTransport, type Transport } from '../../kube/transport.ts';
import type { JsonRecord } from '../../lib/json.ts';
import { confirmingPrune } from './prune.ts';

const PAYLOAD = makePayload([login('eu-west-1')], 'sha256:1', NO_TEMPLATE, START) as Payload;
const SELECTING = spec({ namespaceSelector: { matchLabels: { ecr: 'yes' } }, secretName: 'ecr-login' });
const OBJECT = pullSecret(CLUSTER_KIND, SELECTING);
const held = (...namespaces: readonly string[]): readonly SeenSecret[] =>
  namespaces.map((namespace) => seenSecret(namespace, PAYLOAD));

/** As many labels as are kept of a namespace, and one more. */
const PADDING = Object.fromEntries(Array.from({ length: 101 }, (_, at) => [`a${at}`, 'x']));

// Rule 4
describe('secrets that are not wanted according to the stores', () => {
  let server: ScriptedServer;
  let transport: Transport;

  beforeEach(async () => {
    server = await startScriptedServer();
    transport = createTransport({ access: server.access(), clock: createManualClock(START), userAgent: 'test' });
  });
  afterEach(async () => {
    transport.close();
    await server.stop();
  });

  /** @param labelled  the existing namespaces: true for selected ones, `padded` for too many other labels */
  const cluster = (object: JsonRecord | undefined, labelled: Readonly<Record<string, boolean | 'padded'>>): void =>
    server.script((exchange) => {
      const name = /metadata\.name=(.*)/.exec(exchange.query['fieldSelector'] ?? '')?.[1];
      if (!exchange.path.endsWith('/namespaces')) return exchange.answer(object ? 200 : 404, object ?? {});
      const items = Object.entries(labelled)
        .filter(([namespace]) => name === undefined || namespace === name)
        .map(([namespace, is]) => ({
          metadata: {
            name: namespace,
            uid: namespace,
            labels: is === 'padded' ? PADDING : is ? { ecr: 'yes' } : {},
            resourceVersion: '1',
          },
        }));
      exchange.answer(200, { kind: 'NamespaceList', apiVersion: 'v1', metadata: { resourceVersion: '9' }, items });
    });
  const objectIs = (over: JsonRecord = {}, wanted: JsonRecord = SELECTING): JsonRecord => ({
    metadata: { name: OBJECT.name, uid: OBJECT.uid, resourceVersion: '5', generation: 2, ...over },
    spec: wanted,
  });
  const confirmed = async (candidates: readonly SeenSecret[], owned = 100): Promise<readonly string[]> => {
    const { signal } = new AbortController();
    const kept = await confirmingPrune(createClient(transport, 'test'))(OBJECT, candidates, owned, signal);
    return kept.map(({ namespace }) => namespace);
  };
  const listed = (): readonly (string | undefined)[] =>
    server.requests.filter(({ path }) => path.endsWith('/namespaces')).map(({ query }) => query['fieldSelector']);

  test('are deleted when a fresh look does not want them either; of a few, only their own namespaces are read', async () => {
    cluster(objectIs(), { a: false, b: true, c: false });
    assert.deepEqual(await confirmed(held('a', 'b', 'gone')), ['a', 'gone']);
    assert.deepEqual(listed(), ['metadata.name=a', 'metadata.name=b', 'metadata.name=gone']);
  });

  test('stay when the object wants them by now', async () => {
    cluster(objectIs({}, spec({ namespaces: ['a'], secretName: 'ecr-login' })), { a: false, b: false });
    assert.deepEqual(await confirmed(held('a', 'b')), ['b']);
  });

  test('are deleted when the object has given their name up', async () => {
    cluster(objectIs(), { a: true });
    assert.deepEqual(await confirmed([seenSecret('a', PAYLOAD, { name: 'former' })]), ['a']);
  });

  test('stay where a namespace has too many labels to say whether it is selected, whatever they are called', async () => {
    cluster(objectIs(), { a: 'padded', b: false });
    const former = seenSecret('a', PAYLOAD, { name: 'former' });
    assert.deepEqual(await confirmed([...held('a', 'b'), former]), ['b']);
    assert.deepEqual(await confirmed([...held('a', 'b'), former], 1), ['b']);
  });

  for (const [name, object] of Object.entries({
    'is gone': undefined,
    'is another one of the same name': objectIs({ uid: 'another' }),
    'cannot be understood': objectIs({}, { awsAccess: {} }),
  }))
    test(`stay when the object ${name}`, async () => {
      cluster(object, { a: false });
      assert.deepEqual(await confirmed(held('a')), []);
    });

  test('are many: all namespaces are read, in one consistent list', async () => {
    const names = Array.from({ length: 11 }, (_, index) => `n${index}`);
    cluster(objectIs(), { n3: true });
    assert.equal((await confirmed(held(...names), 20)).length, 10);
    assert.deepEqual(listed(), [undefined]);
  });

  test('cause no read when there are none', async () => {
    assert.deepEqual(await confirmed([]), []);
    assert.equal(server.requests.length, 0);
  });

  test('stay, and the reconciliation fails, when the API server does not answer', async () => {
    server.script((exchange) => exchange.answer(500, {}));
    await assert.rejects(confirmed(held('a')));
  });
});
