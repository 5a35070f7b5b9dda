// A release from install to uninstall and back, with both Helms: it gets ready, and no object and no Secret is ever
// lost.

import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { parseDocument } from 'yaml';
import { eventually } from '../../testing/api-server/test-api.ts';
import { CLUSTER_PATH, NAMESPACED_PATH, SECRET_PATH } from '../../testing/operator/world.ts';
import { makeTemporaryFolder } from '../../testing/process/temporary-folder.ts';
import { CHART } from '../../testing/tools/helm/chart.ts';
import type { Helm } from '../../testing/tools/helm/helm.ts';
import { createClusterPullSecret, createPullSecret, passwordOf } from '../scenario/manifests.ts';
import { webhookAnswers } from './admission.ts';
import { NAMESPACE, useCluster } from './cluster.ts';
import { installTokenRequests, typeWarnings } from './type-check.ts';

const NAME = 'kube-ecr-secrets-operator';
const DEPLOYMENT = (name = NAME): string => `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${name}`;
const CRD = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/awsecrimagepullsecrets.aws.zakariaamine.com';
const POLICIES = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies';

/** This chart, with CRDs that lack a field. */
function makeOlderChart(): string {
  const folder = makeTemporaryFolder('older-chart');
  cpSync(CHART, folder, { recursive: true });
  const file = join(folder, 'files/crds/awsecrimagepullsecrets.aws.zakariaamine.com.yaml');
  const crd = parseDocument(readFileSync(file, 'utf8'));
  const path = ['spec', 'versions', 0, 'schema', 'openAPIV3Schema', 'properties', 'spec', 'properties', 'registries'];
  assert.ok(crd.deleteIn(path));
  writeFileSync(file, crd.toString({ lineWidth: 0 }));
  return folder;
}

for (const major of [4, 3] as const) {
  describe(`a release by Helm ${major}`, () => {
    const cluster = useCluster();
    let helm: Helm;
    let namespace = '';
    const where = ['--namespace', NAMESPACE];

    before(async () => {
      helm = await cluster.helm(major);
      namespace = await cluster.api.createNamespace();
    });
    after(async () => await cluster.removeCrds());

    const isReady = async (path: string): Promise<void> =>
      void (await eventually(async () => {
        const { status } = await cluster.api.must('GET', path);
        const ready = status?.conditions?.find(({ type }: { type: string }) => type === 'Ready');
        return ready?.status === 'True' ? true : undefined;
      }));
    /** What must be there after every step, and be the same. */
    const uids = async (): Promise<readonly (string | undefined)[]> => {
      const paths = [
        NAMESPACED_PATH(namespace, 'one'),
        CLUSTER_PATH(`all-${namespace}`),
        SECRET_PATH(namespace, 'ecr-login'),
        SECRET_PATH(namespace, 'everywhere'),
      ];
      return await Promise.all(paths.map(async (path) => (await cluster.find(path))?.metadata.uid));
    };
    let made: readonly (string | undefined)[] = [];
    afterEach(async () => assert.deepEqual(await uids(), made));

    test('is ready when install --wait ends, and does its work', async () => {
      const [, ...flags] = cluster.here;
      await helm.must('install', NAME, makeOlderChart(), ...flags, '--set', 'serviceAccountTokens.enabled=true');
      const { status } = await cluster.api.must('GET', DEPLOYMENT());
      assert.equal(status.readyReplicas, 2);
      await createPullSecret(cluster.api, namespace, 'one');
      await createClusterPullSecret(cluster.api, `all-${namespace}`, {
        namespaces: [namespace],
        secretName: 'everywhere',
      });
      await isReady(NAMESPACED_PATH(namespace, 'one'));
      await isReady(CLUSTER_PATH(`all-${namespace}`));
      made = await uids();
      assert.ok(made.every((uid) => uid !== undefined));
    });

    test('says when a network policy would have no effect, in the network of the node', async () => {
      const switches = 'hostNetwork=true,networkPolicy.enabled=true';
      const said = await helm.must('upgrade', NAME, ...cluster.here, '--dry-run=client', '--set', switches);
      assert.match(said, /hostNetwork is true, so networkPolicy\.enabled has no effect/);
    });

    // Rule 19
    test('has policies in which Kubernetes finds no wrong type, nor in their variables and conditions', async () => {
      await installTokenRequests(cluster.api);
      const { items } = await cluster.api.must('GET', POLICIES);
      assert.equal(items.length, 3);
      for (const { metadata, spec } of items) {
        // Kubernetes would find it: a missing field, in each place. Until it does, it may not know a new kind yet.
        const wrong = { name: 'wrong', expression: "object.nothing == 'a'" };
        for (const place of ['variables', 'matchConditions', 'validations'] as const) {
          const spoilt = { ...spec, [place]: [...(spec[place] ?? []), wrong] };
          await eventually(async () => {
            const [warning = ''] = await typeWarnings(cluster.api, `${metadata.name}-spoilt`, spoilt);
            assert.match(warning, /undefined field 'nothing'/, `${metadata.name} ${place}`);
            return true;
          }, 60_000);
        }
        assert.deepEqual(await typeWarnings(cluster.api, metadata.name, spec), [], metadata.name);
      }
    });

    test('is upgraded, its CRDs with it, passes its test only then, and is rolled back', async () => {
      const fields = async (): Promise<readonly string[]> => {
        const { spec } = await cluster.find(CRD);
        return Object.keys(spec.versions[0].schema.openAPIV3Schema.properties.spec.properties);
      };
      const { metadata } = await cluster.api.must('GET', DEPLOYMENT());
      assert.notEqual((await helm.run('test', NAME, ...where)).code, 0);
      assert.ok(cluster.pods.output().includes('they lack AWSECRImagePullSecret.spec.registries;'));
      assert.ok(!(await fields()).includes('registries'));
      await helm.must('upgrade', NAME, ...cluster.here, '--set', 'logLevel=debug');
      assert.ok((await fields()).includes('registries'));
      const upgraded = await cluster.api.must('GET', DEPLOYMENT());
      assert.equal(upgraded.metadata.uid, metadata.uid);
      assert.ok(upgraded.spec.template.spec.containers[0].args.includes('--log-level=debug'));
      await helm.must('upgrade', NAME, ...cluster.here);
      await helm.must('rollback', NAME, '2', ...where, '--wait', '--timeout', '60s');
      assert.match(await helm.must('test', NAME, ...where), /Phase:\s+Succeeded/);
      assert.ok(cluster.pods.output().includes('✔ the CRDs have every field'));
      const back = await cluster.api.must('GET', DEPLOYMENT());
      assert.ok(back.spec.template.spec.containers[0].args.includes('--log-level=debug'));
      assert.equal(back.status.readyReplicas, 2);
      await webhookAnswers(cluster);
    });

    test('leaves CRDs, objects and Secrets behind when it is uninstalled, and nothing else', async () => {
      await helm.must('uninstall', NAME, ...where, '--wait');
      assert.equal(await cluster.find(DEPLOYMENT()), undefined);
      assert.equal((await cluster.find(CRD)).metadata.deletionTimestamp, undefined);
      for (const kind of ['clusterroles', 'clusterrolebindings']) {
        const { items } = await cluster.api.must('GET', `/apis/rbac.authorization.k8s.io/v1/${kind}`);
        const names = items.map(({ metadata }: { metadata: { name: string } }) => metadata.name);
        assert.deepEqual(
          names.filter((name: string) => name.startsWith(NAME)),
          [],
        );
      }
      for (const kind of ['validatingadmissionpolicies', 'validatingadmissionpolicybindings'])
        assert.deepEqual((await cluster.api.must('GET', `/apis/admissionregistration.k8s.io/v1/${kind}`)).items, []);
      const { items } = await cluster.api.must('GET', SECRET_PATH(NAMESPACE));
      assert.deepEqual(items, []);
    });

    test('is installed again under its name', async () => {
      await helm.must('install', NAME, ...cluster.here);
      await helm.must('uninstall', NAME, ...where, '--wait');
    });

    test('is installed again when its namespace was deleted with all that is in it', async () => {
      await helm.must('install', NAME, ...cluster.here);
      const path = `/api/v1/namespaces/${NAMESPACE}`;
      const { metadata } = await cluster.api.must('DELETE', path);
      await eventually(async () => ((await cluster.find(path)) ? undefined : true), 60_000);
      // The rest of the release blocks no writes of objects, though the webhook has no pod any more.
      await createPullSecret(cluster.api, namespace, 'meanwhile', { secretName: 'meanwhile' });
      await cluster.api.must('DELETE', NAMESPACED_PATH(namespace, 'meanwhile'));
      await cluster.api.must('POST', '/api/v1/namespaces', { metadata: { name: NAMESPACE, labels: metadata.labels } });
      await helm.must('install', NAME, ...cluster.here);
      await webhookAnswers(cluster);
      await helm.must('uninstall', NAME, ...where, '--wait');
    });

    test('is installed again under another name with --take-ownership, and goes on with what is there', async () => {
      const { stderr, code } = await helm.run('install', 'other', ...cluster.here);
      assert.equal(code, 1);
      assert.match(stderr, /invalid ownership metadata/);
      const token = passwordOf((await cluster.api.get(SECRET_PATH(namespace, 'ecr-login'))).body);
      await helm.must('install', 'other', ...cluster.here, '--take-ownership');
      assert.equal((await cluster.find(DEPLOYMENT(`other-${NAME}`))).status.readyReplicas, 2);
      assert.equal(passwordOf((await cluster.api.get(SECRET_PATH(namespace, 'ecr-login'))).body), token);
      await webhookAnswers(cluster);
      await cluster.api.must('DELETE', NAMESPACED_PATH(namespace, 'one'));
      // The garbage collector deletes its Secret too, perhaps after the checks below.
      await cluster.api.send('DELETE', SECRET_PATH(namespace, 'ecr-login'));
      await createPullSecret(cluster.api, namespace, 'one', { secretName: 'renamed' });
      await isReady(NAMESPACED_PATH(namespace, 'one'));
      made = await uids();
      await helm.must('uninstall', 'other', ...where, '--wait');
    });

    test('without CRDs waits for them, and says how to get them', async () => {
      await cluster.removeCrds();
      // The garbage collector deletes them too, sooner or later.
      for (const name of ['ecr-login', 'everywhere']) await cluster.api.send('DELETE', SECRET_PATH(namespace, name));
      made = await uids();
      const flags = cluster.here.filter((flag) => flag !== '--wait');
      const notes = await helm.must('install', NAME, ...flags, '--set', 'crds.enabled=false');
      assert.ok(notes.includes('kubectl apply --server-side -f crds.yaml'), notes);
      await eventually(() => (cluster.pods.output().includes('are the CRDs installed?') ? true : undefined), 20_000);
      assert.equal((await cluster.find(DEPLOYMENT())).status.readyReplicas ?? 0, 0);
      await helm.must('upgrade', NAME, ...cluster.here, '--set', 'crds.enabled=true');
      await helm.must('uninstall', NAME, ...where, '--wait');
    });
  });
}

describe('the chart', () => {
  const cluster = useCluster();
  test('is refused where a cluster is too old, in words', async () => {
    const helm = await cluster.helm(4);
    const { code, stderr } = await helm.run('template', NAME, CHART, '--kube-version', '1.32.0');
    assert.equal(code, 1);
    assert.match(stderr, /chart requires kubeVersion: >=1\.33\.0-0 which is incompatible with Kubernetes v1\.32\.0/);
  });
});
