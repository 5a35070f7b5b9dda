// The chart without Helm's releases: what is rendered is applied, and applied again, as `kubectl apply --server-side`
// does.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { makeInstallManifest } from '../../scripts/install-manifest.ts';
import { applyObjects, type Manifest } from '../../testing/api-server/apply.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { NAMESPACED_PATH, SECRET_PATH } from '../../testing/operator/world.ts';
import { renderChart } from '../../testing/tools/helm/chart.ts';
import type { Helm } from '../../testing/tools/helm/helm.ts';
import { createPullSecret } from '../scenario/manifests.ts';
import { webhookAnswers } from './admission.ts';
import { NAMESPACE, useCluster } from './cluster.ts';

const NAME = 'kube-ecr-secrets-operator';
const DEPLOYMENT = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${NAME}`;

describe('install.yaml of a release', () => {
  const cluster = useCluster();
  let helm: Helm;
  let ports: readonly string[] = [];
  let objects: readonly Manifest[] = [];
  before(async () => {
    helm = await cluster.helm(4);
    ports = cluster.here.slice(cluster.here.indexOf('--set'));
    objects = manifestsIn(await makeInstallManifest(helm, ...ports));
  });
  after(async () => {
    await cluster.removeCrds();
    // The pods of helm test belong to no release, and their ServiceAccount is gone.
    await cluster.api.must(
      'DELETE',
      `/api/v1/namespaces/${NAMESPACE}/pods?labelSelector=app.kubernetes.io/component=check`,
    );
    for (const path of [DEPLOYMENT, SECRET_PATH(NAMESPACE, `${NAME}-webhook`)]) await cluster.api.send('DELETE', path);
  });

  test('begins with the namespace, and has every object of the chart but the pod of helm test', async () => {
    const [first, ...rest] = objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    assert.equal(first, `Namespace ${NAMESPACE}`);
    const chart = await renderChart(helm, { name: NAME, namespace: NAMESPACE });
    const others = chart.filter(({ kind }) => kind !== 'Pod').map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    assert.ok(others.length > 15);
    assert.deepEqual(rest.toSorted(), others.toSorted());
  });

  test('makes an operator that is ready, serves its webhook and does its work', async () => {
    await applyObjects(cluster.api, objects);
    await eventually(async () => {
      const { status } = await cluster.api.must('GET', DEPLOYMENT);
      return status?.readyReplicas === 2 ? true : undefined;
    }, 60_000);
    await webhookAnswers(cluster);
    const namespace = await cluster.api.createNamespace();
    await createPullSecret(cluster.api, namespace, 'one');
    await eventually(async () => await cluster.find(SECRET_PATH(namespace, 'ecr-login')));
    await cluster.api.must('DELETE', NAMESPACED_PATH(namespace, 'one'));
  });

  test('changes nothing when it is applied again, and stops nobody', async () => {
    const before = await applyObjects(cluster.api, objects);
    assert.deepEqual(versionsOf(await applyObjects(cluster.api, objects)), versionsOf(before));
    await webhookAnswers(cluster);
  });

  test('is applied over what other values made, and so is the chart with its test', async () => {
    const release = { name: NAME, namespace: NAMESPACE };
    for (const memory of ['128Mi', '256Mi']) {
      const values = [...ports, '--set', `resources.limits.memory=${memory}`];
      await applyObjects(cluster.api, await renderChart(helm, release, ...values));
      const { spec } = await cluster.api.must('GET', DEPLOYMENT);
      assert.equal(spec.template.spec.containers[0].resources.limits.memory, memory);
    }
  });

  test('is put under Helm later, and removed by it', async () => {
    const flags = ['--take-ownership', '--force-conflicts'];
    await helm.must('install', NAME, ...cluster.here, ...flags, '--set', 'logLevel=debug');
    await webhookAnswers(cluster);
    await helm.must('uninstall', NAME, '--namespace', NAMESPACE, '--wait');
    assert.equal(await cluster.find(DEPLOYMENT), undefined);
  });
});

function manifestsIn(text: string): readonly Manifest[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((object) => object !== null);
}

function versionsOf(objects: readonly Manifest[]): readonly string[] {
  // The status of the Deployment may change meanwhile.
  const versionOf = ({ kind, metadata: { generation, resourceVersion } }: Manifest): number | string | undefined =>
    kind === 'Deployment' ? generation : resourceVersion;
  return objects.map((object) => `${object.kind} ${object.metadata.name} ${versionOf(object)}`);
}
