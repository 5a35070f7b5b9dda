// Two releases in one cluster: both operators serve the same objects without a fight, the API server calls both
// webhooks, and either release may go first.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../../testing/api-server/test-api.ts';
import { findFreePort } from '../../testing/control-plane/free-port.ts';
import { NAMESPACED_PATH, SECRET_PATH } from '../../testing/operator/world.ts';
import type { Helm } from '../../testing/tools/helm/helm.ts';
import { createPullSecret } from '../scenario/manifests.ts';
import { webhookAnswers } from './admission.ts';
import { NAMESPACE, useCluster } from './cluster.ts';

const WEBHOOKS = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';

describe('two releases in one cluster', () => {
  const cluster = useCluster();
  const where = ['--namespace', NAMESPACE];
  let helm: Helm;
  let namespace = '';
  before(async () => {
    helm = await cluster.helm(4);
    namespace = await cluster.api.createNamespace();
  });
  after(async () => {
    for (const release of ['one', 'two']) await helm.run('uninstall', release, ...where, '--wait');
    await cluster.removeCrds();
  });

  const isRestored = async (): Promise<true> => {
    await cluster.api.send('DELETE', SECRET_PATH(namespace, 'login'));
    return await eventually(async () =>
      (await cluster.api.get(SECRET_PATH(namespace, 'login'))).status === 200 ? true : undefined,
    );
  };

  test('come up, and one Secret is written by both of them only until it is there', async () => {
    await helm.must('install', 'one', ...cluster.here);
    const named = ['metrics.port', 'probePort', 'webhook.port'];
    const ports = (await Promise.all(named.map(async (name) => `${name}=${await findFreePort()}`))).join(',');
    const second = await helm.run('install', 'two', ...cluster.here, '--set', ports, '--set', 'crds.enabled=false');
    assert.equal(second.code, 0, second.stderr);
    const { items } = await cluster.api.must('GET', WEBHOOKS);
    assert.equal(items.length, 2);
    await webhookAnswers(cluster);
    await createPullSecret(cluster.api, namespace, 'login', { secretName: 'login' });
    await eventually(async () => {
      const { status } = await cluster.api.must('GET', NAMESPACED_PATH(namespace, 'login'));
      return status?.secrets?.ready === 1 ? true : undefined;
    });
    // Each operator asks once, and each webhook has tried the keys.
    assert.ok(cluster.aws.calls() <= 4, String(cluster.aws.calls()));
    await isRestored();
    const version = async (): Promise<string> =>
      (await cluster.api.must('GET', SECRET_PATH(namespace, 'login'))).metadata.resourceVersion;
    let before = await version();
    // At rest: no operator writes for as long as both need to reconcile twice.
    await eventually(async () => {
      const last = before;
      await new Promise((resolve) => void setTimeout(resolve, 500));
      before = await version();
      return last === before ? true : undefined;
    });
  });

  test('go one after the other: the remaining one serves, and the removed one takes nothing with it', async () => {
    await helm.must('uninstall', 'one', ...where, '--wait');
    await isRestored();
    await webhookAnswers(cluster);
    // The objects first, by way of their CRDs: the remaining operator lives, and its release can still be uninstalled.
    await cluster.removeCrds();
    await helm.must('uninstall', 'two', ...where, '--wait');
    assert.deepEqual((await cluster.api.must('GET', WEBHOOKS)).items, []);
  });
});
