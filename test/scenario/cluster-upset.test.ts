// Changes of the cluster under a running operator: its CRDs go and come back, the API server is away for an hour, or a
// balancer keeps connections to an API server that is gone.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { GROUP } from '../../src/api/names.ts';
import { type Clock, HOUR, MINUTE, systemClock } from '../../src/lib/time.ts';
import { installCrds } from '../../testing/api-server/install-crds.ts';
import { adminOf, createTestApi, eventually, type TestApi } from '../../testing/api-server/test-api.ts';
import { type AwsStandIn, startAwsStandIn } from '../../testing/aws/aws-stand-in.ts';
import { createTravelClock } from '../../testing/clocks/travel-clock.ts';
import { type ControlPlane, startControlPlane } from '../../testing/control-plane/control-plane.ts';
import { type FaultProxy, startFaultProxy } from '../../testing/network/fault-proxy.ts';
import {
  conditionOf,
  GOOD_KEY,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  startInProcess,
} from '../../testing/operator/world.ts';
import { createPullSecret, passwordOf } from './manifests.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

describe('an operator whose cluster is upset', () => {
  let plane: ControlPlane;
  let api: TestApi;
  let aws: AwsStandIn;
  let proxy: FaultProxy;
  let running: RunningOperator | undefined;

  before(async () => {
    plane = await startControlPlane({ prepare: (address) => installCrds(createTestApi(address)) });
    api = adminOf(plane);
    aws = await startAwsStandIn({ accounts: [GOOD_KEY] });
    process.env['AWS_ENDPOINT_URL_ECR'] = aws.url;
    proxy = await startFaultProxy(plane, plane.adminToken);
  });
  afterEach(async () => {
    proxy.decide(() => 'pass');
    await running?.stop();
  });
  after(async () => {
    delete process.env['AWS_ENDPOINT_URL_ECR'];
    await proxy.stop();
    await aws.stop();
    await plane.stop();
  });

  const start = async (clock: Clock): Promise<RunningOperator> => {
    running = await startInProcess(proxy.access, clock, {});
    return running;
  };
  const becomes = (look: () => Promise<boolean>, within = 30_000): Promise<true> =>
    eventually(async () => ((await look()) ? true : undefined), within);
  const isReady = async (namespace: string, name: string): Promise<boolean> =>
    conditionOf((await api.get(NAMESPACED_PATH(namespace, name))).body.status ?? {}, 'Ready')?.status === 'True';
  const create = async (namespace: string, name: string): Promise<void> => {
    await createPullSecret(api, namespace, name, { secretName: name });
    await becomes(() => isReady(namespace, name));
  };
  const healthOf = async ({ operator }: RunningOperator): Promise<number> =>
    (await fetch(`http://127.0.0.1:${operator.probePort}/healthz`)).status;

  // Rules 7, 13
  test('whose API server is away for an hour renews what falls due, lets no login end, and is healthy soon after', async () => {
    aws.setTokenLife(100 * MINUTE);
    const clock = createTravelClock();
    const operator = await start(clock);
    const namespace = await api.createNamespace();
    await create(namespace, 'login');
    const before = passwordOf((await api.get(SECRET_PATH(namespace, 'login'))).body);
    aws.setTokenLife(3 * HOUR);
    const calls = aws.calls();
    proxy.decide(() => 'fail');
    const failed = async (): Promise<readonly number[]> =>
      (await operator.metrics.text()).body.match(/(?<=^ecr_operator_watch_failures_total\{.*\} )\d+$/gm)?.map(Number) ??
      [];
    for (let passed = 0; passed < HOUR; passed += MINUTE) {
      const before = await failed();
      clock.travel(MINUTE);
      await operator.idle();
      // No watch lives for a minute, and no backoff is longer: each has been tried again, and has failed.
      await becomes(async () => (await failed()).every((count, at) => count > (before[at] ?? 0)));
      assert.equal(await healthOf(operator), 200, `after ${passed} ms`);
    }
    await becomes(async () => aws.calls() > calls);
    proxy.decide(() => 'pass');
    // No backoff is longer than this.
    clock.travel(MINUTE);
    await becomes(async () => passwordOf((await api.get(SECRET_PATH(namespace, 'login'))).body) !== before);
    assert.equal(aws.calls(), calls + 1);
    await create(namespace, 'later');
    aws.setTokenLife(12 * HOUR);
  });

  // Rule 13
  test('whose CRDs are deleted keeps the Secrets of what is gone from being written again, lives, and serves when they are back', async () => {
    const operator = await start(systemClock);
    const namespace = await api.createNamespace();
    await create(namespace, 'login');
    const { items } = await api.must('GET', CRDS);
    const ours = items.filter(({ spec }: { spec: { group: string } }) => spec.group === GROUP);
    for (const { metadata } of ours) await api.must('DELETE', `${CRDS}/${metadata.name}`);
    await becomes(async () => (await operator.metric('ecr_operator_objects')) === 0);
    // No garbage collector runs here: the test deletes the Secret as it would, and the Secret stays away.
    await api.must('DELETE', SECRET_PATH(namespace, 'login'));
    await operator.idle();
    assert.equal((await api.get(SECRET_PATH(namespace, 'login'))).status, 404);
    assert.equal(await healthOf(operator), 200);
    await becomes(async () => {
      const left = (await api.must('GET', CRDS)).items;
      return !left.some(({ spec }: { spec: { group: string } }) => spec.group === GROUP);
    }, 60_000);
    await installCrds(api);
    await createPullSecret(api, namespace, 'login', { secretName: 'login' });
    await becomes(() => isReady(namespace, 'login'), 60_000);
    assert.equal(await healthOf(operator), 200);
  });

  // Rule 13
  test('that is set back to a backup of its etcd, behind a balancer that keeps the old connections, is followed when they are too old', async () => {
    const clock = createTravelClock();
    const operator = await start(clock);
    await create('default', 'kept');
    const restore = await plane.backUp();
    const objects = (): Promise<number> => operator.metric('ecr_operator_objects');
    const before = await objects();
    // The watches know no version later than that of 'new', which the restored cluster must not get to by itself: each
    // start of it writes some.
    for (let count = 0; count < 200; count += 1)
      await api.merge('/api/v1/namespaces/default', { metadata: { annotations: { count: String(count) } } });
    await create('default', 'new');
    proxy.keepStreams(true);
    await restore();
    proxy.keepStreams(false);
    await api.must('DELETE', SECRET_PATH('default', 'kept'));
    assert.equal(await objects(), before + 1, 'no watch has ended, so nothing is known of it');
    clock.travel(MINUTE);
    await becomes(async () => (await objects()) === before);
    await becomes(async () => (await api.get(SECRET_PATH('default', 'kept'))).status === 200);
    await create('default', 'fresh');
  });
});
