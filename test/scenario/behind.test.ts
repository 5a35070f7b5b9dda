// Two operators, of which one sees former objects: it undoes nothing that the other one has just done.

import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { MINUTE } from '../../src/lib/time.ts';
import { type ObjectWatch, watchObjects } from '../../testing/api-server/secret-watch.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createTravelClock } from '../../testing/clocks/travel-clock.ts';
import { type FaultProxy, startFaultProxy } from '../../testing/network/fault-proxy.ts';
import { CLUSTER_PATH, type RunningOperator, SECRET_PATH, useWorld } from '../../testing/operator/world.ts';
import { createClusterPullSecret } from './manifests.ts';

// Rules 4, 7
describe('an operator whose watch of the objects is behind', () => {
  const world = useWorld();
  const clock = createTravelClock();
  let proxy: FaultProxy;
  let behind: RunningOperator;
  let namespaces: readonly string[] = [];

  before(async () => {
    await world.startOperator();
    namespaces = [await world.api.createNamespace(), await world.api.createNamespace()];
    await createClusterPullSecret(world.api, 'behind', { namespaces: [namespaces[0]], secretName: 'behind' });
    await world.status(CLUSTER_PATH('behind'), ({ secrets }) => secrets?.ready === 1);
    // It finds the other one's login in the Secret: they differ in nothing but in what they see.
    proxy = await startFaultProxy(world.plane, world.token);
    behind = await world.startOperator({ clock, access: proxy.access });
    await eventually(async () => ((await behind.metric('controller_runtime_reconcile_total')) > 0 ? true : undefined));
    // From now on it neither lists nor watches objects, and the watch that it has ends.
    let isDeaf = false;
    let watches = 0;
    proxy.decide(({ method, path, isWatch }) => {
      if (isWatch && path === '/api/v1/secrets') watches += 1;
      if (method !== 'GET' || path !== CLUSTER_PATH()) return 'pass';
      isDeaf = true;
      return new Promise(() => {});
    });
    clock.travel(MINUTE);
    // Those of the pull secrets and of the AWS keys have ended too, and are back.
    await eventually(() => (isDeaf && watches >= 2 ? true : undefined));
  });
  after(async () => {
    await behind.stop();
    await proxy.stop();
  });

  const watched = async (t: TestContext): Promise<ObjectWatch> => {
    const { metadata } = await world.api.must('GET', '/api/v1/secrets?limit=1');
    const watch = watchObjects(world.plane, '/api/v1/secrets', metadata.resourceVersion);
    t.after(watch.stop);
    return watch;
  };
  /**
   * The next event of its watch of the Secrets makes it reconcile the object once more: waits for the end of that, and
   * until `watch` shows the result.
   */
  const nextLook = async (watch: ObjectWatch): Promise<() => Promise<void>> => {
    const { metric, idle } = behind;
    const from = await metric('controller_runtime_reconcile_total');
    return async () => {
      await eventually(async () => ((await metric('controller_runtime_reconcile_total')) > from ? true : undefined));
      await idle();
      const { metadata } = await world.api.must('POST', SECRET_PATH('default'), {
        metadata: { generateName: 'mark-' },
      });
      await eventually(() => watch.events().find(({ object }) => object.metadata.name === metadata.name));
    };
  };

  test('leaves the secret of a namespace alone that was added meanwhile', async (t) => {
    const watch = await watched(t);
    await world.api.merge(CLUSTER_PATH('behind'), { spec: { namespaces } });
    await world.status(CLUSTER_PATH('behind'), ({ secrets }) => secrets?.ready === 2);
    const hasLooked = await nextLook(watch);
    // News for it, to which it would answer with the content that it believes wanted.
    await world.api.merge(SECRET_PATH(namespaces[1] ?? '', 'behind'), { metadata: { labels: { news: 'yes' } } });
    await hasLooked();
    const types = watch.events().filter(({ object }) => object.metadata.name === 'behind');
    assert.deepEqual(
      types.filter(({ type }) => type === 'DELETED'),
      [],
    );
  });

  test('writes no former content over what is wanted by now', async (t) => {
    const watch = await watched(t);
    const hasLooked = await nextLook(watch);
    await world.api.merge(CLUSTER_PATH('behind'), { spec: { registries: { hosts: ['my.alias.example.com'] } } });
    const content = (object: { data: Record<string, string> }): string =>
      Buffer.from(object.data['.dockerconfigjson'] ?? '', 'base64').toString();
    const contents = (): readonly string[] =>
      watch
        .events()
        .filter(({ object }) => object.metadata.name === 'behind')
        .map(({ object }) => content(object));
    await eventually(() => (contents().length >= 2 ? true : undefined));
    await hasLooked();
    assert.ok(contents().every((one) => one.includes('my.alias.example.com')));
  });

  test('goes on when its watch is back', async () => {
    proxy.decide(() => 'pass');
    // The operator gives up the request that it waits for, and sends it anew.
    clock.travel(MINUTE);
    const ready = (): Promise<number> => behind.metric('ecr_operator_secrets', { state: 'ready' });
    assert.equal(await ready(), 1, 'as it last saw the object');
    await eventually(async () => ((await ready()) === 2 ? true : undefined));
    await world.status(CLUSTER_PATH('behind'), ({ secrets, observedGeneration }) => {
      return secrets?.ready === 2 && observedGeneration === 3;
    });
  });
});
