// Pods that name nothing pull through their ServiceAccount; a login that may not pull is seen before any pod fails; and
// pods in ImagePullBackOff, as a real kubelet leaves them, are explained by one command.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { plugin } from '../../src/plugin/main.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { accessTo } from '../../testing/operator/plane-access.ts';
import { CLUSTER_PATH, NAMESPACED_PATH } from '../../testing/operator/world.ts';
import { createClusterPullSecret, createPullSecret } from '../scenario/manifests.ts';
import { createPod, podPath, SKIPPED, untilRunning, useE2e } from './rig.ts';

const SELECTED = { attaches: 'yes' };

describe('a node, and objects that do more than write a Secret', { skip: SKIPPED }, () => {
  const e2e = useE2e();
  before(async () => void (await e2e().install({ serviceAccountAttachment: { enabled: true } })));
  after(async () => {
    await e2e().api.send('DELETE', CLUSTER_PATH('attaching'));
    await e2e().install();
  });

  test('runs a pod that names nothing, through the ServiceAccount of its namespace', async () => {
    const { api } = e2e();
    await createClusterPullSecret(api, 'attaching', {
      namespaceSelector: { matchLabels: SELECTED },
      serviceAccounts: { names: ['default'] },
    });
    const namespace = await e2e().createNamespace(SELECTED);
    await eventually(async () => {
      const { imagePullSecrets } = await api.must('GET', `/api/v1/namespaces/${namespace}/serviceaccounts/default`);
      return imagePullSecrets?.length === 1 ? true : undefined;
    });
    await createPod(e2e(), namespace, { name: 'nameless', pullSecrets: [] });
    await untilRunning(e2e(), namespace, 'nameless');
    const { spec } = await api.must('GET', podPath(namespace, 'nameless'));
    assert.deepEqual(spec.imagePullSecrets, [{ name: 'ecr-login' }]);
    await api.must('DELETE', CLUSTER_PATH('attaching'));
  });

  const pullable = async (namespace: string): Promise<string> =>
    await eventually(async () => {
      const { status } = await e2e().api.must('GET', NAMESPACED_PATH(namespace, 'login'));
      const found = status?.conditions?.find(({ type }: { readonly type: string }) => type === 'Pullable');
      return found && `${found.status} ${found.reason}`;
    });

  test('is told that a login may not pull, before any pod has failed', async () => {
    const namespace = await e2e().createNamespace();
    await createPullSecret(e2e().api, namespace, 'login', { probe: { repositories: ['denied/app'] } });
    assert.equal(await pullable(namespace), 'False PullDenied');
    const { items } = await e2e().api.must('GET', `/api/v1/namespaces/${namespace}/pods`);
    assert.deepEqual(items, []);
  });

  test('is told that a login may pull', async () => {
    const namespace = await e2e().createNamespace();
    await createPullSecret(e2e().api, namespace, 'login', { probe: { repositories: ['shop/app'] } });
    assert.equal(await pullable(namespace), 'True Pullable');
  });

  const why = async (namespace: string, pod: string): Promise<string> => {
    let text = '';
    const plain = { hasColors: false, isTerminal: false };
    await plugin(['why', pod, '-n', namespace, '-o', 'json'], {
      calledAs: 'kubectl ecr-secrets',
      version: 'test',
      connect: () => Promise.resolve(accessTo(e2e().plane, e2e().plane.adminToken)),
      out: { write: (part) => void (text += part), ...plain },
      err: { write: (part) => void (text += part), ...plain },
      agent: () => assert.fail('why asks no registry'),
      input: () => assert.fail('why reads no input'),
    });
    return text;
  };
  const SITUATIONS: Readonly<
    Record<
      string,
      { readonly object?: object; readonly pod: Partial<Parameters<typeof createPod>[2]>; readonly cause: string }
    >
  > = {
    'names no Secret': { object: {}, pod: { pullSecrets: [] }, cause: 'NoSecretNamed' },
    'names a Secret that no object writes': { pod: {}, cause: 'NoObject' },
    'names a Secret of another name than the object writes': {
      object: { secretName: 'other' },
      pod: {},
      cause: 'OtherSecretName',
    },
    'is refused by the registry': { object: {}, pod: { repository: 'denied/app' }, cause: 'PullRefused' },
    'names an image that is not there': { object: {}, pod: { repository: 'empty/app' }, cause: 'ImageNotFound' },
    'pulls from a region that the Secret does not open': {
      object: {},
      pod: { region: 'us-east-1' },
      cause: 'HostNotCovered',
    },
    'has an image that is no name': { pod: { repository: 'UPPER/case' }, cause: 'InvalidImageName' },
  };
  for (const [what, { object, pod, cause }] of Object.entries(SITUATIONS)) {
    test(`leaves a pod that ${what}, and one command says so: ${cause}`, async (t) => {
      const namespace = await e2e().createNamespace();
      if (object) {
        await createPullSecret(e2e().api, namespace, 'login', object);
        await eventually(async () => {
          const { status } = await e2e().api.must('GET', NAMESPACED_PATH(namespace, 'login'));
          return status?.secrets?.ready === 1 ? true : undefined;
        });
      }
      await createPod(e2e(), namespace, { name: 'waits', ...pod });
      const said = await eventually(async () => {
        const text = await why(namespace, 'waits');
        if (!text.includes(`"cause": "${cause}"`)) throw new Error(text);
        return text;
      }, 60_000);
      t.diagnostic(said);
      await e2e().api.must('DELETE', podPath(namespace, 'waits'), { gracePeriodSeconds: 0 });
    });
  }
});
