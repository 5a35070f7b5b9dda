// What the demo shows. Each step acts, looks, and gives one sentence on what it saw, or throws.

import { API_VERSION, GROUP, VERSION } from '../../src/api/names.ts';
import { listOf, recordOf } from '../../src/lib/json.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import type { OperatorProcess } from '../../testing/operator/operator-process.ts';
import { formatTable, show } from './show.ts';
import { KEY, NAMESPACE, type Stage } from './stage.ts';
import { showWebhook } from './webhook.ts';
import { showWhy } from './why.ts';

export interface Scene extends Stage {
  operator: OperatorProcess;
}

export interface Step {
  readonly title: string;
  readonly act: (scene: Scene) => Promise<string>;
}

const OBJECTS = `/apis/${GROUP}/${VERSION}/namespaces/${NAMESPACE}/awsecrimagepullsecrets`;
const OBJECT = `${OBJECTS}/my-ecr-credentials`;
const CLUSTER_OBJECTS = `/apis/${GROUP}/${VERSION}/clusterawsecrimagepullsecrets`;
const SECRET = `/api/v1/namespaces/${NAMESPACE}/secrets/ecr-login`;
const ACCESS = { accessKeyId: KEY.id, secretAccessKey: KEY.secret, region: 'eu-west-1' };
const AS_TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const LIFE_MS = 10_000;
const WATCH_MS = 12_000;

const EXAMPLE = {
  apiVersion: API_VERSION,
  kind: 'AWSECRImagePullSecret',
  metadata: { name: 'my-ecr-credentials' },
  spec: { awsAccess: ACCESS, secretName: 'ecr-login' },
};

const CLUSTER_EXAMPLE = {
  apiVersion: API_VERSION,
  kind: 'ClusterAWSECRImagePullSecret',
  metadata: { name: 'test-ecr-credentials' },
  spec: {
    awsAccess: ACCESS,
    secretName: 'ecr-login-shared',
    namespaces: ['ns1', 'ns2', 'ns3'],
    namespaceSelector: { matchLabels: { ecr: 'true' } },
  },
};

/** The parts of a docker config that may be shown: everything but what opens the registry. */
function withoutPasswords(dockerConfig: string): string {
  const isSecret = (name: string): boolean => name === 'password' || name === 'auth';
  const hide = (name: string, value: unknown): unknown =>
    isSecret(name) ? `<${String(value).length} characters>` : value;
  return JSON.stringify(JSON.parse(dockerConfig), hide, 2);
}

async function createNamespace({ api }: Stage, name: string, labels = {}): Promise<void> {
  await api.must('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
}

async function untilReady({ api }: Stage, path: string): Promise<void> {
  await eventually(async () => {
    const { status } = await api.must('GET', path);
    const conditions = listOf(recordOf(status)['conditions']).map(recordOf);
    return conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True') ? true : undefined;
  }, 30_000);
}

async function printTable({ plane }: Stage, path: string): Promise<void> {
  const { get } = await import('node:https');
  const headers = { authorization: `Bearer ${plane.adminToken}`, accept: AS_TABLE };
  const text = await new Promise<string>((resolve, reject) => {
    get(`${plane.url}${path}`, { headers, ca: plane.certificateAuthority }, (reply) => {
      let body = '';
      reply
        .setEncoding('utf8')
        .on('data', (chunk: string) => (body += chunk))
        .on('end', () => resolve(body));
    }).on('error', reject);
  });
  show.block(formatTable(JSON.parse(text)));
}

/** Milliseconds until `path` answers with `status`, looked at without pause. */
async function timeUntil({ api }: Stage, path: string, status: number): Promise<string> {
  const begun = performance.now();
  await eventually(async () => ((await api.get(path)).status === status ? true : undefined));
  return `${Math.round(performance.now() - begun)} ms`;
}

async function passwordNow({ api }: Stage): Promise<string> {
  return (await api.must('GET', SECRET)).data['.dockerconfigjson'];
}

function textOf(base64: string): string {
  return Buffer.from(base64, 'base64').toString();
}

export const STEPS: readonly Step[] = [
  {
    title: 'One object gives one pull secret',
    async act(scene) {
      await createNamespace(scene, NAMESPACE);
      await scene.api.must('POST', OBJECTS, EXAMPLE);
      await untilReady(scene, OBJECT);
      await printTable(scene, OBJECTS);
      const secret = await scene.api.must('GET', SECRET);
      show.note(`secret ${NAMESPACE}/ecr-login, ${secret.type}, expiry ${secret.metadata.annotations.expiry}:`);
      show.block(withoutPasswords(textOf(secret.data['.dockerconfigjson'])));
      return 'the object is Ready and the secret holds a login';
    },
  },
  {
    title: 'The secret opens the registry',
    async act(scene) {
      const { registry } = scene;
      const pulled = await registry.pull(textOf(await passwordNow(scene)));
      if (!pulled.ok) throw new Error(pulled.words);
      show.note(`crane export ${registry.image}:`);
      show.block(pulled.text);
      if ((await registry.pull('{"auths":{}}')).ok) throw new Error('it opens without the secret too');
      return 'an image was pulled with it, and not without it';
    },
  },
  {
    title: 'One cluster object gives one in each of its namespaces',
    async act(scene) {
      for (const name of ['ns1', 'ns2', 'ns3']) await createNamespace(scene, name);
      await scene.api.must('POST', CLUSTER_OBJECTS, CLUSTER_EXAMPLE);
      await untilReady(scene, `${CLUSTER_OBJECTS}/test-ecr-credentials`);
      await printTable(scene, CLUSTER_OBJECTS);
      for (const name of ['ns1', 'ns2', 'ns3'])
        await scene.api.must('GET', `/api/v1/namespaces/${name}/secrets/ecr-login-shared`);
      const calls = (await scene.aws.calls()).length;
      if (calls !== 1) throw new Error(`AWS was asked ${calls} times instead of once`);
      return 'ns1, ns2 and ns3 hold the secret; both objects together cost 1 call of AWS';
    },
  },
  {
    title: 'A deleted secret is back',
    async act(scene) {
      const before = await passwordNow(scene);
      await scene.api.must('DELETE', SECRET);
      const took = await timeUntil(scene, SECRET, 200);
      if ((await passwordNow(scene)) !== before) throw new Error('it came back with another content');
      return `after ${took}, with the same login and no call of AWS`;
    },
  },
  {
    title: 'A namespace with the label is served as soon as it is there',
    async act(scene) {
      await createNamespace(scene, 'ns4', { ecr: 'true' });
      return `ns4 holds the secret after ${await timeUntil(scene, '/api/v1/namespaces/ns4/secrets/ecr-login-shared', 200)}`;
    },
  },
  { title: 'A pod that waits for its image is explained by one command', act: showWhy },
  { title: 'A wrong key is refused when it is applied', act: showWebhook },
  {
    title: 'While the webhook is away it is taken, the status says what is wrong, and the old secret stays',
    async act(scene) {
      const before = await passwordNow(scene);
      await scene.api.merge(OBJECT, { spec: { awsAccess: { secretAccessKey: 'x'.repeat(40) } } });
      const message = await eventually(async () => {
        const { status } = await scene.api.must('GET', OBJECT);
        const ready = listOf(recordOf(status)['conditions'])
          .map(recordOf)
          .find(({ type }) => type === 'Ready');
        return ready?.['status'] === 'False' && ready['reason'] === 'GetAWSAuthTokenFailed'
          ? String(ready['message'])
          : undefined;
      });
      await printTable(scene, OBJECTS);
      show.note(message);
      if ((await passwordNow(scene)) !== before) throw new Error('the secret changed');
      await scene.api.merge(OBJECT, { spec: { awsAccess: { secretAccessKey: KEY.secret } } });
      await untilReady(scene, OBJECT);
      return 'the status says so, the secret is untouched; with the right key it is Ready again';
    },
  },
  { title: `Tokens that live ${LIFE_MS / 1_000} seconds are replaced in time`, act: watchShortTokens },
  {
    title: 'A restart asks nobody and writes nothing',
    async act(scene) {
      await scene.operator.end();
      await scene.aws.control('DELETE', 'requests');
      scene.operator = await scene.startOperator();
      await eventually(async () =>
        (await scene.operator.metric('controller_runtime_reconcile_total')) >= 2 ? true : undefined,
      );
      const calls = (await scene.aws.calls()).length;
      const writes = await scene.operator.writes();
      if (calls !== 0 || writes !== 0) throw new Error(`${calls} calls of AWS and ${writes} writes after the restart`);
      return `0 calls of AWS, 0 writes; ready ${Math.round(await scene.operator.ready())} ms after the start of the process`;
    },
  },
];

/** In a region of its own, so that its login is another one than that of the steps before. */
const SHORT_LIVED = {
  ...EXAMPLE,
  metadata: { name: 'short-lived' },
  spec: { awsAccess: { ...ACCESS, region: 'us-east-1' }, secretName: 'short-lived' },
};

async function watchShortTokens(scene: Scene): Promise<string> {
  await scene.aws.control('POST', 'token-life', { ms: LIFE_MS });
  await scene.api.must('POST', OBJECTS, SHORT_LIVED);
  await untilReady(scene, `${OBJECTS}/short-lived`);
  const begun = performance.now();
  const tokens = new Set<string>();
  let [samples, expired, least] = [0, 0, Number.POSITIVE_INFINITY];
  while (performance.now() - begun < WATCH_MS) {
    const secret = await scene.api.must('GET', `/api/v1/namespaces/${NAMESPACE}/secrets/short-lived`);
    const left = Date.parse(secret.metadata.annotations.expiry) - Date.now();
    tokens.add(secret.data['.dockerconfigjson']);
    samples += 1;
    if (left <= 0) expired += 1;
    least = Math.min(least, left);
    show.live(
      `${show.bar((performance.now() - begun) / WATCH_MS)} ${tokens.size} tokens, this one has ${(left / 1_000).toFixed(1)} s left`,
    );
    await new Promise((resolve) => void setTimeout(resolve, 50));
  }
  await scene.api.must('DELETE', `${OBJECTS}/short-lived`);
  await scene.aws.control('POST', 'token-life', { ms: 12 * 3_600_000 });
  if (expired > 0 || tokens.size < 3)
    throw new Error(`${expired} of ${samples} looks saw an expired token; ${tokens.size} tokens seen`);
  return `${tokens.size} tokens in ${WATCH_MS / 1_000} s, ${samples} looks, none saw an expired one; the least left was ${(least / 1_000).toFixed(1)} s`;
}
