// What tools and users read from an object: kstatus, `kubectl wait`, a watch, and a status that stays small.

import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { RECONCILE_AT_ANNOTATION } from '../../src/api/names.ts';
import type { PullSecretStatus } from '../../src/api/schema.ts';
import { SECOND } from '../../src/lib/time.ts';
import { watchObjects } from '../../testing/api-server/secret-watch.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createTravelClock } from '../../testing/clocks/travel-clock.ts';
import { startFaultProxy } from '../../testing/network/fault-proxy.ts';
import {
  CLUSTER_PATH,
  conditionOf,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { ACCESS, createClusterPullSecret, createPullSecret, passwordOf } from './manifests.ts';

const SLOW_KEY = {
  accessKeyId: 'AKIATESTSLOWKEY00001',
  secretAccessKey: 'YetAnotherKeyThatIsNoneButHasTheShape+++',
  accountId: '444455556666',
};

interface Observed {
  readonly metadata: { readonly generation: number; readonly deletionTimestamp?: string };
  readonly status: PullSecretStatus;
}

/** The rules of kstatus for kinds that it does not know (sigs.k8s.io/cli-utils, pkg/kstatus, README). */
function kstatus({ metadata, status }: Observed): 'Terminating' | 'InProgress' | 'Failed' | 'Current' {
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  if (status.observedGeneration !== undefined && status.observedGeneration !== metadata.generation) return 'InProgress';
  if (conditionOf(status, 'Reconciling')?.status === 'True') return 'InProgress';
  if (conditionOf(status, 'Stalled')?.status === 'True') return 'Failed';
  const ready = conditionOf(status, 'Ready');
  return ready === undefined || ready.status === 'True' ? 'Current' : 'InProgress';
}

/** Whether `kubectl wait --for=condition=Ready` returns: a condition of an earlier generation does not count. */
function isWaitedFor({ metadata, status }: Observed): boolean {
  const ready = conditionOf(status, 'Ready');
  return ready?.status === 'True' && (ready.observedGeneration ?? metadata.generation) >= metadata.generation;
}

describe('the status of an object', () => {
  const world = useWorld();
  let namespace = '';
  let path = '';
  let operator: RunningOperator | undefined;
  before(async () => {
    namespace = await world.api.createNamespace();
    path = NAMESPACED_PATH(namespace, 'login');
  });
  after(async () => {
    await operator?.stop();
  });
  const read = async (): Promise<Observed> => (await world.api.get(path)).body;
  const becomes = (phase: string): Promise<true> =>
    eventually(async () => (kstatus(await read()) === phase ? true : undefined));

  test('reads to kstatus and to kubectl wait as what it is, from its creation on', async () => {
    await createPullSecret(world.api, namespace, 'login');
    assert.equal(kstatus(await read()), 'InProgress', 'before anybody has seen it');
    assert.equal(isWaitedFor(await read()), false);
    operator = await world.startOperator();
    await becomes('Current');
    assert.equal(isWaitedFor(await read()), true);
    await operator.stop();
    const wrong = { ...ACCESS, secretAccessKey: 'x'.repeat(40) };
    await world.api.merge(path, { spec: { awsAccess: wrong } });
    assert.equal(kstatus(await read()), 'InProgress', 'the new spec has not been seen');
    assert.equal(isWaitedFor(await read()), false);
    operator = await world.startOperator();
    await becomes('Failed');
    assert.equal(isWaitedFor(await read()), false);
    await world.api.merge(path, { spec: { awsAccess: ACCESS } });
    await becomes('Current');
    assert.equal(isWaitedFor(await read()), true);
  });

  test('is Ready at every instant while its login is renewed', async (t) => {
    const { metadata } = await world.api.must('GET', NAMESPACED_PATH(namespace));
    const watch = watchObjects(world.plane, NAMESPACED_PATH(namespace), metadata.resourceVersion);
    t.after(watch.stop);
    for (const mark of ['1', '2', '3']) {
      await world.api.merge(path, { metadata: { annotations: { [RECONCILE_AT_ANNOTATION]: mark } } });
      await world.status(path, ({ lastHandledReconcileAt }) => lastHandledReconcileAt === mark);
    }
    const seen = await eventually(() => {
      const objects = watch.events().map(({ object }) => object as Observed);
      return objects.at(-1)?.status.lastHandledReconcileAt === '3' ? objects : undefined;
    });
    assert.ok(seen.length >= 6, String(seen.length));
    assert.deepEqual(new Set(seen.map(({ status }) => conditionOf(status, 'Ready')?.status)), new Set(['True']));
  });

  /** The messages of `Ready` from now on, change by change. */
  const watchReady = async (
    t: TestContext,
    at: string,
  ): Promise<{ said: () => readonly string[]; stop: () => void }> => {
    const { metadata } = await world.api.must('GET', NAMESPACED_PATH(namespace));
    const watch = watchObjects(world.plane, NAMESPACED_PATH(namespace), metadata.resourceVersion);
    t.after(watch.stop);
    const said = (): readonly string[] =>
      watch
        .events()
        .filter(({ object }) => object.metadata.name === at)
        .map(({ object }) => conditionOf(object.status, 'Ready')?.reason ?? 'nothing');
    return { said, stop: watch.stop };
  };

  test('stays Ready when the API server fails the write of a renewed login for a moment', async (t) => {
    await operator?.stop();
    const proxy = await startFaultProxy(world.plane, world.token);
    t.after(async () => {
      await operator?.stop();
      await proxy.stop();
    });
    operator = await world.startOperator({ access: proxy.access });
    const watch = await watchReady(t, 'login');
    let lost = 0;
    let isDown = true;
    proxy.decide(({ method, path: at }) => {
      const isLost = isDown && method === 'PATCH' && at === SECRET_PATH(namespace, 'ecr-login');
      if (isLost) lost += 1;
      return isLost ? 'fail' : 'pass';
    });
    const before = (await world.api.get(SECRET_PATH(namespace, 'ecr-login'))).body;
    await world.api.merge(path, { metadata: { annotations: { [RECONCILE_AT_ANNOTATION]: 'lost' } } });
    await world.status(path, ({ conditions }) => conditions?.some(({ reason }) => reason === 'Retrying') ?? false);
    isDown = false;
    await eventually(async () => {
      const { body } = await world.api.get(SECRET_PATH(namespace, 'ecr-login'));
      return passwordOf(body) !== passwordOf(before) && kstatus(await read()) === 'Current' ? true : undefined;
    });
    watch.stop();
    assert.ok(lost > 0);
    assert.deepEqual(new Set(watch.said()), new Set(['SecretsUpdated']));
  });

  test('says that it is being processed when the first login takes longer than a second, and not when it does not', async (t) => {
    await operator?.stop();
    const clock = createTravelClock();
    operator = await world.startOperator({ clock });
    const watch = await watchReady(t, 'slow');
    world.aws.addKey(SLOW_KEY);
    world.aws.faults.failNext(1, { op: 'hold' });
    const awsAccess = { region: 'eu-west-1', ...SLOW_KEY };
    await createPullSecret(world.api, namespace, 'slow', { awsAccess, secretName: 'slow' });
    await eventually(() => (world.aws.requests.some(({ fault }) => fault === 'hold') ? true : undefined));
    clock.travel(SECOND);
    await eventually(() => (watch.said().includes('SecretsProcessing') ? true : undefined));
    world.aws.release();
    await world.ready(NAMESPACED_PATH(namespace, 'slow'));
    const quick = await watchReady(t, 'quick');
    await createPullSecret(world.api, namespace, 'quick', { secretName: 'quick' });
    for (const { said } of [watch, quick])
      await eventually(() => (said().at(-1) === 'SecretsUpdated' ? true : undefined));
    assert.deepEqual(watch.said(), ['nothing', 'SecretsProcessing', 'SecretsUpdated']);
    assert.ok(!quick.said().includes('SecretsProcessing'));
  });

  test('with 10,000 namespaces, most of which do not exist, stays under 32 KiB, and the others are served', async () => {
    const there = [await world.api.createNamespace(), await world.api.createNamespace()];
    const missing = Array.from({ length: 10_000 - there.length }, (_, at) => `missing-${'n'.repeat(40)}-${at}`);
    await createClusterPullSecret(world.api, 'many', { namespaces: [...missing, ...there], secretName: 'many' });
    const status = await world.status(CLUSTER_PATH('many'), ({ secrets }) => secrets?.ready === there.length, 60_000);
    assert.deepEqual(status.secrets, { desired: 10_000, ready: there.length, summary: '2/10000' });
    assert.equal(status.problems?.count, missing.length);
    assert.equal(conditionOf(status, 'Ready')?.reason, 'PartiallyReady');
    assert.ok(Buffer.byteLength(JSON.stringify(status)) < 32 * 1_024);
    for (const one of there) assert.equal((await world.api.get(SECRET_PATH(one, 'many'))).status, 200);
    const late = missing[4_711] ?? '';
    await world.api.must('POST', '/api/v1/namespaces', { metadata: { name: late } });
    await world.status(CLUSTER_PATH('many'), ({ secrets }) => secrets?.ready === there.length + 1, 60_000);
  });
});
