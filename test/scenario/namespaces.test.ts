// The cluster kind follows its namespaces: named, selected, excluded, missing, relabelled, terminating.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, beforeEach, describe, test } from 'node:test';
import { eventually } from '../../testing/api-server/test-api.ts';
import { CLUSTER_PATH, conditionOf, SECRET_PATH, useWorld } from '../../testing/operator/world.ts';
import { createClusterPullSecret } from './manifests.ts';

describe('namespaces of a cluster object', () => {
  const world = useWorld();
  /** More labels than are kept of a namespace, with names that sort before all others. */
  const padding = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`a${at}`, 'x']));
  let name = '';
  let labels: Record<string, string> = {};

  before(async () => {
    await world.startOperator();
  });
  beforeEach(() => {
    name = `test-${randomBytes(4).toString('hex')}`;
    labels = { [`ecr/${name}`]: 'yes' };
  });

  const has = async (namespace: string): Promise<boolean> =>
    (await world.api.get(SECRET_PATH(namespace, name))).status === 200;
  const comes = (namespace: string): Promise<true> =>
    eventually(async () => ((await has(namespace)) ? true : undefined));
  const goes = (namespace: string): Promise<true> =>
    eventually(async () => ((await has(namespace)) ? undefined : true));
  const create = (spec: object): Promise<unknown> =>
    createClusterPullSecret(world.api, name, { secretName: name, ...spec });

  test('a namespace that gets the label receives the secret, and loses it with the label', async () => {
    const namespace = await world.api.createNamespace();
    await create({ namespaceSelector: { matchLabels: labels } });
    const status = await world.ready(CLUSTER_PATH(name));
    assert.deepEqual(status.secrets, { desired: 0, ready: 0, summary: '0/0' });
    assert.equal(conditionOf(status, 'Ready')?.reason, 'NoNamespaces');
    await world.api.merge(`/api/v1/namespaces/${namespace}`, { metadata: { labels } });
    await comes(namespace);
    await world.status(CLUSTER_PATH(name), ({ secrets }) => secrets?.ready === 1);
    await world.api.merge(`/api/v1/namespaces/${namespace}`, { metadata: { labels: { [`ecr/${name}`]: null } } });
    await goes(namespace);
    await world.status(CLUSTER_PATH(name), ({ secrets }) => secrets?.ready === 0);
  });

  test('a namespace that is created with the label is served', async () => {
    await create({ namespaceSelector: { matchLabels: labels } });
    await world.ready(CLUSTER_PATH(name));
    await comes(await world.api.createNamespace(labels));
  });

  // Rule 9
  test('a named namespace that does not exist is reported, the others are served, and it is when it comes', async () => {
    const there = await world.api.createNamespace();
    const missing = `late-${name}`;
    await create({ namespaces: [there, missing] });
    const status = await world.status(
      CLUSTER_PATH(name),
      // The operator may see the other one a moment later than the object.
      (found) => conditionOf(found, 'Ready')?.reason === 'PartiallyReady' && found.secrets?.ready === 1,
    );
    assert.equal(conditionOf(status, 'Ready')?.status, 'False');
    assert.deepEqual(status.secrets, { desired: 2, ready: 1, summary: '1/2' });
    assert.deepEqual(status.problems?.items, [
      {
        namespace: missing,
        reason: 'NamespaceNotFound',
        message: `namespace ${missing} does not exist; the Secret is created as soon as it does`,
      },
    ]);
    assert.equal(await has(there), true);
    await world.api.must('POST', '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: missing },
    });
    const healed = await world.ready(CLUSTER_PATH(name));
    assert.deepEqual(healed.secrets, { desired: 2, ready: 2, summary: '2/2' });
    assert.equal(healed.problems, undefined);
  });

  // Rule 4
  test('a namespace that leaves the list loses its secret, an excluded one never has one', async () => {
    const [kept, dropped, excluded] = [
      await world.api.createNamespace(),
      await world.api.createNamespace(),
      await world.api.createNamespace(labels),
    ];
    await create({
      namespaces: [kept, dropped],
      namespaceSelector: { matchLabels: labels },
      excludeNamespaces: [excluded],
    });
    await world.ready(CLUSTER_PATH(name));
    assert.deepEqual(await Promise.all([kept, dropped, excluded].map(has)), [true, true, false]);
    await world.api.merge(CLUSTER_PATH(name), { spec: { namespaces: [kept] } });
    await goes(dropped);
    assert.equal(await has(kept), true);
    await world.status(
      CLUSTER_PATH(name),
      ({ observedGeneration, secrets }) => observedGeneration === 2 && secrets?.desired === 1,
    );
  });

  for (const [operator, requirement] of Object.entries({
    NotIn: { operator: 'NotIn', values: ['no'] },
    DoesNotExist: { operator: 'DoesNotExist' },
  }))
    test(`a namespace with too many labels to be judged by ${operator} gains no secret, and the status says so`, async (t) => {
      const zone = `zone/${name}`;
      const plain = await world.api.createNamespace({ ...labels, [zone]: 'no' });
      const padded = await world.api.createNamespace({ ...labels, ...padding, [zone]: 'no' });
      const wanted = await world.api.createNamespace(labels);
      // No other selector may match it.
      const none = Object.fromEntries(Object.keys(padding).map((label) => [label, null]));
      t.after(() => world.api.merge(`/api/v1/namespaces/${padded}`, { metadata: { labels: none } }));

      const here = { key: `ecr/${name}`, operator: 'Exists' };
      await create({ namespaceSelector: { matchExpressions: [{ key: zone, ...requirement }, here] } });
      await comes(wanted);
      const status = await world.status(
        CLUSTER_PATH(name),
        ({ problems, secrets }) =>
          secrets?.summary === '1/1' && (problems?.items ?? []).some(({ namespace }) => namespace === padded),
      );
      assert.equal(status.problems?.items[0]?.reason, 'TooManyLabels');
      assert.equal(conditionOf(status, 'Ready')?.status, 'True');
      assert.deepEqual([await has(plain), await has(padded)], [false, false]);
    });

  test('a served namespace that gets more labels than are kept keeps its secret, and has it renewed', async () => {
    const namespace = await world.api.createNamespace(labels);
    await create({ namespaceSelector: { matchLabels: labels } });
    await comes(namespace);
    await world.api.merge(`/api/v1/namespaces/${namespace}`, { metadata: { labels: padding } });
    const status = await world.status(CLUSTER_PATH(name), ({ problems }) =>
      (problems?.items ?? []).some((item) => item.namespace === namespace && item.reason === 'TooManyLabels'),
    );
    assert.deepEqual(status.secrets, { desired: 1, ready: 1, summary: '1/1' });
    const { body: before } = await world.api.get(SECRET_PATH(namespace, name));
    await world.api.merge(CLUSTER_PATH(name), {
      metadata: { annotations: { 'aws.zakariaamine.com/reconcile-at': 'now' } },
    });
    await eventually(async () => {
      const { body } = await world.api.get(SECRET_PATH(namespace, name));
      return body.data['.dockerconfigjson'] === before.data['.dockerconfigjson'] ? undefined : true;
    });
    // Once they can be told apart again, the selector decides again.
    const none = Object.fromEntries(Object.keys({ ...padding, ...labels }).map((label) => [label, null]));
    await world.api.merge(`/api/v1/namespaces/${namespace}`, { metadata: { labels: none } });
    await goes(namespace);
  });

  test('a repeated name is folded', async () => {
    const namespace = await world.api.createNamespace();
    await create({ namespaces: [namespace, namespace] });
    const status = await world.ready(CLUSTER_PATH(name));
    assert.deepEqual(status.secrets, { desired: 1, ready: 1, summary: '1/1' });
  });

  // Rule 9
  test('a terminating namespace does not count and does not disturb', async () => {
    const [stays, ends] = [await world.api.createNamespace(), await world.api.createNamespace()];
    // Keeps the namespace from going before the operator has seen it.
    const holds = `/api/v1/namespaces/${ends}/configmaps`;
    await world.api.must('POST', holds, { metadata: { name: 'held', finalizers: ['example.com/held'] } });
    await create({ namespaces: [stays, ends] });
    await world.ready(CLUSTER_PATH(name));
    await world.api.must('DELETE', `/api/v1/namespaces/${ends}`);
    const status = await world.status(CLUSTER_PATH(name), ({ secrets }) => secrets?.desired === 1);
    assert.equal(conditionOf(status, 'Ready')?.status, 'True');
    assert.equal(await has(stays), true);
    await world.api.merge(`${holds}/held`, { metadata: { finalizers: null } });
  });

  // Rule 4
  test('twenty namespaces that leave at once are cleaned after a second look', async () => {
    const namespaces = await Promise.all(Array.from({ length: 21 }, () => world.api.createNamespace(labels)));
    const [last = ''] = namespaces;
    await create({ namespaceSelector: { matchLabels: labels } });
    await world.status(CLUSTER_PATH(name), ({ secrets }) => secrets?.ready === 21);
    await world.api.merge(CLUSTER_PATH(name), { spec: { namespaces: [last], namespaceSelector: null } });
    await world.status(CLUSTER_PATH(name), ({ secrets }) => secrets?.desired === 1 && secrets.ready === 1);
    await eventually(async () =>
      (await Promise.all(namespaces.map(has))).filter(Boolean).length === 1 ? true : undefined,
    );
    assert.equal(await has(last), true);
  });
});
