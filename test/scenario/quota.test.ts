// A namespace full of objects, or of large ones: served ones stay so, through restarts too, and the others wait and say
// so.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Clock } from '../../src/lib/time.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createTravelClock } from '../../testing/clocks/travel-clock.ts';
import {
  conditionOf,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { ACCESS, createPullSecret, passwordOf } from './manifests.ts';

// Rule 14
describe('a namespace with more objects than are kept of one', () => {
  const world = useWorld();
  let operator: RunningOperator;
  let namespace = '';

  const start = async (objectsPerNamespace: number): Promise<void> => {
    operator = await world.startOperator({ objectsPerNamespace });
  };
  const pathOf = (name: string): string => NAMESPACED_PATH(namespace, name);
  const create = (name: string): Promise<unknown> => createPullSecret(world.api, namespace, name, { secretName: name });
  const waits = async (name: string): Promise<void> => {
    const status = await world.status(pathOf(name), (found) => conditionOf(found, 'Ready') !== undefined);
    assert.equal(conditionOf(status, 'Ready')?.reason, 'NamespaceQuotaExceeded');
    assert.equal(conditionOf(status, 'Stalled')?.status, 'True');
    assert.equal((await world.api.get(SECRET_PATH(namespace, name))).status, 404);
  };
  const isServed = async (name: string): Promise<boolean> =>
    (await world.api.get(SECRET_PATH(namespace, name))).status === 200;
  /** The operator knows enough of it to undo another writer's changes of its Secret. */
  const isKept = async (name: string): Promise<true> => {
    await world.api.must('DELETE', SECRET_PATH(namespace, name));
    return await eventually(async () => ((await isServed(name)) ? true : undefined));
  };

  before(async () => {
    namespace = await world.api.createNamespace();
    await start(3);
  });
  after(async () => {
    await operator.stop();
  });

  test('has the first of them served; further ones wait, say so, and delay no object elsewhere', async () => {
    for (const name of ['b', 'c', 'd']) {
      await create(name);
      await world.ready(pathOf(name));
    }
    for (const name of ['a', 'e']) {
      await create(name);
      await waits(name);
    }
    assert.equal(await operator.metric('ecr_operator_waiting_objects'), 2);
    const other = await world.api.createNamespace();
    await createPullSecret(world.api, other, 'login');
    await world.ready(NAMESPACED_PATH(other, 'login'));
  });

  test('has the one served next that has waited longest, when another goes', async () => {
    await world.api.must('DELETE', pathOf('d'));
    await world.ready(pathOf('a'));
    assert.equal(await isServed('e'), false);
  });

  test('keeps those that are served through a restart, also when fewer are kept by then, and lets no other in', async () => {
    await operator.stop();
    const calls = world.aws.calls();
    await start(2);
    await operator.idle();
    for (const name of ['a', 'b', 'c']) await isKept(name);
    await waits('e');
    assert.equal(world.aws.calls(), calls);
    await world.api.merge(pathOf('e'), { metadata: { labels: { touched: 'yes' } } });
    await operator.idle();
    await waits('e');
  });

  test('has all served when more are kept', async () => {
    await operator.stop();
    await start(500);
    await world.ready(pathOf('e'));
  });
});

// Rules 7, 14
describe('an object that grows beyond the quota of its namespace', () => {
  const world = useWorld();
  const LABEL = 'a'.repeat(60);
  const HOSTS = Array.from({ length: 100 }, (_, index) => `h${index}.${LABEL}.${LABEL}.${LABEL}.example.com`);
  let operator: RunningOperator;
  let namespace = '';

  const pathOf = (name: string): string => NAMESPACED_PATH(namespace, name);
  const start = async (clock?: Clock): Promise<void> => {
    operator = await world.startOperator({ clock, objectsPerNamespace: 2 });
  };
  const hasAll = async (name: string): Promise<true> =>
    await eventually(async () => {
      const { body } = await world.api.get(SECRET_PATH(namespace, name));
      const content = Buffer.from(body.data?.['.dockerconfigjson'] ?? '', 'base64').toString();
      return HOSTS.every((host) => content.includes(host)) ? true : undefined;
    });
  const restored = async (name: string): Promise<true> => {
    await world.api.must('DELETE', SECRET_PATH(namespace, name));
    return await hasAll(name);
  };

  before(async () => {
    namespace = await world.api.createNamespace();
    await start();
  });
  after(async () => {
    await operator.stop();
  });

  test('has what it wants written, and restored, when it was served before', async () => {
    await createPullSecret(world.api, namespace, 'served', { secretName: 'served' });
    await world.ready(pathOf('served'));
    const { metadata } = await world.api.merge(pathOf('served'), { spec: { registries: { hosts: HOSTS } } });
    await world.status(pathOf('served'), (found) => found.observedGeneration === metadata.generation);
    await world.ready(pathOf('served'));
    await hasAll('served');
    await restored('served');
    assert.equal(await operator.metric('ecr_operator_waiting_objects'), 0);
  });

  test('costs nothing after a restart, and its secret is restored as it was', async () => {
    await operator.stop();
    const calls = world.aws.calls();
    const { body: before } = await world.api.get(SECRET_PATH(namespace, 'served'));
    await start();
    await operator.idle();
    const { body: now } = await world.api.get(SECRET_PATH(namespace, 'served'));
    assert.equal(now.metadata.resourceVersion, before.metadata.resourceVersion);
    await restored('served');
    assert.equal(world.aws.calls(), calls);
  });

  test('has its login renewed', async () => {
    await operator.stop();
    const { body: before } = await world.api.get(SECRET_PATH(namespace, 'served'));
    const clock = createTravelClock();
    clock.travel(7 * 3_600_000);
    world.aws.setTokenLife(19 * 3_600_000);
    await start(clock);
    await eventually(async () => {
      const { body: now } = await world.api.get(SECRET_PATH(namespace, 'served'));
      return passwordOf(now) === passwordOf(before) ? undefined : true;
    });
    await hasAll('served');
    await world.ready(pathOf('served'));
  });

  test('waits when it was not served yet, and is served when it has become smaller', async () => {
    const awsAccess = { region: 'eu-west-1', secretRef: { name: 'to-come' } };
    await createPullSecret(world.api, namespace, 'fresh', { secretName: 'fresh', awsAccess });
    await world.status(pathOf('fresh'), (found) => conditionOf(found, 'Ready')?.reason !== undefined);
    await world.api.merge(pathOf('fresh'), { spec: { registries: { hosts: HOSTS } } });
    const isTold = (found: Parameters<typeof conditionOf>[0]): boolean =>
      conditionOf(found, 'Ready')?.reason === 'NamespaceQuotaExceeded';
    await world.status(pathOf('fresh'), isTold);
    await world.api.merge(pathOf('fresh'), { spec: { registries: null, awsAccess: { ...ACCESS, secretRef: null } } });
    await world.ready(pathOf('fresh'));
  });
});
