// docs/pods.md: the patches of ServiceAccounts and the policy as they stand there, on the real API server.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, beforeEach, describe, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { eventually } from '../../testing/api-server/test-api.ts';
import { useWorld } from '../../testing/operator/world.ts';
import { type Rendered, renderChart } from '../../testing/tools/helm/chart.ts';
import { createHelm } from '../../testing/tools/helm/helm.ts';

const PAGE = readFileSync('docs/pods.md', 'utf8');
const ADMISSION = '/apis/admissionregistration.k8s.io/v1';
/** Documents of the page's blocks of YAML. */
const DOCUMENTS = [...PAGE.matchAll(/^```yaml\n(.*?)^```$/gms)].flatMap(([, text = '']) =>
  parseAllDocuments(text).map((document) => document.toJS()),
);
/** What stands behind `-p` in the commands of the page, in their order. */
const PATCHES = [...PAGE.matchAll(/-p '(.*)'$/gm)].map(([, patch = '']): object => JSON.parse(patch));
const documentOf = (kind: string): object => DOCUMENTS.find((one) => one.kind === kind) ?? assert.fail(kind);

describe('a pod that is created', () => {
  const world = useWorld();
  let namespace = '';

  beforeEach(async () => {
    namespace = await world.api.createNamespace({ ecr: 'true' });
  });
  const account = (): string => `/api/v1/namespaces/${namespace}/serviceaccounts/default`;
  /** Names of the Secrets of a new pod, which names these. */
  const secretsOf = (...names: readonly string[]): Promise<readonly string[]> => secretsOfAccount('default', names);
  const secretsOfAccount = async (
    serviceAccountName: string,
    names: readonly string[] = [],
  ): Promise<readonly string[]> => {
    const imagePullSecrets = names.map((name) => ({ name }));
    const containers = [{ name: 'a', image: 'registry.example.com/a' }];
    const spec = { serviceAccountName, containers, imagePullSecrets };
    // The controller manager makes the ServiceAccount a moment after the namespace.
    const { spec: created } = await eventually(async () => {
      const { status, body } = await world.api.send('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, {
        metadata: { name: 'a' },
        spec,
      });
      return status === 201 ? body : undefined;
    });
    return (created.imagePullSecrets ?? []).map(({ name }: { name: string }) => name);
  };
  const patchAccount = async (patch: object, contentType: string): Promise<void> => {
    await eventually(async () => ((await world.api.get(account())).status === 200 ? true : undefined));
    await world.api.must('PATCH', account(), patch, contentType);
  };

  test('gets the Secret of its ServiceAccount after the commands of the page, unless it names one itself', async () => {
    const [whole, further] = PATCHES;
    await patchAccount({ imagePullSecrets: [{ name: 'former' }] }, 'application/strategic-merge-patch+json');
    // The API server knows of a change of the account by a watch of its own, a moment later.
    const getsBy = async (patch: object, contentType: string, expected: readonly string[]): Promise<void> => {
      await patchAccount(patch, contentType);
      await eventually(async () => {
        assert.deepEqual(await secretsOf(), expected);
        return true;
      });
    };
    await getsBy(further ?? {}, 'application/json-patch+json', ['former', 'ecr-login']);
    // The first command replaces the list.
    await getsBy(whole ?? {}, 'application/strategic-merge-patch+json', ['ecr-login']);
    assert.deepEqual(await secretsOf('mine'), ['mine']);
  });

  test('may be of the Deployment of the page', async () => {
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments?dryRun=All&fieldValidation=Strict`;
    const deployment = documentOf('Deployment') as { metadata: object };
    await world.api.must('POST', path, { ...deployment, metadata: { ...deployment.metadata, namespace } });
  });

  describe('under the policy of the page', () => {
    const KINDS = { MutatingAdmissionPolicy: 'mutatingadmissionpolicies' };
    const BINDING = 'MutatingAdmissionPolicyBinding';
    let isServed = false;

    before(async () => {
      const { resources } = await world.api.must('GET', ADMISSION);
      isServed = resources.some(({ kind }: { kind: string }) => kind === BINDING);
      if (!isServed) return;
      for (const [kind, plural] of [...Object.entries(KINDS), [BINDING, 'mutatingadmissionpolicybindings']] as const)
        await world.api.must('POST', `${ADMISSION}/${plural}?fieldValidation=Strict`, documentOf(kind));
    });
    after(async () => {
      if (!isServed) return;
      await world.api.must('DELETE', `${ADMISSION}/mutatingadmissionpolicybindings/ecr-login`);
      await world.api.must('DELETE', `${ADMISSION}/mutatingadmissionpolicies/ecr-login`);
    });

    test('names the Secret, beside its own ones, in the namespaces with the label', async (t) => {
      if (!isServed) return t.skip('Kubernetes before 1.36 does not serve it');
      await eventually(async () => ((await secretsOf()).length > 0 ? true : undefined));
      assert.deepEqual(await secretsOf(), ['ecr-login']);
      assert.deepEqual(await secretsOf('ecr-login'), ['ecr-login']);
      assert.deepEqual(await secretsOf('mine'), ['mine', 'ecr-login']);
      await patchAccount({ imagePullSecrets: [{ name: 'of-account' }] }, 'application/strategic-merge-patch+json');
      await eventually(async () => ((await secretsOf()).length === 2 ? true : undefined));
      assert.deepEqual(await secretsOf(), ['of-account', 'ecr-login']);
      namespace = await world.api.createNamespace();
      assert.deepEqual(await secretsOf(), []);
    });
  });

  describe('under the policy of the chart for first pods', () => {
    let policies: readonly Rendered[] = [];
    let isServed = false;
    const pathOf = ({ kind }: Rendered): string =>
      `${ADMISSION}/${kind === 'MutatingAdmissionPolicy' ? 'mutatingadmissionpolicies' : 'mutatingadmissionpolicybindings'}`;

    before(async () => {
      const { resources } = await world.api.must('GET', ADMISSION);
      isServed = resources.some(({ kind }: { kind: string }) => kind === 'MutatingAdmissionPolicyBinding');
      if (!isServed) return;
      const values = { secretName: 'first', serviceAccounts: ['default', 'builder'], namespaceSelector: LABELLED };
      const set = `serviceAccountAttachment=${JSON.stringify({ firstPods: { enabled: true, ...values } })}`;
      const served = ['--api-versions', 'admissionregistration.k8s.io/v1/MutatingAdmissionPolicy'];
      const only = ['--show-only', 'templates/first-pods.yaml'];
      policies = await renderChart(await createHelm(4), RELEASE, '--set-json', set, ...served, ...only);
      for (const one of policies) await world.api.must('POST', `${pathOf(one)}?fieldValidation=Strict`, one);
    });
    after(async () => {
      for (const one of policies) await world.api.must('DELETE', `${pathOf(one)}/${one.metadata.name}`);
    });
    const LABELLED = { matchLabels: { ecr: 'true' } };
    const RELEASE = { name: 'first-pods', namespace: 'default' };

    test('names the Secret before its account does, in the chosen namespaces, of the chosen accounts', async (t) => {
      if (!isServed) return t.skip('Kubernetes before 1.36 does not serve it');
      assert.equal(policies.length, 2);
      // The API server forgets the policy of the page, and learns of this one, a moment later.
      await eventually(async () => ((await secretsOf()).join() === 'first' ? true : undefined));
      assert.deepEqual(await secretsOf('mine', 'first'), ['mine', 'first']);
      for (const name of ['builder', 'other'])
        await world.api.must('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });
      assert.deepEqual(await secretsOfAccount('builder'), ['first']);
      assert.deepEqual(await secretsOfAccount('other'), []);
      namespace = await world.api.createNamespace();
      assert.deepEqual(await secretsOf(), []);
    });
  });
});
