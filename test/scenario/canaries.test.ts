// The search for leaked secrets that ends every suite, on a real API server: it finds one that is planted in any place.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { createCanaries } from '../../testing/leaks/canaries.ts';
import { addKeysOfUsers, findLeaks, placesIn } from '../../testing/leaks/canary-search.ts';
import { NAMESPACED_PATH, SECRET_PATH, useWorld } from '../../testing/operator/world.ts';
import { ACCESS, createPullSecret } from './manifests.ts';

/** Unknown to the suite's own search: a planted secret is no leak of the suite. */
const KEY = 'PlantedKey0000000000000000000000PlantedK';
const TOKEN = 'PlantedToken'.repeat(40);
const DOCKER = 'kubernetes.io/dockerconfigjson';

// Rule 17
describe('a secret that is planted', () => {
  const world = useWorld();
  let namespace = '';
  before(async () => {
    namespace = await world.api.createNamespace();
    await createPullSecret(world.api, namespace, 'a');
  });

  const leaks = async (): Promise<readonly string[]> => {
    const canaries = createCanaries();
    canaries.add('key', KEY);
    canaries.add('token', TOKEN);
    return findLeaks(canaries, await placesIn(world.api));
  };
  const secret = async (name: string, type: string, data: string, metadata: object = {}): Promise<void> => {
    await world.api.must('POST', SECRET_PATH(namespace), {
      metadata: { name, ...metadata },
      type,
      stringData: { [type === DOCKER ? '.dockerconfigjson' : 'value']: data },
    });
  };
  const annotate = async (path: string, value: string | null): Promise<void> => {
    await world.api.merge(path, { metadata: { annotations: { note: value } } });
  };

  test('is not found in a cluster without one', async () => {
    assert.deepEqual(await leaks(), []);
    assert.ok((await placesIn(world.api)).length > 10);
  });

  test('is found in the status and in the annotations of an object, and not in its spec', async () => {
    const path = NAMESPACED_PATH(namespace, 'a');
    const words = [`key Plan… is in awsecrimagepullsecrets ${namespace}/a`];
    await annotate(path, `x ${KEY}`);
    assert.deepEqual(await leaks(), words);
    await annotate(path, null);
    assert.deepEqual(await leaks(), []);
    const conditions = (message: string): object[] => {
      const [status, reason] = ['False', 'Planted'];
      return [
        { type: 'Ready', status, reason, message, lastTransitionTime: '2026-01-01T00:00:00Z', observedGeneration: 1 },
      ];
    };
    await world.api.merge(`${path}/status`, { status: { conditions: conditions(KEY) } });
    assert.deepEqual(await leaks(), words);
    await world.api.merge(`${path}/status`, { status: { conditions: conditions('-') } });
    await world.api.merge(path, { spec: { awsAccess: { ...ACCESS, secretAccessKey: KEY } } });
    assert.deepEqual(await leaks(), []);
  });

  test('is found in the note of an event, in a config map, and in a namespace', async () => {
    const metadata = { name: 'planted', namespace };
    await world.api.must('POST', `/apis/events.k8s.io/v1/namespaces/${namespace}/events`, {
      metadata,
      eventTime: '2026-01-01T00:00:00.000000Z',
      reportingController: 'x',
      reportingInstance: 'x',
      type: 'Normal',
      reason: 'X',
      action: 'X',
      note: TOKEN,
      regarding: { kind: 'Secret', namespace, name: 'x' },
    });
    await world.api.must('POST', `/api/v1/namespaces/${namespace}/configmaps`, { metadata, data: { a: KEY } });
    await annotate(`/api/v1/namespaces/${namespace}`, encodeURIComponent(KEY));
    assert.deepEqual([...(await leaks())].sort(byText), [
      `key Plan… is in configmaps ${namespace}/planted`,
      `key Plan… is in namespaces /${namespace}`,
      `token Plan… is in events ${namespace}/planted`,
    ]);
    await world.api.must('DELETE', `/apis/events.k8s.io/v1/namespaces/${namespace}/events/planted`);
    await world.api.must('DELETE', `/api/v1/namespaces/${namespace}/configmaps/planted`);
    await annotate(`/api/v1/namespaces/${namespace}`, null);
  });

  test('is found in a Secret where the other kind of secret belongs, and in its labels', async () => {
    const config = (password: string): string => JSON.stringify({ auths: { a: { password } } });
    await secret('pull', DOCKER, config(TOKEN));
    await secret('keys', 'Opaque', KEY);
    assert.deepEqual(await leaks(), []);
    await secret('pull-with-key', DOCKER, config(KEY));
    await secret('keys-with-token', 'Opaque', TOKEN);
    await secret('label', 'Opaque', 'x', { labels: { note: KEY } });
    assert.deepEqual([...(await leaks())].sort(byText), [
      `key Plan… is in secrets ${namespace}/label`,
      `key Plan… is in the data of secrets ${namespace}/pull-with-key`,
      `token Plan… is in the data of secrets ${namespace}/keys-with-token`,
    ]);
  });

  test('is known when a user gave it inline or in a Secret of keys', async () => {
    const canaries = createCanaries();
    await addKeysOfUsers(canaries, world.api);
    assert.equal(canaries.find(KEY), 'key Plan…');
    for (const name of ['pull', 'keys', 'pull-with-key', 'keys-with-token', 'label'])
      await world.api.must('DELETE', SECRET_PATH(namespace, name));
  });
});

const byText = (one: string, other: string): number => (one < other ? -1 : 1);
