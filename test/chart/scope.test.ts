// A release that belongs to some namespaces: Roles there and nothing of the cluster, exactly the rights that its
// operator uses, and no hand on what others keep.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createTravelClock, type TravelClock } from '../../testing/clocks/travel-clock.ts';
import {
  OPERATOR_NAMESPACE,
  requestToken,
  SCOPED_ACCOUNT,
  SCOPED_USER,
} from '../../testing/operator/operator-account.ts';
import { accessTo } from '../../testing/operator/plane-access.ts';
import {
  CLUSTER_PATH,
  conditionOf,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { type Rendered, renderChart } from '../../testing/tools/helm/chart.ts';
import { createHelm } from '../../testing/tools/helm/helm.ts';
import { ACCESS, createClusterPullSecret, createPullSecret } from '../scenario/manifests.ts';

const HOUR = 3_600_000;
const MINUTE = 60_000;
const RELEASE = { name: SCOPED_ACCOUNT, namespace: OPERATOR_NAMESPACE };
/** Its refusals are none of the suite's. */
const LATE_ACCOUNT = 'late-operator';
const ROLES: Readonly<Record<string, string>> = { Role: 'roles', RoleBinding: 'rolebindings' };

// Rule 19
describe('a release of some namespaces', () => {
  const world = useWorld();
  let clock: TravelClock;
  let operator: RunningOperator;
  let objects: readonly Rendered[];
  let [one, two, elsewhere] = ['', '', ''];
  const accounts: string[] = [];

  before(async () => {
    process.env['AWS_ENDPOINT_URL_STS'] = world.aws.url;
    world.aws.setTokenLife(12 * HOUR);
    [one, two, elsewhere] = [
      await world.api.createNamespace(),
      await world.api.createNamespace(),
      await world.api.createNamespace(),
    ];
    const switches = `fullnameOverride=${SCOPED_ACCOUNT},serviceAccountTokens.enabled=true,serviceAccountAttachment.enabled=true,scope.policiesInstalled=true,scope.namespaces={${one},${two}}`;
    objects = await renderChart(await createHelm(4), RELEASE, '--set', switches);
    for (const namespace of [one, two]) await give(namespace, namespace, SCOPED_ACCOUNT);
    clock = createTravelClock();
    operator = await start();
  });
  after(async () => {
    delete process.env['AWS_ENDPOINT_URL_STS'];
    await operator.stop();
    for (const path of accounts) await world.api.send('DELETE', path);
  });

  /** Gives an account the rights that the release has in a namespace, in another one. */
  const give = async (namespace: string, like: string, account: string): Promise<void> => {
    const path = `/api/v1/namespaces/${OPERATOR_NAMESPACE}/serviceaccounts`;
    const { status } = await world.api.send('POST', path, { metadata: { name: account } });
    if (status === 201) accounts.push(`${path}/${account}`);
    for (const { kind, metadata, subjects, ...rest } of objects) {
      const plural = ROLES[kind];
      if (plural === undefined || metadata.namespace !== like) continue;
      const to = { kind: 'ServiceAccount', namespace: OPERATOR_NAMESPACE, name: account };
      await world.api.must('POST', `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/${plural}`, {
        kind,
        metadata: { ...metadata, namespace },
        ...rest,
        ...(subjects ? { subjects: [to] } : {}),
      });
    }
  };
  const start = async (scope = [one, two], account = SCOPED_ACCOUNT): Promise<RunningOperator> => {
    const token = await requestToken(world.api, OPERATOR_NAMESPACE, account);
    return await world.startOperator({ clock, access: accessTo(world.plane, token), scope, attaches: true });
  };
  const granted = (): readonly string[] => {
    const role = objects.find(({ kind }) => kind === 'Role');
    const rules = (role?.['rules'] ?? []) as readonly Readonly<Record<string, readonly string[]>>[];
    return rules
      .flatMap(({ apiGroups = [], resources = [], verbs = [] }) =>
        resources.flatMap((resource) => {
          const [plural, subresource] = resource.split('/');
          const group = apiGroups[0] === '' ? '' : `.${apiGroups[0]}`;
          return verbs.map((verb) => `${verb} ${plural}${group}${subresource ? `/${subresource}` : ''}`);
        }),
      )
      .sort();
  };
  const asked = () => world.audit().filter(({ user, resource }) => user === SCOPED_USER && !resource.startsWith('/'));
  const used = (): readonly string[] => [...new Set(asked().map(({ verb, resource }) => `${verb} ${resource}`))].sort();
  const uses = async (...pairs: readonly string[]): Promise<void> =>
    void (await eventually(() => (pairs.every((pair) => used().includes(pair)) ? true : undefined)));

  test('makes nothing of the cluster', () => {
    const ofCluster = ['ClusterRole', 'CustomResourceDefinition', 'Webhook', 'AdmissionPolicy', 'Namespace'];
    const found = objects.filter(({ kind }) => ofCluster.some((text) => kind.includes(text)));
    assert.deepEqual(
      found.map(({ kind }) => kind),
      [],
    );
    assert.deepEqual(
      objects.filter(({ kind }) => kind === 'Role').map(({ metadata }) => metadata.namespace),
      // The last one is for the Lease.
      [one, two, OPERATOR_NAMESPACE],
    );
  });

  test('asks for tokens only when an administrator has installed the policy, whose names are its own', async () => {
    const helm = await createHelm(4);
    const asking = ['--set', 'scope.namespaces={shop},serviceAccountTokens.enabled=true'];
    await assert.rejects(
      renderChart(helm, RELEASE, ...asking),
      /an administrator has to install the policy for tokens/,
    );
    const policiesIn = async (namespace: string): Promise<readonly string[]> => {
      const release = { name: 'ecr', namespace };
      const only = ['--show-only', 'templates/admission-policy.yaml', '--set', 'serviceAccountTokens.enabled=true'];
      return (await renderChart(helm, release, ...only)).map(({ metadata }) => metadata.name);
    };
    const [shop, bank] = [await policiesIn('shop'), await policiesIn('bank')];
    assert.ok(shop.length >= 4);
    assert.deepEqual(
      shop.filter((name) => bank.includes(name)),
      [],
    );
  });

  test('serves the objects there, and neither those of other namespaces nor those of the cluster', async () => {
    for (const namespace of [one, two, elsewhere]) await createPullSecret(world.api, namespace, 'login');
    await createClusterPullSecret(world.api, `scoped-${one}`, { namespaces: [one], secretName: 'of-cluster' });
    for (const namespace of [one, two]) await world.ready(NAMESPACED_PATH(namespace, 'login'));
    await world.api.must('DELETE', SECRET_PATH(two, 'ecr-login'));
    await eventually(async () =>
      (await world.api.get(SECRET_PATH(two, 'ecr-login'))).status === 200 ? true : undefined,
    );
    await operator.idle();
    assert.equal((await world.api.get(SECRET_PATH(elsewhere, 'ecr-login'))).status, 404);
    assert.equal((await world.api.get(SECRET_PATH(one, 'of-cluster'))).status, 404);
    const { status } = await world.api.must('GET', CLUSTER_PATH(`scoped-${one}`));
    assert.equal(conditionOf(status, 'Ready'), undefined);
    await world.api.must('DELETE', CLUSTER_PATH(`scoped-${one}`));
  });

  test('makes no call of AWS and no write when it starts again', async () => {
    await operator.idle();
    const calls = world.aws.calls();
    await operator.stop();
    const writes = (): number =>
      asked().filter(({ verb }) => verb !== 'get' && verb !== 'list' && verb !== 'watch').length;
    const before = writes();
    operator = await start();
    await operator.idle();
    assert.deepEqual([world.aws.calls(), writes()], [calls, before]);
  });

  test('keeps its hands off the Secrets of another release, of objects that it cannot see', async () => {
    const other = await world.startOperator();
    await createClusterPullSecret(world.api, `kept-${one}`, { namespaces: [one, elsewhere], secretName: 'kept' });
    await world.ready(CLUSTER_PATH(`kept-${one}`));
    const kept = (await world.api.must('GET', SECRET_PATH(one, 'kept'))).metadata;
    await other.stop();
    await createPullSecret(world.api, one, 'wants-kept', { secretName: 'kept' });
    const status = await world.status(NAMESPACED_PATH(one, 'wants-kept'), ({ problems }) => (problems?.count ?? 0) > 0);
    assert.equal(status.problems?.items[0]?.reason, 'SecretConflict');
    await operator.idle();
    assert.equal(
      (await world.api.must('GET', SECRET_PATH(one, 'kept'))).metadata.resourceVersion,
      kept.resourceVersion,
    );
    await world.api.must('DELETE', NAMESPACED_PATH(one, 'wants-kept'));
    await world.api.must('DELETE', CLUSTER_PATH(`kept-${one}`));
  });

  test('uses all rights of its Roles, and none beside them', async () => {
    const keys = { AWS_ACCESS_KEY_ID: ACCESS.accessKeyId, AWS_SECRET_ACCESS_KEY: ACCESS.secretAccessKey };
    await world.api.must('POST', SECRET_PATH(one), { metadata: { name: 'keys' }, stringData: keys });
    const awsAccess = { region: 'eu-west-1', secretRef: { name: 'keys' } };
    const serviceAccounts = { names: ['puller'] };
    await createPullSecret(world.api, one, 'by-secret', { awsAccess, secretName: 'by-secret', serviceAccounts });
    const annotations = { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::111122223333:role/puller' };
    await world.api.must('POST', `/api/v1/namespaces/${one}/serviceaccounts`, {
      metadata: { name: 'puller', annotations },
    });
    const byAccount = { region: 'eu-west-1', serviceAccountRef: { name: 'puller' } };
    await createPullSecret(world.api, one, 'by-account', { awsAccess: byAccount, secretName: 'by-account' });
    await uses('get secrets', 'create secrets', 'create events.events.k8s.io', 'create serviceaccounts/token');
    await uses('patch serviceaccounts');

    const denied = { ...ACCESS, accessKeyId: 'AKIADENIEDDENIED0001' };
    await createPullSecret(world.api, one, 'denied', { awsAccess: denied, secretName: 'denied' });
    await world.status(NAMESPACED_PATH(one, 'denied'), (status) => conditionOf(status, 'Stalled') !== undefined);
    for (let turn = 0; turn < 6; turn += 1) {
      const before = world.aws.calls();
      clock.travel(6 * MINUTE);
      await eventually(() => (world.aws.calls() > before ? true : undefined));
    }
    await uses('patch events.events.k8s.io');
    await world.api.must('DELETE', SECRET_PATH(one, 'by-secret'));
    await uses('get awsecrimagepullsecrets.aws.zakariaamine.com');

    // Only deleting and creating changes an immutable Secret.
    await world.api.merge(SECRET_PATH(two, 'ecr-login'), { immutable: true });
    world.aws.setTokenLife(24 * HOUR);
    clock.travel(6 * HOUR);
    await uses('patch secrets', 'delete secrets', 'watch serviceaccounts');
    assert.deepEqual(used(), granted());
  });

  test('serves its other namespaces while a Role is missing in one, and that one once it is there', async () => {
    const late = await world.api.createNamespace();
    await operator.stop();
    const beside = await world.api.createNamespace();
    await give(beside, one, LATE_ACCOUNT);
    operator = await start([beside, late], LATE_ACCOUNT);
    for (const namespace of [late, beside]) await createPullSecret(world.api, namespace, 'login');
    await world.ready(NAMESPACED_PATH(beside, 'login'));
    await give(late, one, LATE_ACCOUNT);
    await eventually(async () => {
      clock.travel(MINUTE);
      const { status } = await world.api.must('GET', NAMESPACED_PATH(late, 'login'));
      return conditionOf(status, 'Ready')?.status === 'True' ? true : undefined;
    });
  });
});
