// An operator that starts beside pull Secrets and sees none of the objects that want them: it deletes nothing.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { MINUTE } from '../../src/lib/time.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createTravelClock } from '../../testing/clocks/travel-clock.ts';
import { type FaultProxy, startFaultProxy } from '../../testing/network/fault-proxy.ts';
import {
  CLUSTER_PATH,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { createClusterPullSecret, createPullSecret } from './manifests.ts';

// Rule 4
describe('an operator that sees no object when it starts', () => {
  const world = useWorld();
  const clock = createTravelClock();
  let proxy: FaultProxy;
  let places: readonly string[] = [];
  let operator: RunningOperator;

  const uids = async (): Promise<readonly unknown[]> =>
    await Promise.all(
      places.map(async (place) => {
        const { status, body } = await world.api.get(place);
        return status === 200 ? body.metadata.uid : status;
      }),
    );

  before(async () => {
    const first = await world.startOperator();
    const namespaces = await Promise.all(Array.from({ length: 15 }, () => world.api.createNamespace()));
    const [own = ''] = namespaces;
    await createClusterPullSecret(world.api, 'unseen', { namespaces, secretName: 'unseen' });
    await createPullSecret(world.api, own, 'unseen-too');
    await world.status(CLUSTER_PATH('unseen'), ({ secrets }) => secrets?.ready === namespaces.length);
    await world.ready(NAMESPACED_PATH(own, 'unseen-too'));
    places = [...namespaces.map((name) => SECRET_PATH(name, 'unseen')), SECRET_PATH(own, 'ecr-login')];
    await first.stop();
    proxy = await startFaultProxy(world.plane, world.token);
  });
  after(async () => {
    await operator.stop();
    await proxy.stop();
  });

  test('leaves every secret that it finds as it is, also when they change and an hour passes', async () => {
    const before = await uids();
    proxy.decide(({ path, isWatch }) => (path.endsWith('awsecrimagepullsecrets') && !isWatch ? 'empty' : 'pass'));
    operator = await world.startOperator({ clock, access: proxy.access });
    assert.equal(await operator.metric('ecr_operator_watch_objects', { resource: 'secrets' }), places.length);
    for (const place of places.slice(0, 3)) await world.api.merge(place, { metadata: { labels: { news: 'yes' } } });
    const marked = await world.api.must('POST', SECRET_PATH('default'), {
      metadata: { generateName: 'mark-', labels: { 'app.kubernetes.io/managed-by': 'kube-ecr-secrets-operator' } },
    });
    const seen = places.length + 1;
    await eventually(async () =>
      (await operator.metric('ecr_operator_watch_objects', { resource: 'secrets' })) === seen ? true : undefined,
    );
    for (let turn = 0; turn < 60; turn += 1) clock.travel(MINUTE);
    await operator.idle();
    assert.deepEqual(await uids(), before);
    assert.equal(await operator.mutations(), 0);
    await world.api.must('DELETE', SECRET_PATH('default', marked.metadata.name));
  });

  test('serves each object when it appears, and then asks AWS for nothing that the secrets hold', async () => {
    const before = await uids();
    const calls = world.aws.calls();
    proxy.decide(() => 'pass');
    await world.api.merge(CLUSTER_PATH('unseen'), { metadata: { labels: { news: 'yes' } } });
    await eventually(async () =>
      (await operator.metric('controller_runtime_reconcile_total')) > 0 ? true : undefined,
    );
    await operator.idle();
    assert.deepEqual(await uids(), before);
    assert.ok(world.aws.calls() - calls <= 1);
  });
});
