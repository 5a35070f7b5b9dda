// The release on a real cluster: pods that the kubelet runs under Pod Security "restricted", a webhook behind its
// ClusterIP, upgrades and an end without remains.

import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { eventually } from '../../testing/api-server/test-api.ts';
import { NAMESPACED_PATH } from '../../testing/operator/world.ts';
import { ACCESS, createPullSecret } from '../scenario/manifests.ts';
import { NAME, NAMESPACE, SKIPPED, useE2e } from './rig.ts';

const DEPLOYMENT = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${NAME}`;
/** Collections outside of namespaces that the release has objects in. */
const OUTSIDE = [
  '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
  '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
  '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies',
  '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings',
];
const WHERE = ['--namespace', NAMESPACE];

describe('the release on a real node', { skip: SKIPPED }, () => {
  const e2e = useE2e();
  after(async () => void (await e2e().install()));

  test('is ready when install --wait ends, and passes its test', async (t) => {
    const took = await e2e().install();
    t.diagnostic(`helm took ${took.toFixed(1)} s`);
    const pods = await e2e().operatorPods();
    assert.deepEqual(
      pods.map(({ status }) => status.conditions?.find(({ type }) => type === 'Ready')?.status),
      ['True', 'True'],
    );
    assert.match(await e2e().helm.must('test', NAME, ...WHERE), /Phase:\s+Succeeded/);
  });

  test('has a webhook, behind its ClusterIP, that refuses a wrong key in the words of AWS and takes a good one', async (t) => {
    const { api } = e2e();
    const namespace = await e2e().createNamespace();
    const wrong = { ...ACCESS, secretAccessKey: 'x'.repeat(40) };
    await assert.rejects(createPullSecret(api, namespace, 'wrong', { awsAccess: wrong }), (error: Error) => {
      t.diagnostic(error.message);
      return /403 .*(InvalidSignatureException|signature)/.test(error.message);
    });
    await createPullSecret(api, namespace, 'good');
    await eventually(async () => {
      const { status } = await api.must('GET', NAMESPACED_PATH(namespace, 'good'));
      return status?.secrets?.ready === 1 ? true : undefined;
    });
  });

  test('is upgraded pod by pod, rolled back, and leaves nothing of the cluster behind but the CRDs', async () => {
    const { api, helm } = e2e();
    await e2e().install({ logLevel: 'debug' });
    const args = async (): Promise<readonly string[]> =>
      (await api.must('GET', DEPLOYMENT)).spec.template.spec.containers[0].args;
    assert.ok((await args()).includes('--log-level=debug'));
    await helm.must('rollback', NAME, ...WHERE, '--wait', '--timeout', '120s');
    assert.ok((await args()).includes('--log-level=info'));
    assert.equal((await api.must('GET', DEPLOYMENT)).status.readyReplicas, 2);
    const ours = async (path: string): Promise<readonly string[]> => {
      const { items } = await api.must('GET', path);
      const names = (items as readonly { readonly metadata: { readonly name: string } }[]).map(
        ({ metadata }) => metadata.name,
      );
      return names.filter((name) => name.includes('ecr'));
    };
    for (const path of OUTSIDE) assert.notDeepEqual(await ours(path), [], path);
    await helm.must('uninstall', NAME, ...WHERE, '--wait');
    for (const path of OUTSIDE) assert.deepEqual(await ours(path), [], path);
  });
});
