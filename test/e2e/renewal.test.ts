// Tokens that live 20 s, and a new pod each second: no pull fails, whatever happens to the operator; and what it is
// that the operator prevents.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../../testing/api-server/test-api.ts';
import { processesOf } from '../../testing/kubelet/cgroup.ts';
import { SECRET_PATH } from '../../testing/operator/world.ts';
import { ACCESS, createPullSecret } from '../scenario/manifests.ts';
import { pullFor } from './pulling.ts';
import { createPod, NAME, NAMESPACE, type PodObject, podPath, SKIPPED, useE2e, wordsAbout } from './rig.ts';

const TOKEN_LIFE_MS = 20_000;
const DEPLOYMENT = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${NAME}`;
const LEASE = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/${NAME}`;
const REGION = 'us-east-1';
/** Longer than half of a token's life: each has a renewal in it. */
const SECONDS = 15;

type Happening = readonly [
  what: string,
  act: () => Promise<void>,
  /** By the pods of the operator. */
  hasHappened: (before: readonly PodObject[], now: readonly PodObject[]) => boolean,
];

function idsOf(pods: readonly PodObject[]): readonly string[] {
  return pods.map(({ metadata }) => metadata.uid);
}

function restartsOf(pods: readonly PodObject[]): number {
  return pods.reduce((sum, { status }) => sum + (status.containerStatuses?.[0]?.restartCount ?? 0), 0);
}

describe('with tokens that live twenty seconds', { skip: SKIPPED }, () => {
  const e2e = useE2e();
  let namespace = '';
  before(async () => {
    // A Lease of fifteen seconds would be too long for tokens of twenty, which nobody has but these stories.
    const leaderElection = { leaseDuration: '6s', renewDeadline: '4s', retryPeriod: '1s' };
    await e2e().install({ leaderElection });
    e2e().aws.setTokenLife(TOKEN_LIFE_MS);
    namespace = await e2e().createNamespace();
    await createPullSecret(e2e().api, namespace, 'login', { awsAccess: { ...ACCESS, region: REGION } });
    await eventually(async () =>
      (await e2e().api.get(SECRET_PATH(namespace, 'ecr-login'))).status === 200 ? true : undefined,
    );
  });
  after(() => e2e().aws.setTokenLife(12 * 3_600_000));

  const isReady = async (): Promise<void> =>
    void (await eventually(async () => {
      const { status } = await e2e().api.must('GET', DEPLOYMENT);
      return status?.readyReplicas === 2 && status.updatedReplicas === 2 ? true : undefined;
    }, 60_000));
  /** The pod that works. */
  const leader = async (): Promise<{ readonly name: string; readonly uid: string }> => {
    const { spec } = await e2e().api.must('GET', LEASE);
    const pods = await e2e().operatorPods();
    const found = pods.find(({ metadata }) => String(spec.holderIdentity).startsWith(`${metadata.name}_`));
    assert.ok(found, `nobody holds the Lease: ${spec.holderIdentity}`);
    return found.metadata;
  };

  const asked = (): number => e2e().aws.calls(({ operation }) => operation === 'GetAuthorizationToken');

  for (const [what, act, hasHappened] of [
    ['nothing else happens', async () => {}, (before, now) => idsOf(now).every((uid) => idsOf(before).includes(uid))],
    [
      'the Deployment is restarted',
      async () => {
        const annotations = { 'kubectl.kubernetes.io/restartedAt': new Date().toISOString() };
        await e2e().api.must(
          'PATCH',
          DEPLOYMENT,
          { spec: { template: { metadata: { annotations } } } },
          'application/strategic-merge-patch+json',
        );
      },
      (before, now) => idsOf(now).every((uid) => !idsOf(before).includes(uid)),
    ],
    [
      'the process that works is killed',
      async () => {
        const [process_] = await processesOf(e2e().inside.cgroup, (await leader()).uid);
        assert.ok(process_ !== undefined);
        process.kill(process_, 'SIGKILL');
      },
      (before, now) => restartsOf(now) === restartsOf(before) + 1,
    ],
    [
      'its node is drained and comes back',
      async () => {
        await e2e().api.merge('/api/v1/nodes/node-1', { spec: { unschedulable: true } });
        try {
          const { name } = await leader();
          const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: NAMESPACE } };
          await e2e().api.must('POST', `${podPath(NAMESPACE, name)}/eviction`, eviction);
          await pause(3_000);
        } finally {
          await e2e().api.merge('/api/v1/nodes/node-1', { spec: { unschedulable: null } });
        }
      },
      (before, now) => idsOf(now).filter((uid) => !idsOf(before).includes(uid)).length === 1,
    ],
  ] satisfies readonly Happening[]) {
    test(`no pull fails while ${what}`, async (t) => {
      await isReady();
      const before = await e2e().operatorPods();
      const askedBefore = asked();
      // Pods that pull cannot be placed while the only node is drained.
      const isFirst = what.startsWith('its node');
      if (isFirst) await act();
      const pulling = pullFor(e2e(), namespace, SECONDS);
      await pause(2_000);
      if (!isFirst) await act();
      const { failed, pods, leastLeft, longest } = await pulling;
      t.diagnostic(
        `${failed} of ${pods} failed; least life left ${leastLeft.toFixed(1)} s; longest ${longest.toFixed(0)} ms`,
      );
      assert.equal(failed, 0);
      assert.ok(Number.isFinite(leastLeft), 'nothing was pulled');
      await isReady();
      assert.ok(asked() > askedBefore, 'nothing was renewed');
      assert.ok(hasHappened(before, await e2e().operatorPods()), 'it has not happened');
    });
  }

  test('pulls fail in the words of ECR soon after nobody renews, and work again when somebody does', async (t) => {
    await e2e().api.merge(DEPLOYMENT, { spec: { replicas: 0 } });
    const begun = performance.now();
    const words = await eventually(async () => {
      const name = `ended-${Math.round(performance.now() - begun)}`;
      await createPod(e2e(), namespace, { name, region: REGION });
      await pause(1_500);
      const found = await wordsAbout(e2e(), namespace, name);
      await e2e().api.send('DELETE', podPath(namespace, name), { gracePeriodSeconds: 0 });
      return found.find((one) => one.includes('403 Forbidden'));
    }, 60_000);
    t.diagnostic(`after ${((performance.now() - begun) / 1_000).toFixed(1)} s: ${words}`);
    assert.match(words, /Your authorization token has expired/);
    await e2e().api.merge(DEPLOYMENT, { spec: { replicas: 2 } });
    await isReady();
    await eventually(async () => {
      const { metadata } = await e2e().api.must('GET', SECRET_PATH(namespace, 'ecr-login'));
      return Date.parse(metadata.annotations.expiry) > Date.now() ? true : undefined;
    });
    assert.equal((await pullFor(e2e(), namespace, 2)).failed, 0);
  });
});
