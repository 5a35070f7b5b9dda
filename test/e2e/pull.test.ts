// Pods pull with the Secrets that the operator writes: from the object to the running pod.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { eventually } from '../../testing/api-server/test-api.ts';
import { SECRET_PATH } from '../../testing/operator/world.ts';
import { createPullSecret } from '../scenario/manifests.ts';
import { createPod, NAMESPACE, podPath, SKIPPED, tableOf, untilRunning, useE2e, wordsAbout } from './rig.ts';

describe('a pod on a real node', { skip: SKIPPED }, () => {
  const e2e = useE2e();
  before(async () => void (await e2e().install()));

  test('runs once its object is there, and a new one at once', async (t) => {
    const { api } = e2e();
    const namespace = await e2e().createNamespace();
    await createPod(e2e(), namespace, { name: 'waiting' });
    // The kubelet says both, in whichever order.
    for (const words of ['Unable to retrieve some image pull secrets (ecr-login)', 'no basic auth credentials'])
      await eventually(async () => {
        const found = await wordsAbout(e2e(), namespace, 'waiting');
        return found.some((one) => one.includes(words)) ? true : undefined;
      });

    const pods = `/api/v1/namespaces/${namespace}/pods`;
    const waiting = await eventually(async () => {
      const table = await tableOf(e2e(), pods);
      return table.includes('ImagePullBackOff') ? table : undefined;
    }, 60_000);
    const begun = performance.now();
    await createPullSecret(api, namespace, 'login');
    await eventually(async () =>
      (await api.get(SECRET_PATH(namespace, 'ecr-login'))).status === 200 ? true : undefined,
    );
    const toSecret = performance.now() - begun;
    await createPod(e2e(), namespace, { name: 'new' });
    const toRunning = await untilRunning(e2e(), namespace, 'new');
    const waited = await untilRunning(e2e(), namespace, 'waiting', 120_000);
    t.diagnostic(`without the object:\n${waiting}\nwith it:\n${await tableOf(e2e(), pods)}`);
    t.diagnostic(
      `object → Secret ${toSecret.toFixed(0)} ms; Secret → new pod runs ${toRunning.toFixed(0)} ms; the pod that waited runs ${(waited / 1_000).toFixed(1)} s later (the kubelet's back-off)`,
    );
    const { status } = await api.must('GET', podPath(namespace, 'new'));
    assert.equal(status.containerStatuses[0].restartCount, 0);
    assert.ok((await e2e().operatorPods()).length === 2, NAMESPACE);
  });
});
