// The CRDs on a real API server: what they accept, what they refuse and in which words, and how kubectl shows them.

import assert from 'node:assert/strict';
import { request } from 'node:https';
import { before, describe, test } from 'node:test';
import { API_VERSION, CLUSTER_KIND, GROUP, NAMESPACED_KIND, VERSION } from '../../src/api/names.ts';
import type { PullSecretStatus } from '../../src/api/schema.ts';
import type { ApiReply } from '../../testing/api-server/test-api.ts';
import { CLUSTER_PATH, NAMESPACED_PATH, useWorld } from '../../testing/operator/world.ts';
import { GOOD_CLUSTER } from './access-specs.ts';
import { BAD, CLUSTER_SPEC, FULL_STATUS, GOOD, NAMESPACED_SPEC } from './specs.ts';

/** Fields of the cluster kind only. */
const OF_CLUSTER = ['namespaces', 'namespaceSelector', 'excludeNamespaces'];

function clusterObject(spec: object, name = 'x'): object {
  return { apiVersion: API_VERSION, kind: CLUSTER_KIND, metadata: { name }, spec: { ...CLUSTER_SPEC, ...spec } };
}

function namespacedObject(spec: object, name = 'x'): object {
  return { apiVersion: API_VERSION, kind: NAMESPACED_KIND, metadata: { name }, spec: { ...NAMESPACED_SPEC, ...spec } };
}

/** The message about the object; releases differ in how they say "object" and that further rules were not checked. */
function wordsOf({ body }: ApiReply): string {
  const text = String(body.message);
  return text
    .slice(text.indexOf(' is invalid: ') + ' is invalid: '.length)
    .replace(/, <nil>: Invalid value: \S+: some validation rules were not checked .* complete validation/, '')
    .replace(/^\[(.*)\]$/s, '$1')
    .replaceAll('Invalid value: "object": ', 'Invalid value: ');
}

describe('the CRDs', () => {
  const world = useWorld();
  let namespace = '';
  before(async () => {
    namespace = await world.api.createNamespace();
  });

  const tryCluster = (spec: object): Promise<ApiReply> =>
    world.api.send('POST', `${CLUSTER_PATH()}?dryRun=All`, clusterObject(spec));
  const tryNamespaced = (spec: object): Promise<ApiReply> =>
    world.api.send('POST', `${NAMESPACED_PATH(namespace)}?dryRun=All`, namespacedObject(spec));

  for (const [name, spec] of Object.entries(GOOD)) {
    const forBoth = !Object.keys(spec).some((field) => OF_CLUSTER.includes(field));
    test(`take ${name}`, async () => {
      const { status, body } = await tryCluster(spec);
      assert.equal(status, 201, body.message);
      // Nothing of it is pruned.
      assert.deepEqual(body.spec, JSON.parse(JSON.stringify({ ...CLUSTER_SPEC, ...spec })));
      if (forBoth) assert.equal((await tryNamespaced(spec)).status, 201);
    });
  }

  for (const [name, spec] of Object.entries(GOOD_CLUSTER)) {
    test(`of the cluster kind alone take ${name}`, async () => {
      assert.equal((await tryCluster(spec)).status, 201);
      const refused = await tryNamespaced(spec);
      assert.equal(refused.status, 422);
      assert.match(wordsOf(refused), /no identity: give accessKeyId/);
    });
  }

  for (const [name, { spec, message, namespacedMessage = message }] of Object.entries(BAD)) {
    const forBoth = !Object.keys(spec).some((field) => OF_CLUSTER.includes(field));
    test(`refuse ${name}`, async () => {
      const reply = await tryCluster(spec);
      assert.equal(reply.status, 422, JSON.stringify(reply.body));
      assert.equal(wordsOf(reply), message);
      if (forBoth) assert.equal(wordsOf(await tryNamespaced(spec)), namespacedMessage);
    });
  }

  test('refuse an object without a spec', async () => {
    const { status, body } = await world.api.send('POST', CLUSTER_PATH(), {
      apiVersion: API_VERSION,
      kind: CLUSTER_KIND,
      metadata: { name: 'x' },
    });
    assert.equal(status, 422);
    assert.match(body.message, /is invalid: \[?spec: Required value/);
  });

  test('refuse another secret name later, and take every other change', async () => {
    await world.api.must('POST', NAMESPACED_PATH(namespace), namespacedObject({}, 'later'));
    const path = NAMESPACED_PATH(namespace, 'later');
    const patch = (spec: object): Promise<ApiReply> =>
      world.api.send('PATCH', path, { spec }, 'application/merge-patch+json');
    const refused = await patch({ secretName: 'other' });
    assert.equal(refused.status, 422);
    assert.match(
      wordsOf(refused),
      /^spec\.secretName: .*: secretName is immutable: delete this object and create another one$/,
    );
    const other = { region: 'us-east-1', accessKeyId: null, secretAccessKey: null, secretRef: { name: 'keys' } };
    assert.equal((await patch({ awsAccess: other })).status, 200);
  });

  test('prune fields that are not theirs', async () => {
    const { status, body } = await tryCluster({
      registry: 'x',
      awsAccess: { ...(NAMESPACED_SPEC['awsAccess'] as object), endpoint: 'http://x' },
    });
    assert.equal(status, 201);
    assert.deepEqual(body.spec, CLUSTER_SPEC);
    const { body: namespaced } = await tryNamespaced({ namespaces: ['a'], namespaceSelector: {} });
    assert.deepEqual(namespaced.spec, NAMESPACED_SPEC);
  });

  test('say to a client that asks which field they do not know', async () => {
    const strict = `${CLUSTER_PATH()}?dryRun=All&fieldValidation=Strict`;
    const { status, body } = await world.api.send('POST', strict, clusterObject({ registry: 'x' }));
    assert.equal(status, 400);
    assert.match(body.message, /unknown field "spec\.registry"/);
  });

  test('give a new object the status of one that no operator has reconciled, whatever its author wrote there', async () => {
    for (const status of [undefined, {}, FULL_STATUS]) {
      const { body } = await world.api.send('POST', `${CLUSTER_PATH()}?dryRun=All`, {
        ...clusterObject({}),
        ...(status ? { status } : {}),
      });
      assert.deepEqual(body.status, { observedGeneration: -1 });
    }
  });

  test('take the whole status of the operator and prune nothing of it', async () => {
    await world.api.must('POST', CLUSTER_PATH(), clusterObject({}, 'full'));
    const { status } = await world.api.merge(`${CLUSTER_PATH('full')}/status`, { status: FULL_STATUS });
    assert.deepEqual(status, FULL_STATUS);
  });

  test('take a status of a hundred problems with the longest messages, and one of a logged-in first look', async () => {
    await world.api.must('POST', CLUSTER_PATH(), clusterObject({}, 'long'));
    const items = Array.from({ length: 100 }, (_, index) => ({
      namespace: `n${index}`,
      reason: 'SecretConflict',
      message: 'm'.repeat(1_024),
    }));
    const status: PullSecretStatus = { ...FULL_STATUS, problems: { count: 4_000, items } };
    await world.api.merge(`${CLUSTER_PATH('long')}/status`, { status });
    await world.api.merge(`${CLUSTER_PATH('long')}/status`, { status: { ...status, problems: null } });
  });

  test('are found by their short names and by the category ecr', async () => {
    const { resources } = await world.api.must('GET', `/apis/${GROUP}/${VERSION}`);
    const seen = resources
      .filter(({ name }: { name: string }) => !name.includes('/'))
      .map(({ kind, namespaced, shortNames, categories, singularName }: Record<string, unknown>) => ({
        kind,
        namespaced,
        shortNames,
        categories,
        singularName,
      }))
      .sort((one: { singularName: string }, other: { singularName: string }) =>
        one.singularName < other.singularName ? -1 : 1,
      );
    const categories = ['ecr'];
    assert.deepEqual(seen, [
      {
        kind: NAMESPACED_KIND,
        namespaced: true,
        shortNames: ['aeps'],
        categories,
        singularName: 'awsecrimagepullsecret',
      },
      {
        kind: CLUSTER_KIND,
        namespaced: false,
        shortNames: ['caeps'],
        categories,
        singularName: 'clusterawsecrimagepullsecret',
      },
    ]);
  });

  /** The table that kubectl prints: the cells of one object by the names of their columns. */
  const tableRow = (path: string): Promise<Record<string, unknown>> =>
    new Promise((resolve, reject) => {
      const { url, adminToken, certificateAuthority: ca } = world.plane;
      const headers = { authorization: `Bearer ${adminToken}`, accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
      request(`${url}${path}`, { ca, headers }, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const { columnDefinitions, rows } = JSON.parse(Buffer.concat(chunks).toString('utf8'));
          const named = columnDefinitions.map(
            ({ name, priority }: { name: string; priority: number }, index: number) => [
              priority > 0 ? `${name} (wide)` : name,
              rows[0].cells[index],
            ],
          );
          resolve(Object.fromEntries(named));
        });
      })
        .on('error', reject)
        .end();
    });

  for (const [kind, path, object] of [
    [NAMESPACED_KIND, (name = ''): string => NAMESPACED_PATH(namespace, name), namespacedObject({}, 'printed')],
    [CLUSTER_KIND, (name = ''): string => CLUSTER_PATH(name), clusterObject({}, 'printed')],
  ] as const) {
    test(`print a ${kind} in columns, times in the future as they are`, async () => {
      await world.api.must('POST', path(), object);
      const fresh = await tableRow(path('printed'));
      assert.deepEqual([fresh['Ready'], fresh['Expires']], [null, null]);
      const refreshedAt = new Date(Date.now() - 7_200_000).toISOString().replace(/\.\d+Z/, 'Z');
      await world.api.merge(`${path('printed')}/status`, { status: { ...FULL_STATUS, refreshedAt } });
      const { Age: age, ...row } = await tableRow(path('printed'));
      assert.match(String(age), /^\d+s$/);
      assert.deepEqual(row, {
        Name: 'printed',
        Ready: 'True',
        Status: 'SecretsUpdated',
        'Message (wide)': 'all is well',
        Stalled: null,
        'Attached (wide)': null,
        'Pullable (wide)': null,
        Secrets: '3/4',
        Secret: 'ecr-login',
        Region: 'eu-west-1',
        Expires: '2099-01-01T12:00:00Z',
        Refreshed: '120m',
      });
    });
  }
});
