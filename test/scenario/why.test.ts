// `kubectl ecr-secrets why`, on the real API server: each situation is provoked, and explained by one command. What it
// prints stands in the folder beside; UPDATE_GOLDEN=1 writes it anew.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { OPERATOR_NAME } from '../../src/api/names.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import {
  ANSWERS,
  createPullEvent,
  createWaitingPod,
  HOST,
  type WaitingPod,
} from '../../testing/api-server/waiting-pod.ts';
import { OPERATOR_NAMESPACE } from '../../testing/operator/operator-account.ts';
import {
  CLUSTER_PATH,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { createClusterPullSecret, createPullSecret } from './manifests.ts';
import { createViewer, type Ran, runPlugin } from './plugin-rig.ts';

const DEPLOYMENTS = `/apis/apps/v1/namespaces/${OPERATOR_NAMESPACE}/deployments`;
const POLICIES = '/apis/admissionregistration.k8s.io/v1';

const golden = (name: string): URL => new URL(`why/${name.replaceAll(' ', '-')}.txt`, import.meta.url);

describe('a pod in ImagePullBackOff is explained', () => {
  const world = useWorld();
  let operator: RunningOperator;
  before(async () => {
    operator = await world.startOperator();
  });
  after(async () => {
    await world.api.send('DELETE', `${DEPLOYMENTS}/${OPERATOR_NAME}`);
  });

  const run = (args: readonly string[], token?: string): Promise<Ran> => runPlugin(world, args, token);

  /** Compares an answer with what it should be, whatever the names of namespaces and the times. */
  const isGolden = (name: string, { code, out, err }: Ran, namespace: string): void => {
    const text = out
      .replaceAll(namespace, 'shop')
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'TIME')
      .replaceAll(/ at: \d{4}-[^"]* UTC/g, ' at: TIME');
    if (process.env['UPDATE_GOLDEN']) writeFileSync(golden(name), text);
    assert.deepEqual({ code, err, text }, { code: 1, err: '', text: readFileSync(golden(name), 'utf8') });
  };

  const waiting = async (namespace: string, pod: WaitingPod = {}): Promise<Ran> => {
    await createWaitingPod(world.api, namespace, 'api', pod);
    return await run(['why', 'api', '-n', namespace]);
  };
  const withProblem = async (namespace: string): Promise<void> => {
    await world.status(NAMESPACED_PATH(namespace, 'login'), ({ problems }) => (problems?.count ?? 0) > 0);
  };

  test('when it names no pull secret, though an object writes one', async () => {
    const namespace = await world.api.createNamespace();
    await createPullSecret(world.api, namespace, 'login');
    await world.ready(NAMESPACED_PATH(namespace, 'login'));
    isGolden('no secret named', await waiting(namespace, { secrets: [] }), namespace);
  });

  test('when its ServiceAccount names the Secret only since then', async () => {
    const namespace = await world.api.createNamespace();
    await createWaitingPod(world.api, namespace, 'api', { secrets: [] });
    await world.api.merge(`/api/v1/namespaces/${namespace}/serviceaccounts/default`, {
      imagePullSecrets: [{ name: 'ecr-login' }],
    });
    await createPullSecret(world.api, namespace, 'login');
    await world.ready(NAMESPACED_PATH(namespace, 'login'));
    isGolden('account changed since', await run(['why', 'pod/api', '-n', namespace]), namespace);
  });

  test('when no object would write the Secret', async () => {
    const namespace = await world.api.createNamespace();
    isGolden('no object', await waiting(namespace), namespace);
  });

  test('when its namespace lacks the label that the object selects by', async () => {
    const namespace = await world.api.createNamespace();
    await createClusterPullSecret(world.api, 'by-label', {
      namespaceSelector: { matchLabels: { [`ecr-${namespace}`]: 'true' } },
    });
    isGolden('not selected', await waiting(namespace), namespace);
    await world.api.must('DELETE', CLUSTER_PATH('by-label'));
  });

  test('when a quota of the namespace leaves no room', async () => {
    const namespace = await world.api.createNamespace();
    const quotas = `/api/v1/namespaces/${namespace}/resourcequotas`;
    const status = { hard: { 'count/secrets': '0' }, used: { 'count/secrets': '0' } };
    await world.api.must('POST', quotas, {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'no-secrets' },
      spec: { hard: status.hard },
    });
    await world.api.merge(`${quotas}/no-secrets/status`, { status });
    await createPullSecret(world.api, namespace, 'login');
    await withProblem(namespace);
    isGolden('quota', await waiting(namespace), namespace);
  });

  test('when a policy of the cluster refuses the Secret', async () => {
    const namespace = await world.api.createNamespace();
    const name = `no-secrets-in-${namespace}`;
    await world.api.must('POST', `${POLICIES}/validatingadmissionpolicies`, {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name },
      spec: {
        matchConstraints: {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
          resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['secrets'], operations: ['CREATE'] }],
        },
        validations: [{ expression: 'false', message: 'no Secrets in this namespace' }],
      },
    });
    await world.api.must('POST', `${POLICIES}/validatingadmissionpolicybindings`, {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name },
      spec: { policyName: name, validationActions: ['Deny'] },
    });
    const trial = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'trial' } };
    await eventually(async () =>
      (await world.api.send('POST', `${SECRET_PATH(namespace)}?dryRun=All`, trial)).status > 299 ? true : undefined,
    );
    await createPullSecret(world.api, namespace, 'login');
    await withProblem(namespace);
    const said = await waiting(namespace);
    for (const kind of ['validatingadmissionpolicybindings', 'validatingadmissionpolicies'])
      await world.api.must('DELETE', `${POLICIES}/${kind}/${name}`);
    isGolden('policy', said, namespace);
  });

  test("when somebody else's Secret has the name", async () => {
    const namespace = await world.api.createNamespace();
    await world.api.must('POST', SECRET_PATH(namespace), {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/dockerconfigjson',
      metadata: { name: 'ecr-login' },
      stringData: { '.dockerconfigjson': '{"auths":{"registry.example.com":{"auth":"Om5vbmU="}}}' },
    });
    await createPullSecret(world.api, namespace, 'login');
    await withProblem(namespace);
    isGolden('conflict', await waiting(namespace), namespace);
  });

  test('when AWS denies the login', async () => {
    const namespace = await world.api.createNamespace();
    const awsAccess = {
      region: 'eu-west-1',
      accessKeyId: 'AKIANOBODYKNOWSTHIS0',
      secretAccessKey: 'wrong'.repeat(8),
    };
    await createPullSecret(world.api, namespace, 'login', { awsAccess });
    await world.status(NAMESPACED_PATH(namespace, 'login'), ({ conditions }) => conditions?.[0]?.status === 'False');
    isGolden('denied', await waiting(namespace), namespace);
  });

  test('when AWS cannot be reached', async () => {
    const namespace = await world.api.createNamespace();
    world.aws.faults.failWhile(({ region }) => region === 'eu-north-1', {
      op: 'error',
      status: 503,
      code: 'ServerException',
      message: 'try again later',
    });
    const awsAccess = {
      region: 'eu-north-1',
      accessKeyId: 'AKIATESTGOODKEY00001',
      secretAccessKey: 'ThisIsNotAnAWSSecretKeyButHasItsShape0+/',
    };
    await createPullSecret(world.api, namespace, 'login', { awsAccess });
    await world.status(NAMESPACED_PATH(namespace, 'login'), ({ conditions }) => conditions?.[0]?.status === 'False');
    isGolden(
      'aws away',
      await waiting(namespace, { image: HOST.replace('eu-west-1', 'eu-north-1') + '/team/api:1.0' }),
      namespace,
    );
    world.aws.faults.clear();
  });

  test('when the Secret does not open the account of the image', async () => {
    const namespace = await world.api.createNamespace();
    await createPullSecret(world.api, namespace, 'login');
    await world.ready(NAMESPACED_PATH(namespace, 'login'));
    const image = `${HOST.replace('111122223333', '444455556666')}/team/api:1.0`;
    isGolden('not covered', await waiting(namespace, { image }), namespace);
  });

  test('when the login is good, and the identity may not pull', async () => {
    const namespace = await world.api.createNamespace();
    await createPullSecret(world.api, namespace, 'login');
    await world.ready(NAMESPACED_PATH(namespace, 'login'));
    await createWaitingPod(world.api, namespace, 'api', { answer: ANSWERS.refused });
    await createPullEvent(
      world.api,
      namespace,
      'api',
      20,
      new Date(Date.now() + 60_000).toISOString().replace(/\.\d+/, ''),
    );
    const said = await run(['why', 'api', '-n', namespace]);
    isGolden('may not pull', { ...said, out: said.out.replace(/in about 3[56]\d s/, 'in about 360 s') }, namespace);
  });

  test("when somebody else's login has ended, by what the token says", async () => {
    const namespace = await world.api.createNamespace();
    const password = Buffer.from(JSON.stringify({ payload: 'x', expiration: 1_700_000_000 })).toString('base64');
    await world.api.must('POST', SECRET_PATH(namespace), {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/dockerconfigjson',
      metadata: { name: 'ecr-login' },
      stringData: { '.dockerconfigjson': JSON.stringify({ auths: { [HOST]: { username: 'AWS', password } } }) },
    });
    const { out } = await waiting(namespace, { answer: ANSWERS.refused });
    assert.match(
      out,
      /✖ SecretEnded: Secret ecr-login holds a login that ended at 2023-11-14T22:13:20Z, and no object renews it/,
    );
  });

  test('when only the kubelet still waits', async () => {
    const namespace = await world.api.createNamespace();
    await createWaitingPod(world.api, namespace, 'api', { answer: ANSWERS.ended });
    await createPullEvent(world.api, namespace, 'api', 3, '2026-01-01T00:00:00Z');
    await createPullSecret(world.api, namespace, 'login');
    await world.ready(NAMESPACED_PATH(namespace, 'login'));
    isGolden('kubelet waits', await run(['why', 'api', '-n', namespace]), namespace);
  });

  test('when the operator is down', async () => {
    const namespace = await world.api.createNamespace();
    const labels = { 'app.kubernetes.io/part-of': OPERATOR_NAME, 'app.kubernetes.io/component': 'operator' };
    await world.api.must('POST', DEPLOYMENTS, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: OPERATOR_NAME, labels },
      spec: {
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'o', image: 'o' }] } },
      },
    });
    await operator.stop();
    await createPullSecret(world.api, namespace, 'login');
    const said = await waiting(namespace);
    operator = await world.startOperator();
    await world.api.must('DELETE', `${DEPLOYMENTS}/${OPERATOR_NAME}`);
    isGolden('operator down', said, namespace);
  });

  describe('to whoever may only view', () => {
    let namespace = '';
    let viewer = '';
    before(async () => {
      namespace = await world.api.createNamespace();
      await createPullSecret(world.api, namespace, 'login');
      await world.ready(NAMESPACED_PATH(namespace, 'login'));
      viewer = await createViewer(world.api, namespace);
    });

    test('as far as the status of the object goes, and what could not be seen is said', async () => {
      await createWaitingPod(world.api, namespace, 'api', { answer: ANSWERS.refused });
      isGolden('viewer', await run(['why', 'api', '-n', namespace], viewer), namespace);
    });

    test('and a namespace that they may not see is refused in words', async () => {
      const { code, out, err } = await run(['why', '-n', 'kube-system'], viewer);
      assert.deepEqual({ code, out }, { code: 1, out: '' });
      assert.match(err, /^error: pods is forbidden: User "system:serviceaccount:.*:viewer" cannot list/);
    });
  });

  describe('together with others', () => {
    let namespace = '';
    before(async () => {
      namespace = await world.api.createNamespace();
      for (const name of ['api-1', 'api-2', 'api-3'])
        await createWaitingPod(world.api, namespace, name, { labels: { app: 'api' } });
      await createWaitingPod(world.api, namespace, 'other', { image: 'registry.example.com/other' });
      await world.api.must('POST', `/apis/apps/v1/namespaces/${namespace}/deployments`, {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'api' },
        spec: {
          selector: { matchLabels: { app: 'api' } },
          template: { metadata: { labels: { app: 'api' } }, spec: { containers: [{ name: 'api', image: 'a' }] } },
        },
      });
    });

    test('of a Deployment, once', async () => {
      for (const words of [['deploy/api'], ['Deployment', 'api'], ['deployments.apps/api']]) {
        const { out } = await run(['why', ...words, '-n', namespace, '-o', 'json']);
        const { answers } = JSON.parse(out);
        assert.deepEqual(
          answers.map(({ pods, cause }: { pods: string[]; cause: string }) => [pods, cause]),
          [[['api-1', 'api-2', 'api-3'], 'NoObject']],
        );
      }
    });

    test('of a workload without pods, that it has none', async () => {
      await world.api.must('POST', `/apis/batch/v1/namespaces/${namespace}/jobs`, {
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name: 'nightly' },
        spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'a', image: 'a' }] } } },
      });
      const { code, out } = await run(['why', 'job/nightly', '-n', namespace]);
      assert.deepEqual(
        [code, out],
        [0, `job/nightly has no pods in namespace ${namespace}: kubectl describe says why\n`],
      );
    });

    test('of the namespace, and an image of another registry is none of ours', async () => {
      isGolden('namespace', await run(['why', '--namespace', namespace]), namespace);
    });

    test('of all namespaces', async () => {
      const { code, out } = await run(['why', '-A', '-o', 'yaml']);
      assert.equal(code, 1);
      assert.match(out, new RegExp(`namespace: ${namespace}`));
    });
  });

  test('or is said not to wait, when it does not', async () => {
    const namespace = await world.api.createNamespace();
    const { code, out } = await run(['why', '-n', namespace]);
    assert.deepEqual({ code, out }, { code: 0, out: `no pod waits for an image in namespace ${namespace}\n` });
    await world.api.must('POST', `/api/v1/namespaces/${namespace}/pods`, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'fine' },
      spec: { containers: [{ name: 'a', image: 'a' }] },
    });
    const fine = await run(['why', 'fine', '-n', namespace]);
    assert.deepEqual(fine, { code: 0, err: '', out: 'pod fine waits for no image: it is Pending\n' });
  });

  test('in words that cannot touch the terminal, whatever a pod is called for', async () => {
    const namespace = await world.api.createNamespace();
    const answer = `\u001b[2J\u202e${ANSWERS.refused}\nX\u0007 Bearer ${'aB3'.repeat(40)} Basic QVdTOmh1c2g= eyJhbGciOiJIUzI1NiJ9.eyJodXNoIjoxfQ.c2lnbmVk https://me:hush@x.io`;
    const { out } = await waiting(namespace, { answer });
    assert.doesNotMatch(out.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u);
    assert.doesNotMatch(out, /aB3aB3|QVdT|eyJ|hush/);
  });

  test('in the words that the documentation shows', () => {
    const page = readFileSync(new URL('../../docs/kubectl.md', import.meta.url), 'utf8');
    const shown = [...page.matchAll(/<!-- why\/([a-z-]+) -->\n```console\n([^]*?)```/g)];
    assert.ok(shown.length > 0);
    for (const [, name = '', text] of shown)
      assert.equal(text, `$ kubectl ecr-secrets why api -n shop\n${readFileSync(golden(name), 'utf8')}`);
  });

  describe('unless it is asked for in a way that cannot be', () => {
    const rows: readonly (readonly [args: readonly string[], code: number, words: RegExp])[] = [
      [['why', 'no-such-pod'], 1, /^error: there is no pod no-such-pod in namespace default: -n names another one$/m],
      [['why', 'a', '-n', 'no-such-namespace'], 1, /there is no namespace no-such-namespace/],
      [['why', 'deploy/none'], 1, /there is no deployment none in namespace default/],
      [['why', 'node/a'], 2, /"node" is no type that makes pods: one of pod, deployment, statefulset/],
      [['why', 'a/b/c'], 2, /"a\/b\/c" names no object: write POD or TYPE\/NAME/],
      [['why', 'a', '-A'], 2, /one object is in one namespace/],
      [['why', '-A', '-n', 'a'], 2, /-n and -A exclude each other/],
      [['why', '-o', 'xml'], 2, /Allowed choices are table, json, yaml/],
      [['wy'], 2, /unknown command 'wy'/],
    ];
    for (const [args, code, words] of rows)
      test(args.join(' '), async () => {
        const said = await run(args);
        assert.deepEqual([said.code, said.out], [code, '']);
        assert.match(said.err, words);
      });
  });
});
