// From the Go project's release to this one by the commands of docs/migrate.md: every Secret keeps its uid, no object
// is lost, the Go project's webhook goes, and nothing is stuck.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { API_VERSION, LEGACY_API_VERSION } from '../../src/api/names.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { CLUSTER_PATH, GOOD_KEY, LEGACY_PATH, NAMESPACED_PATH, SECRET_PATH } from '../../testing/operator/world.ts';
import type { Helm } from '../../testing/tools/helm/helm.ts';
import { NAMESPACE, useCluster } from './cluster.ts';
import { makeOriginalChart } from './original-release.ts';

const NAME = 'kube-ecr-secrets-operator';
const WEBHOOKS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
const OLD_DEPLOYMENT = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${NAME}-controller-manager`;
const DEPLOYMENT = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${NAME}`;

const base64 = (text: string): string => Buffer.from(text).toString('base64');
/** As the Go project's webhook stored them. */
const awsAccess = {
  region: 'eu-west-1',
  accessKeyId: base64(GOOD_KEY.accessKeyId),
  secretAccessKey: base64(GOOD_KEY.secretAccessKey),
};

for (const [installedBy, major] of [
  [3, 3],
  [3, 4],
  [4, 4],
] as const) {
  describe(`an upgrade by Helm ${major} from the Go project, installed by Helm ${installedBy}`, () => {
    const cluster = useCluster();
    let helm: Helm;
    let namespace = '';
    /** Name of the object of the deprecated kind. */
    let old = '';
    const uids = new Map<string, string>();

    /** A Secret as the Go project made it: no label, and an owner that is not its controller. */
    const makeSecret = async (
      name: string,
      owner: { kind: string; apiVersion: string; metadata: object },
    ): Promise<void> => {
      const { name: ownerName, uid } = owner.metadata as { name: string; uid: string };
      const { metadata } = await cluster.api.must('POST', SECRET_PATH(namespace), {
        metadata: {
          name,
          annotations: { expiry: '2026-01-01T00:00:00Z' },
          ownerReferences: [{ apiVersion: owner.apiVersion, kind: owner.kind, name: ownerName, uid }],
        },
        type: 'kubernetes.io/dockerconfigjson',
        data: { '.dockerconfigjson': base64('{"auths":{}}') },
      });
      uids.set(SECRET_PATH(namespace, name), metadata.uid);
    };

    before(async () => {
      helm = await cluster.helm(major);
      namespace = await cluster.api.createNamespace();
      old = `old-${namespace}`;
      const former = await cluster.helm(installedBy);
      await former.must('install', NAME, makeOriginalChart(), '--namespace', NAMESPACE);
      // It wrote them through its webhook, whose pod is not here.
      const webhook = `${WEBHOOKS}/${NAME}-mutating-webhook-configuration`;
      await cluster.api.merge(webhook, { webhooks: null });
      await eventually(async () => ((await cluster.api.get(LEGACY_PATH())).status === 200 ? true : undefined));
      const create = async (path: string, kind: string, apiVersion: string, spec: object): Promise<void> => {
        const name = kind === 'AWSECRCredential' ? old : namespace;
        const object = { apiVersion, kind, metadata: { name }, spec: { awsAccess, ...spec } };
        const made = await eventually(async () => {
          const { status, body } = await cluster.api.send('POST', path, object);
          return status === 201 ? body : undefined;
        });
        await makeSecret(kind.toLowerCase(), made);
      };
      const namespaces = [namespace];
      await create(NAMESPACED_PATH(namespace), 'AWSECRImagePullSecret', API_VERSION, {
        secretName: 'awsecrimagepullsecret',
      });
      await create(CLUSTER_PATH(), 'ClusterAWSECRImagePullSecret', API_VERSION, {
        secretName: 'clusterawsecrimagepullsecret',
        namespaces,
      });
      await create(LEGACY_PATH(), 'AWSECRCredential', LEGACY_API_VERSION, {
        secretName: 'awsecrcredential',
        namespaces,
      });
      await cluster.api.must('POST', SECRET_PATH(NAMESPACE), {
        metadata: { name: 'webhook-server-cert' },
        stringData: { 'tls.crt': 'old', 'tls.key': 'old' },
      });
    });
    after(async () => {
      await cluster.api.send(
        'PATCH',
        LEGACY_PATH(old),
        { metadata: { finalizers: null } },
        'application/merge-patch+json',
      );
      await cluster.api.send('DELETE', SECRET_PATH(NAMESPACE, 'webhook-server-cert'));
      await cluster.removeCrds();
    });

    test('is refused as a second release, with the way to go', async () => {
      const { code, stderr } = await helm.run('install', 'second', ...cluster.here);
      assert.equal(code, 1);
      assert.ok(
        stderr.includes(
          `the Go project is installed as release ${NAME} in namespace ${NAMESPACE}: upgrade that release (helm upgrade ${NAME} … --namespace ${NAMESPACE} --take-ownership), or uninstall it first`,
        ),
        stderr,
      );
    });

    test('is refused without --take-ownership, and changes nothing', async () => {
      const { code, stderr } = await helm.run('upgrade', NAME, ...cluster.here);
      assert.equal(code, 1);
      assert.match(stderr, /invalid ownership metadata/);
      assert.ok(await cluster.find(OLD_DEPLOYMENT));
      assert.equal(await cluster.find(DEPLOYMENT), undefined);
    });

    test('gets ready, and the webhook, roles and Deployment of the Go project go', async () => {
      await helm.must('upgrade', NAME, ...cluster.here, '--take-ownership', '--set', 'legacyConversion.enabled=true');
      assert.equal((await cluster.find(DEPLOYMENT)).status.readyReplicas, 2);
      assert.equal(await cluster.find(OLD_DEPLOYMENT), undefined);
      assert.deepEqual((await cluster.api.must('GET', WEBHOOKS)).items, []);
      const role = `/apis/rbac.authorization.k8s.io/v1/clusterroles/${NAME}-manager-role`;
      assert.equal(await cluster.find(role), undefined);
    });

    test('keeps every Secret, with a fresh login and an existing owner', async () => {
      const owners = [NAMESPACED_PATH(namespace, namespace), CLUSTER_PATH(namespace), CLUSTER_PATH(old)];
      assert.equal(uids.size, owners.length);
      let index = 0;
      for (const [path, uid] of uids) {
        const secret = await eventually(async () => {
          const found = await cluster.find(path);
          assert.equal(found?.metadata.uid, uid, path);
          return found.metadata.annotations.expiry > '2026-01-01T00:00:00Z' ? found : undefined;
        });
        const [owner] = secret.metadata.ownerReferences;
        assert.equal(owner.uid, (await cluster.find(owners[index] ?? '')).metadata.uid, path);
        index += 1;
      }
    });

    test('is done: what was written stands as it was, and the release is uninstalled like any other', async () => {
      const { spec } = await cluster.find(NAMESPACED_PATH(namespace, namespace));
      assert.deepEqual(spec, { awsAccess, secretName: 'awsecrimagepullsecret' });
      // The garbage collector, which must let go of its Secrets first, looks for new CRDs twice a minute.
      await eventually(async () => {
        const found = await cluster.find(LEGACY_PATH(old));
        return found === undefined || found.metadata.deletionTimestamp !== undefined ? true : undefined;
      });
      await helm.must('uninstall', NAME, '--namespace', NAMESPACE, '--wait');
      for (const [path, uid] of uids) assert.equal((await cluster.find(path))?.metadata.uid, uid);
    });

    test('leads back too: the chart of the Go project is installed again on the new CRDs, and finds what it wrote', async () => {
      const former = await cluster.helm(installedBy);
      await former.must('install', NAME, makeOriginalChart(), '--namespace', NAMESPACE, '--skip-crds');
      const { spec } = await cluster.find(NAMESPACED_PATH(namespace, namespace));
      assert.deepEqual(spec, { awsAccess, secretName: 'awsecrimagepullsecret' });
      for (const [path, uid] of uids) assert.equal((await cluster.find(path))?.metadata.uid, uid);
      await former.must('uninstall', NAME, '--namespace', NAMESPACE);
    });
  });
}
