// What the kernel charges the operator's pod, under the chart's limit of 128Mi.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { cpuMsOf } from '../../bench/measure.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { memoryOf, processesOf } from '../../testing/kubelet/cgroup.ts';
import { CLUSTER_PATH } from '../../testing/operator/world.ts';
import { createClusterPullSecret, createPullSecret } from '../scenario/manifests.ts';
import { type PodObject, SKIPPED, useE2e } from './rig.ts';

const COUNT = 300;
const REST_MS = 15_000;
const WATCHED_MS = 20_000;
const GONE_LIMIT_MS = 120_000;
const MOST_AT_REST = 30e6;
const MOST = 75e6;

describe('the pod of the operator', { skip: SKIPPED }, () => {
  const e2e = useE2e();
  let pods: readonly PodObject[] = [];
  let namespaces: readonly string[] = [];
  before(async () => {
    // New pods: those of other stories have worked.
    await e2e().install({ podAnnotations: { story: 'memory' } });
    await pause(REST_MS);
    pods = await e2e().operatorPods();
    assert.equal(pods.length, 2);
  });
  after(async () => {
    await e2e().api.send('DELETE', CLUSTER_PATH('everywhere'));
    for (const name of namespaces) await e2e().api.send('DELETE', `/api/v1/namespaces/${name}`);
    // Other stories begin with a quiet cluster.
    await eventually(async () => {
      const { items } = await e2e().api.must('GET', '/api/v1/namespaces?labelSelector=load');
      return items.length === 0 ? true : undefined;
    }, GONE_LIMIT_MS);
  });

  const anonymous = (): readonly number[] =>
    pods.map(({ metadata }) => memoryOf(e2e().inside.cgroup, metadata.uid).anonymous);
  const megabytes = (bytes: readonly number[]): string => bytes.map((one) => (one / 1e6).toFixed(0)).join(' and ');

  test('is charged little at rest without objects', (t) => {
    t.diagnostic(`${megabytes(anonymous())} MB anonymous`);
    for (const bytes of anonymous()) assert.ok(bytes > 0 && bytes <= MOST_AT_REST, `${bytes} bytes`);
  });

  test(`serves ${COUNT} objects, and one with ${COUNT} namespaces, far below its limit`, async (t) => {
    const { api, inside } = e2e();
    namespaces = await Promise.all(Array.from({ length: COUNT }, () => api.createNamespace({ load: 'yes' }, 'load')));
    let most = 0;
    const looks = setInterval(() => {
      most = Math.max(most, ...anonymous());
    }, 200);
    for (const namespace of namespaces) await createPullSecret(api, namespace, 'login');
    const selector = { matchLabels: { load: 'yes' } };
    await createClusterPullSecret(api, 'everywhere', { secretName: 'everywhere', namespaceSelector: selector });
    await eventually(async () => {
      const { status } = await api.must('GET', CLUSTER_PATH('everywhere'));
      return status?.secrets?.ready === COUNT ? true : undefined;
    }, 60_000);
    await pause(WATCHED_MS);
    clearInterval(looks);
    const now = await e2e().operatorPods();
    const usage = pods.map(({ metadata }) => memoryOf(inside.cgroup, metadata.uid));
    const processes = await Promise.all(pods.map(({ metadata }) => processesOf(inside.cgroup, metadata.uid)));
    const cpu = processes.flat().map((pid) => cpuMsOf(pid) / 1_000);
    t.diagnostic(
      `at most ${megabytes([most])} MB anonymous; usage ${megabytes(usage.map((one) => one.usage))} MB; ${cpu.map((one) => one.toFixed(1)).join(' and ')} s of a core`,
    );
    assert.ok(most > 0 && most <= MOST, `${most} bytes`);
    assert.deepEqual(
      usage.map(({ kills }) => kills),
      pods.map(() => 0),
    );
    assert.deepEqual(
      now.map(({ metadata }) => metadata.uid),
      pods.map(({ metadata }) => metadata.uid),
    );
    assert.deepEqual(
      now.map(({ status }) => status.containerStatuses?.[0]?.restartCount),
      pods.map(() => 0),
    );
  });
});
