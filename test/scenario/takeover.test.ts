// Two replicas of the operator: one works, the other watches; and what it costs when the other takes over.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { eventually } from '../../testing/api-server/test-api.ts';
import { type FaultProxy, startFaultProxy } from '../../testing/network/fault-proxy.ts';
import { OPERATOR_NAMESPACE } from '../../testing/operator/operator-account.ts';
import {
  CLUSTER_PATH,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { QUICK } from '../../testing/rigs/election-rig.ts';
import { createClusterPullSecret, createPullSecret, passwordOf } from './manifests.ts';

const LEASE = 'kube-ecr-secrets-operator';
const LEASE_PATH = `/apis/coordination.k8s.io/v1/namespaces/${OPERATOR_NAMESPACE}/leases/${LEASE}`;

// Rules 6, 7, 11, 21
describe('of two replicas', () => {
  const world = useWorld();
  const running: RunningOperator[] = [];
  let namespace = '';
  let count = 0;
  let proxy: FaultProxy | undefined;

  beforeEach(async () => {
    world.aws.faults.clear();
    namespace = await world.api.createNamespace();
  });
  afterEach(async () => {
    for (const operator of running.splice(0)) await operator.stop();
    await world.api.send('DELETE', LEASE_PATH);
    await world.api.send('DELETE', CLUSTER_PATH(`cluster-${namespace}`));
    await proxy?.stop();
    proxy = undefined;
  });

  const start = async (over: Parameters<typeof world.startOperator>[0] = {}): Promise<RunningOperator> => {
    count += 1;
    const election = { lease: LEASE, identity: `replica-${count}`, times: QUICK };
    const operator = await world.startOperator({ election, ...over });
    running.push(operator);
    return operator;
  };
  const stop = async (operator: RunningOperator): Promise<void> => {
    running.splice(running.indexOf(operator), 1);
    await operator.stop();
  };
  const isLeading = async ({ metric }: RunningOperator): Promise<boolean> =>
    (await metric('leader_election_master_status')) === 1;
  const leads = async (operator: RunningOperator): Promise<void> =>
    void (await eventually(async () => ((await isLeading(operator)) ? true : undefined), 5_000));
  /** It has gone through every object, and nothing is left to do. */
  const hasSettled = async ({ metric, idle }: RunningOperator): Promise<void> => {
    const objects = await metric('ecr_operator_objects');
    await eventually(async () => ((await metric('controller_runtime_reconcile_total')) >= objects ? true : undefined));
    await idle();
  };
  /** What changed something in the cluster since, the Lease aside. */
  const changes = (from: number): readonly string[] =>
    world
      .audit()
      .slice(from)
      .filter(({ verb, resource }) => !['get', 'list', 'watch'].includes(verb) && !resource.startsWith('leases'))
      .map(({ verb, resource, name }) => `${verb} ${resource} ${name}`);
  const createBoth = async (): Promise<void> => {
    await createPullSecret(world.api, namespace, 'login');
    await createClusterPullSecret(world.api, `cluster-${namespace}`, { namespaces: [namespace], secretName: 'other' });
    await world.ready(NAMESPACED_PATH(namespace, 'login'));
    await world.ready(CLUSTER_PATH(`cluster-${namespace}`));
  };
  const secretOf = async (name: string): Promise<Record<string, never>> =>
    await eventually(async () => {
      const { status, body } = await world.api.get(SECRET_PATH(namespace, name));
      return status === 200 ? body : undefined;
    });

  test('one works, and the other has the same in its stores, writes nothing, and shows no series of objects', async () => {
    const leader = await start();
    await leads(leader);
    const follower = await start();
    world.aws.clearLog();
    await createBoth();
    await leader.idle();
    assert.equal(world.aws.calls(), 1);
    assert.deepEqual([await follower.mutations(), await isLeading(follower)], [0, false]);
    const seen = { resource: 'secrets' };
    await eventually(async () =>
      (await follower.metric('ecr_operator_watch_objects', seen)) === 2 ? true : undefined,
    );
    for (const name of ['ecr_operator_objects', 'ecr_operator_secrets', 'ecr_operator_resource_condition']) {
      assert.equal((await follower.metrics.read(name)).length, 0, name);
      assert.notEqual((await leader.metrics.read(name)).length, 0, name);
    }
    assert.equal(await follower.metric('workqueue_adds_total'), 0);
  });

  test('the other takes over without a call of AWS and without a write, whenever the logins were fetched', async () => {
    await createPullSecret(world.api, namespace, 'before', { secretName: 'before' });
    const leader = await start();
    await world.ready(NAMESPACED_PATH(namespace, 'before'));
    const follower = await start();
    // Its Secret comes before its status, so a watch alone does not prove its login.
    await createBoth();
    await leader.idle();
    world.aws.clearLog();
    await stop(leader);
    const from = world.audit().length;
    await leads(follower);
    await hasSettled(follower);
    assert.deepEqual(changes(from), []);
    assert.equal(world.aws.calls(), 0);
    for (const name of ['before', 'ecr-login', 'other']) {
      const before = await secretOf(name);
      await world.api.must('DELETE', SECRET_PATH(namespace, name));
      assert.equal(passwordOf(await secretOf(name)), passwordOf(before));
    }
    assert.equal(world.aws.calls(), 0);
  });

  test('the one that is cut off in the middle of its writes sends none of them later, and the other makes them', async () => {
    proxy = await startFaultProxy(world.plane, world.token);
    const first = await start({ access: proxy.access });
    await leads(first);
    const second = await start();
    const held: string[] = [];
    const back = Promise.withResolvers<void>();
    proxy.decide(async ({ method, path }) => {
      if (method === 'GET' && !path.includes('/leases/')) return 'pass';
      held.push(`${method} ${path}`);
      await back.promise;
      return 'fail';
    });
    await createBoth();
    assert.ok(
      held.some((one) => one.includes('/secrets')),
      held.join(),
    );
    await leads(second);
    const from = world.audit().length;
    proxy.decide(() => 'pass');
    back.resolve();
    await eventually(() => first.output().includes('Another replica leads') || undefined);
    await second.idle();
    assert.deepEqual(changes(from), []);
    assert.equal(await isLeading(first), false);
    await stop(second);
    await leads(first);
    await hasSettled(first);
    assert.deepEqual(changes(from), []);
  });

  test('the one that led before forgets what it was refused then, and does what the other could not', async () => {
    const first = await start();
    await leads(first);
    const second = await start();
    world.aws.faults.failWhile(() => true, { op: 'hang' });
    await createPullSecret(world.api, namespace, 'login');
    await eventually(async () =>
      (await first.metric('ecr_operator_logins_under_way', { state: 'asked' })) === 1 ? true : undefined,
    );
    await world.api.merge(LEASE_PATH, { spec: { holderIdentity: 'somebody else', leaseDurationSeconds: 1 } });
    await eventually(async () => ((await isLeading(first)) ? undefined : true));
    assert.equal(await first.metric('ecr_operator_logins_under_way'), 0);
    world.aws.faults.clear();
    const { conditions } = await world.ready(NAMESPACED_PATH(namespace, 'login'));
    assert.equal(
      conditions?.some(({ type }) => type === 'Stalled'),
      false,
    );
    assert.equal((await isLeading(first)) || (await isLeading(second)), true);
  });

  test('two that start at once beside hundreds of namespaces make one login and one Secret in each', async () => {
    const names = await Promise.all(Array.from({ length: 40 }, () => world.api.createNamespace()));
    world.aws.clearLog();
    await Promise.all([start(), start()]);
    await createClusterPullSecret(world.api, `cluster-${namespace}`, { namespaces: names });
    const from = world.audit().length;
    await world.ready(CLUSTER_PATH(`cluster-${namespace}`));
    await Promise.all(running.map(({ idle }) => idle()));
    assert.equal(world.aws.calls(), 1);
    assert.equal(changes(from).filter((one) => one.startsWith('create secrets')).length, names.length);
    assert.equal(changes(from).filter((one) => one.startsWith('patch secrets')).length, 0);
  });
});
