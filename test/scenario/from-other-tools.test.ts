// docs/from-other-tools.md, step by step: the Secret as each tool writes it, and the switch from that tool without a
// gap.

import assert from 'node:assert/strict';
import { before, beforeEach, describe, test } from 'node:test';
import { DOCKER_CONFIG_TYPE, NAMESPACED_KIND } from '../../src/api/names.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { conditionOf, GOOD_KEY, NAMESPACED_PATH, SECRET_PATH, useWorld } from '../../testing/operator/world.ts';
import { base64 } from '../../testing/rigs/builders.ts';
import { createPullSecret, passwordOf } from './manifests.ts';
import { startWebhook } from './webhook-rig.ts';

const HOST = `${GOOD_KEY.accountId}.dkr.ecr.eu-west-1.amazonaws.com`;
const AUTH = base64('AWS:of-the-tool');
/** Both commands of the page: `kubectl label` and `kubectl annotate`. */
const OFFER = {
  metadata: {
    labels: { 'app.kubernetes.io/managed-by': 'kube-ecr-secrets-operator' },
    annotations: { 'aws.zakariaamine.com/adopt': `${NAMESPACED_KIND}/login` },
  },
};

// oxlint-disable-next-line typescript/no-explicit-any -- whatever the API server answered
type Answer = any;

interface Written {
  readonly metadata?: object;
  readonly host: string;
  readonly entry: object;
}

/** By tool: what it writes. Its version is that of the page. */
const SECRETS: Readonly<Record<string, Written>> = {
  'k8s-ecr-login-renew': {
    host: `https://${HOST}`,
    entry: { username: 'AWS', password: 'of-the-tool', email: 'awsregrenew@demo.test', auth: AUTH },
  },
  'registry-creds': { host: `https://${HOST}`, entry: { auth: AUTH, email: 'none' } },
  imps: {
    metadata: { labels: { 'images.banzaicloud.io/owner-uid': '0b0b' } },
    host: HOST,
    entry: { username: 'AWS', password: 'of-the-tool', auth: AUTH },
  },
  'External Secrets Operator': {
    metadata: {
      labels: { 'reconcile.external-secrets.io/managed': 'true', 'reconcile.external-secrets.io/created-by': 'a1' },
      annotations: { 'reconcile.external-secrets.io/data-hash': 'b2', expiresAt: '1700000000' },
    },
    host: HOST,
    entry: { username: 'AWS', password: 'of-the-tool', auth: AUTH },
  },
  'a CronJob with kubectl create secret docker-registry': {
    metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' } },
    host: `https://${HOST}/v1/`,
    entry: { username: 'AWS', password: 'of-the-tool', email: 'no@example.com', auth: AUTH },
  },
};

// Rule 1
describe('a secret that was written by', () => {
  const world = useWorld();
  let namespace = '';
  let path = '';
  let at = '';

  before(async () => {
    await world.startOperator();
  });
  beforeEach(async () => {
    namespace = await world.api.createNamespace();
    path = NAMESPACED_PATH(namespace, 'login');
    at = SECRET_PATH(namespace, 'ecr-login');
  });

  const write = async (
    { metadata = {}, host, entry }: Written,
    ownerReferences: readonly object[] = [],
  ): Promise<Answer> =>
    await world.api.must('POST', SECRET_PATH(namespace), {
      metadata: { name: 'ecr-login', ...metadata, ownerReferences },
      type: DOCKER_CONFIG_TYPE,
      data: { '.dockerconfigjson': base64(JSON.stringify({ auths: { [host]: entry } })) },
    });
  const secretOf = (tool: string): Written => SECRETS[tool] ?? assert.fail(tool);
  const message = async (): Promise<string> => {
    const status = await world.status(path, (found) => found.problems !== undefined);
    return status.problems?.items[0]?.message ?? '';
  };
  const assertTaken = async (before: Answer): Promise<Answer> => {
    await world.ready(path);
    const after = await world.api.must('GET', at);
    assert.equal(after.metadata.uid, before.metadata.uid, 'in place');
    assert.notEqual(passwordOf(after), 'of-the-tool');
    const { auths } = JSON.parse(Buffer.from(after.data['.dockerconfigjson'], 'base64').toString());
    assert.deepEqual(Object.keys(auths), [HOST]);
    return after;
  };
  /** A stand-in for an object of the tool. */
  const createOwner = async (controller: boolean): Promise<Answer> => {
    const { metadata } = await world.api.must('POST', `/api/v1/namespaces/${namespace}/configmaps`, {
      metadata: { name: 'of-the-tool' },
    });
    return { apiVersion: 'v1', kind: 'ConfigMap', name: 'of-the-tool', uid: metadata.uid, controller };
  };
  const deleteOwner = async (propagationPolicy: string): Promise<void> => {
    const place = `/api/v1/namespaces/${namespace}/configmaps/of-the-tool`;
    await world.api.must('DELETE', place, { propagationPolicy });
    await eventually(async () => ((await world.api.get(place)).status === 404 ? true : undefined), 60_000);
  };

  for (const [tool, written] of Object.entries(SECRETS)) {
    test(`${tool} is taken over in place once it is offered, and the object is created after that`, async () => {
      const secret = await write(written);
      await world.api.merge(at, OFFER);
      await createPullSecret(world.api, namespace, 'login');
      await assertTaken(secret);
    });

    test(`${tool} is left alone until it is offered, and the status names the commands`, async () => {
      const secret = await write(written);
      await createPullSecret(world.api, namespace, 'login');
      const text = await message();
      assert.match(
        text,
        /offer it: kubectl label secret … app\.kubernetes\.io\/managed-by=kube-ecr-secrets-operator; /,
      );
      assert.match(text, /; kubectl annotate secret … aws\.zakariaamine\.com\/adopt=AWSECRImagePullSecret\/login$/);
      assert.equal((await world.api.must('GET', at)).metadata.resourceVersion, secret.metadata.resourceVersion);
      await world.api.merge(at, { metadata: { annotations: OFFER.metadata.annotations } });
      await world.api.merge(path, { metadata: { annotations: { 'aws.zakariaamine.com/reconcile-at': '1' } } });
      const { problems } = await world.status(path, ({ lastHandledReconcileAt }) => lastHandledReconcileAt === '1');
      assert.match(problems?.items[0]?.message ?? '', /is offered, but lacks the label/);
      await world.api.merge(at, { metadata: { labels: OFFER.metadata.labels } });
      await assertTaken(secret);
    });
  }

  test('External Secrets Operator is taken over when its ExternalSecret is deleted with --cascade=orphan', async () => {
    const secret = await write(secretOf('External Secrets Operator'), [await createOwner(true)]);
    await world.api.merge(at, OFFER);
    await createPullSecret(world.api, namespace, 'login');
    assert.match(await message(), /is offered, but has another controller as owner; it is left alone/);
    await deleteOwner('Orphan');
    const { metadata } = await assertTaken(secret);
    assert.deepEqual(
      metadata.ownerReferences.map(({ kind }: Answer) => kind),
      [NAMESPACED_KIND],
    );
  });

  test('imps stays when its ImagePullSecret is deleted after the secret was taken over', async () => {
    const secret = await write(secretOf('imps'), [await createOwner(false)]);
    await world.api.merge(at, OFFER);
    await createPullSecret(world.api, namespace, 'login');
    const taken = await assertTaken(secret);
    assert.equal(taken.metadata.ownerReferences.length, 2);
    await deleteOwner('Background');
    const { metadata } = await eventually(async () => {
      const { body } = await world.api.get(at);
      return body.metadata.ownerReferences.length === 1 ? body : undefined;
    }, 60_000);
    assert.deepEqual([metadata.uid, metadata.ownerReferences[0].kind], [secret.metadata.uid, NAMESPACED_KIND]);
  });

  test('registry-creds, which was not stopped, is lost to it, and can be offered again when it is', async () => {
    const written = secretOf('registry-creds');
    const secret = await write(written);
    await world.api.merge(at, OFFER);
    await createPullSecret(world.api, namespace, 'login');
    const taken = await assertTaken(secret);
    // As the tool updates it: with neither labels nor owner references.
    const data = { '.dockerconfigjson': base64(JSON.stringify({ auths: { [written.host]: written.entry } })) };
    await world.api.must('PUT', at, { metadata: { name: 'ecr-login' }, type: taken.type, data });
    assert.match(await message(), /already exists in namespace .* and is not ours/);
    await world.api.merge(at, OFFER);
    await assertTaken(secret);
  });
});

// Rules 1, 18
describe('a switch while the webhook looks at new objects', () => {
  const world = useWorld();
  test('is refused before the offer, and let in after it', async () => {
    const namespace = await world.api.createNamespace();
    const webhook = await startWebhook(world, namespace);
    const entry = { username: 'AWS', password: 'of-the-tool', auth: AUTH };
    await world.api.must('POST', SECRET_PATH(namespace), {
      metadata: { name: 'ecr-login' },
      type: DOCKER_CONFIG_TYPE,
      data: { '.dockerconfigjson': base64(JSON.stringify({ auths: { [`https://${HOST}`]: entry } })) },
    });
    await assert.rejects(createPullSecret(world.api, namespace, 'login'), /secret ecr-login already exists/);
    await world.api.merge(SECRET_PATH(namespace, 'ecr-login'), OFFER);
    await createPullSecret(world.api, namespace, 'login');
    const status = await world.ready(NAMESPACED_PATH(namespace, 'login'));
    assert.equal(conditionOf(status, 'Ready')?.reason, 'SecretsUpdated');
    await webhook.end();
  });
});
