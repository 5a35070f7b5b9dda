// CRDs that are older than the operator: the operator reports them, and so does the command `check`.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { installCrds } from '../../testing/api-server/install-crds.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createTravelClock } from '../../testing/clocks/travel-clock.ts';
import { CLUSTER_PATH, SECRET_PATH, useWorld } from '../../testing/operator/world.ts';
import { createClusterPullSecret } from '../scenario/manifests.ts';
import { createNobody } from '../scenario/plugin-rig.ts';
import { runToEnd } from './bundle.ts';

const CRD =
  '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/clusterawsecrimagepullsecrets.aws.zakariaamine.com';
const SUMMARY = '/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/secrets/properties/summary';
const SPEC = '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties';

describe('CRDs that are older than the operator', () => {
  const world = useWorld();
  const check = (): ReturnType<typeof runToEnd> => runToEnd(['check', '--kubeconfig', world.plane.kubeconfigPath]);

  before(async () => {
    const fields = ['registries', 'namespaceSelector'].map((name) => `${SPEC}/${name}`);
    const patch = [...fields, SUMMARY].map((path) => ({ op: 'remove', path }));
    await world.api.must('PATCH', CRD, patch, 'application/json-patch+json');
  });
  after(async () => await installCrds(world.api));

  test('are named by check, with the fields that they lack and the way to mend it', async () => {
    const { stdout, code } = await eventually(async () => {
      const found = await check();
      return found.code === 0 ? undefined : found;
    }, 30_000);
    assert.equal(code, 1);
    const [reached, crds, lease, ...rest] = stdout.split('\n');
    assert.equal(
      reached,
      `✔ the API server at ${world.plane.url} is reached; it is Kubernetes v${world.plane.version}`,
    );
    const kind = 'ClusterAWSECRImagePullSecret';
    assert.ok(
      crds?.includes(
        `they lack ${kind}.spec.registries, ${kind}.spec.namespaceSelector, ${kind}.status.secrets.summary;`,
      ),
      crds,
    );
    assert.match(crds ?? '', /^✖ .* kube-ecr-secrets-operator crds \| kubectl apply --server-side -f -$/);
    assert.match(lease ?? '', /^✔ no replica holds the Lease kube-ecr-secrets-operator in namespace /);
    assert.deepEqual(rest, ['']);
  });

  test('drop a part of each status, which is not written again at each look for that', async () => {
    const operator = await world.startOperator();
    const namespace = await world.api.createNamespace();
    await createClusterPullSecret(world.api, 'older', { namespaces: [namespace] });
    const { secrets } = await world.ready(CLUSTER_PATH('older'));
    assert.deepEqual(secrets, { desired: 1, ready: 1 });
    await operator.idle();
    const patches = (): Promise<number> => operator.metric('rest_client_requests_total', { method: 'PATCH' });
    const looks = (): Promise<number> => operator.metric('controller_runtime_reconcile_total');
    const before = [await patches(), await looks()];
    for (let count = 0; count < 5; count += 1) {
      const labels = { count: String(count) };
      await world.api.merge(SECRET_PATH(namespace, 'ecr-login'), { metadata: { labels } });
      await operator.idle();
    }
    await eventually(async () => ((await looks()) > (before[1] ?? 0) + 2 ? true : undefined));
    assert.equal(await patches(), before[0]);
    await world.api.must('DELETE', CLUSTER_PATH('older'));
    await operator.stop();
  });

  test('are reported in the log of the operator, once, and so is that they fit again', async () => {
    const clock = createTravelClock();
    const operator = await world.startOperator({ clock });
    const minutes = async (words: string): Promise<true> =>
      await eventually(() => {
        clock.travel(60_000);
        return operator.output().includes(words) ? true : undefined;
      }, 20_000);
    await minutes(
      '"fields":"ClusterAWSECRImagePullSecret.spec.registries, ClusterAWSECRImagePullSecret.spec.namespaceSelector, ClusterAWSECRImagePullSecret.status.secrets.summary"',
    );
    await installCrds(world.api);
    await minutes('The CRDs fit this version now');
    const lines = operator.output().split('\n');
    assert.equal(lines.filter((line) => line.includes('The CRDs are older than this version')).length, 1);
    await operator.stop();
  });

  test('that were updated pass check', async () => {
    const { code, stdout } = await check();
    assert.equal(code, 0, stdout);
    assert.match(
      stdout,
      /^✔ .*\n✔ the CRDs have every field that version \S+ knows\n✔ no replica holds the Lease .*\n$/,
    );
  });
});

describe('check', () => {
  const world = useWorld();
  const check = (...flags: readonly string[]): ReturnType<typeof runToEnd> =>
    runToEnd(['check', '--kubeconfig', world.plane.kubeconfigPath, ...flags]);
  /** A Lease that this holder last renewed when the test began, or as long before. */
  const createLease = async (holderIdentity: string, ago = 0): Promise<readonly string[]> => {
    const namespace = await world.api.createNamespace();
    const renewTime = new Date(Date.now() - ago).toISOString().replace('Z', '000Z');
    await world.api.must('POST', `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`, {
      metadata: { name: 'a' },
      spec: { holderIdentity, leaseDurationSeconds: 1, renewTime },
    });
    return ['--namespace', namespace, '--leader-elect-resource-name', 'a'];
  };

  test('names the replica that leads, and shows no control characters of what calls itself so', async () => {
    const { code, stdout } = await check(...(await createLease('pod-1_\u001b[31m\nuid')));
    assert.equal(code, 0);
    assert.match(stdout, /^✔ replica pod-1_ \[31m uid leads, by the Lease a in namespace test-\w+$/m);
  });

  test('says that none leads, by whom the Lease was held, and ends by code 1', async () => {
    const { code, stdout } = await check(...(await createLease('gone', 86_400_000)));
    assert.equal(code, 1);
    assert.match(stdout, /^✖ no replica leads: the Lease a in namespace \S+ is no longer renewed by gone; /m);
  });

  /** As in a pod of this account. */
  const checkAs = async (token: string, ...flags: readonly string[]): ReturnType<typeof runToEnd> => {
    const folder = mkdtempSync(join(tmpdir(), 'account-'));
    writeFileSync(join(folder, 'token'), token);
    writeFileSync(join(folder, 'ca.crt'), world.plane.certificateAuthority);
    writeFileSync(join(folder, 'namespace'), 'kube-system');
    const { hostname, port } = new URL(world.plane.url);
    const env = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
    const pod = ['check', '--service-account-folder', folder, ...flags];
    return await runToEnd(pod, env).finally(() => rmSync(folder, { recursive: true }));
  };

  test('says that an account which should lead may not read the Lease', async () => {
    // The operator's account has the right to the Lease of its own name only.
    const { code, stdout } = await checkAs(world.token, '--leader-elect-resource-name', 'another');
    assert.equal(code, 1, stdout);
    assert.match(stdout, /^✖ this account may not read the Lease another in namespace kube-system; /m);
  });

  test('says in a pod whether the account has the rights of the operator, and which it lacks', async () => {
    const good = await checkAs(world.token);
    assert.equal(good.code, 0, good.stdout);
    assert.match(good.stdout, /^✔ this account has the rights that the operator needs$/m);
    const nobody = await checkAs(await createNobody(world.api, await world.api.createNamespace()));
    assert.equal(nobody.code, 1);
    assert.match(
      nobody.stdout,
      /^✖ this account may not get awsecrimagepullsecrets, list awsecrimagepullsecrets, .* and \d+ more: are the roles of the chart/m,
    );
  });

  test('asks in a pod for the rights of an operator of some namespaces that changes ServiceAccounts, and no others', async () => {
    const namespace = await world.api.createNamespace();
    const token = await createNobody(world.api, namespace);
    const rules = [
      { apiGroups: ['aws.zakariaamine.com'], resources: ['awsecrimagepullsecrets'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: ['aws.zakariaamine.com'], resources: ['awsecrimagepullsecrets/status'], verbs: ['patch'] },
      { apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'] },
      { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] },
    ];
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    await world.api.must('POST', `${rbac}/roles`, { metadata: { name: 'operator' }, rules });
    await world.api.must('POST', `${rbac}/rolebindings`, {
      metadata: { name: 'operator' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'operator' },
      subjects: [{ kind: 'ServiceAccount', name: 'nobody', namespace }],
    });
    const scoped = await eventually(async () => {
      const ran = await checkAs(token, '--namespaces', namespace);
      return ran.stdout.includes('✔ this account has the rights') ? ran : undefined;
    });
    assert.match(scoped.stdout, /^✔ this account has the rights that the operator needs$/m);
    const { stdout } = await checkAs(token, '--namespaces', namespace, '--attach-to-service-accounts=true');
    const where = `in namespace ${namespace}`;
    assert.ok(
      stdout.includes(
        `✖ this account may not list serviceaccounts ${where}, watch serviceaccounts ${where}, patch serviceaccounts ${where}: are`,
      ),
      stdout,
    );
  });

  test('does not miss a leader where nobody says that there is one', async () => {
    const namespace = await world.api.createNamespace();
    await world.api.must('POST', `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`, {
      metadata: { name: 'kube-ecr-secrets-operator' },
      spec: { holderIdentity: '' },
    });
    const { code, stdout } = await check('--namespace', namespace);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^✔ no replica holds the Lease/m);
  });

  test('believes a Lease that is renewed, however wrong the clock of its holder', async () => {
    const flags = await createLease('behind', 86_400_000);
    const wrongTime = (): string => new Date(Date.now() - 86_400_000).toISOString().replace('Z', '000Z');
    const path = `/apis/coordination.k8s.io/v1/namespaces/${flags[1]}/leases/a`;
    const timer = setInterval(() => void world.api.merge(path, { spec: { renewTime: wrongTime() } }), 200);
    const { code, stdout } = await check(...flags).finally(() => clearInterval(timer));
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^✔ replica behind leads/m);
  });

  test('says why the API server is not reached, and ends by code 1', async () => {
    const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: '1' };
    const { code, stdout } = await runToEnd(['check', '--service-account-folder', '/nowhere'], env);
    assert.equal(code, 1);
    assert.match(stdout, /^✖ cannot read \/nowhere\/(token|ca\.crt): is the service account token mounted/);
  });

  test('refuses flags that are not its own by code 2', async () => {
    const { code, stderr } = await runToEnd(['check', '--log-level=info']);
    assert.deepEqual(
      { code, stderr },
      {
        code: 2,
        stderr:
          'kube-ecr-secrets-operator check: --log-level is not a flag of check (see kube-ecr-secrets-operator help)\n',
      },
    );
  });
});
