// A user deletes an object and keeps its Secret, while the operator's watch of the objects is behind: it must not make
// the Secret that object's again, or the garbage collector deletes it.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { MINUTE } from '../../src/lib/time.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createTravelClock } from '../../testing/clocks/travel-clock.ts';
import { type FaultProxy, startFaultProxy } from '../../testing/network/fault-proxy.ts';
import { CLUSTER_PATH, type RunningOperator, SECRET_PATH, useWorld } from '../../testing/operator/world.ts';
import { createClusterPullSecret } from './manifests.ts';

// Rules 1, 4
describe('a secret that its object left behind, unseen by the operator', () => {
  const world = useWorld();
  const clock = createTravelClock();
  let proxy: FaultProxy;
  let operator: RunningOperator;
  let path = '';

  before(async () => {
    proxy = await startFaultProxy(world.plane, world.token);
    operator = await world.startOperator({ clock, access: proxy.access });
    const namespace = await world.api.createNamespace();
    path = SECRET_PATH(namespace, 'left');
    await createClusterPullSecret(world.api, 'leaves', { namespaces: [namespace], secretName: 'left' });
    await world.ready(CLUSTER_PATH('leaves'));
  });
  after(async () => {
    await operator.stop();
    await proxy.stop();
  });

  test('stays as it is, and is taken over by the next object', async () => {
    const before = await world.api.must('GET', path);
    let isDeaf = false;
    let watches = 0;
    proxy.decide(({ method, path: asked, isWatch }) => {
      if (isWatch && asked === '/api/v1/secrets') watches += 1;
      if (method !== 'GET' || asked !== CLUSTER_PATH()) return 'pass';
      isDeaf = true;
      return new Promise(() => {});
    });
    clock.travel(MINUTE);
    await eventually(() => (isDeaf && watches >= 2 ? true : undefined));
    const reconciles = await operator.metric('controller_runtime_reconcile_total');
    await world.api.must('DELETE', CLUSTER_PATH('leaves'), { propagationPolicy: 'Orphan' });
    // The garbage collector learns of new kinds every half minute.
    await eventually(
      async () => ((await world.api.get(CLUSTER_PATH('leaves'))).status === 404 ? true : undefined),
      60_000,
    );
    await eventually(async () =>
      (await operator.metric('controller_runtime_reconcile_total')) > reconciles ? true : undefined,
    );
    await operator.idle();
    const left = await world.api.must('GET', path);
    assert.deepEqual([left.metadata.uid, left.metadata.ownerReferences], [before.metadata.uid, undefined]);
    proxy.decide(() => 'pass');
    clock.travel(MINUTE);
    const { metadata } = await createClusterPullSecret(world.api, 'next', {
      namespaces: [before.metadata.namespace],
      secretName: 'left',
    });
    await world.ready(CLUSTER_PATH('next'));
    const taken = await world.api.must('GET', path);
    assert.equal(taken.metadata.uid, before.metadata.uid);
    assert.equal(taken.metadata.ownerReferences[0].uid, metadata.uid);
  });
});
