// The rules of the webhook, through real admission: what it refuses, in which words, and what it allows.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  ADOPT_ANNOTATION,
  API_VERSION,
  CLUSTER_KIND,
  DOCKER_CONFIG_TYPE,
  LEGACY_API_VERSION,
  LEGACY_KIND,
  MANAGED_BY_LABEL,
  NAMESPACED_KIND,
  OPERATOR_NAME,
} from '../../src/api/names.ts';
import { type ApiReply, eventually } from '../../testing/api-server/test-api.ts';
import { createTravelClock } from '../../testing/clocks/travel-clock.ts';
import {
  CLUSTER_PATH,
  conditionOf,
  LEGACY_PATH,
  NAMESPACED_PATH,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { ACCESS, createPullSecret } from './manifests.ts';
import { type RunningWebhook, startWebhook } from './webhook-rig.ts';

const WRONG = { ...ACCESS, secretAccessKey: 'NotTheRightSecretAccessKeyButOfItsShape0' };
const BY_NAME = { region: 'eu-west-1', secretRef: { name: 'no-such-secret' } };
const DENIED =
  /denied the request: aws credentials specified in \.spec\.awsAccess are invalid or missing permissions: AWS denied the login/;
const ROLE = 'arn:aws:iam::111122223333:role/puller';

// Rule 18
describe('the webhook', () => {
  const world = useWorld();
  const clock = createTravelClock();
  let webhook: RunningWebhook;
  let namespace = '';
  let count = 0;
  before(async () => {
    namespace = await world.api.createNamespace();
    webhook = await startWebhook(world, namespace, clock);
  });
  after(() => webhook.end());

  const fresh = (): string => {
    count += 1;
    return `object-${count}`;
  };
  const create = async (spec: object, name = fresh(), query = ''): Promise<ApiReply> =>
    await world.api.send('POST', `${NAMESPACED_PATH(namespace)}${query}`, {
      apiVersion: API_VERSION,
      kind: NAMESPACED_KIND,
      metadata: { name },
      spec: { awsAccess: BY_NAME, secretName: name, ...spec },
    });
  const createCluster = async (spec: object, name = fresh()): Promise<ApiReply> =>
    await world.api.send('POST', CLUSTER_PATH(), {
      apiVersion: API_VERSION,
      kind: CLUSTER_KIND,
      metadata: { name },
      spec: { awsAccess: BY_NAME, secretName: name, ...spec },
    });
  const update = async (path: string, body: object): Promise<ApiReply> =>
    await world.api.send('PATCH', path, body, 'application/merge-patch+json');
  const makeSecret = async (name: string, metadata: object = {}): Promise<void> => {
    const data = { '.dockerconfigjson': Buffer.from('{"auths":{}}').toString('base64') };
    await world.api.must('POST', SECRET_PATH(namespace), {
      metadata: { name, ...metadata },
      type: DOCKER_CONFIG_TYPE,
      data,
    });
  };
  const assertDenied = ({ status, body }: ApiReply, words: RegExp): void => {
    assert.equal(status, 403, JSON.stringify(body));
    assert.match(body.message, words);
  };
  /** Calls of AWS with this key while `act` runs: the operator tries the keys of other objects meanwhile. */
  const callsDuring = async (accessKeyId: string, act: () => Promise<unknown>): Promise<number> => {
    const calls = (): number => world.aws.calls((call) => call.accessKeyId === accessKeyId);
    const before = calls();
    await act();
    return calls() - before;
  };

  describe('about keys in the object', () => {
    test('lets a good pair in, with a warning that names secretRef', async () => {
      const { status, warnings } = await create({ awsAccess: ACCESS });
      assert.equal(status, 201);
      assert.equal(warnings.length, 1);
      assert.match(warnings[0] ?? '', /whoever may read this object.*spec\.awsAccess\.secretRef/);
    });

    test("refuses a pair that AWS denies, in the Go project's words", async () => {
      assertDenied(await create({ awsAccess: WRONG }), DENIED);
      assertDenied(await createCluster({ awsAccess: WRONG, namespaces: [namespace] }), DENIED);
    });

    test('refuses a change to a pair that AWS denies, and takes one to a good pair', async () => {
      const name = fresh();
      await create({}, name);
      const path = NAMESPACED_PATH(namespace, name);
      assertDenied(await update(path, { spec: { awsAccess: { ...WRONG, secretRef: null } } }), DENIED);
      assert.equal((await update(path, { spec: { awsAccess: { ...ACCESS, secretRef: null } } })).status, 200);
    });

    test('asks AWS nothing on a dry run', async () => {
      const accessKeyId = 'AKIADRYRUNDRYRUN0001';
      const calls = await callsDuring(accessKeyId, async () => {
        const { status } = await create({ awsAccess: { ...WRONG, accessKeyId } }, fresh(), '?dryRun=All');
        assert.equal(status, 201);
      });
      assert.equal(calls, 0);
    });

    test('asks AWS once for many objects with one pair', async () => {
      const accessKeyId = 'AKIAMANYMANYMANY0001';
      world.aws.addKey({ ...ACCESS, accessKeyId, accountId: '111122223333' });
      const before = world.aws.calls((call) => call.accessKeyId === accessKeyId);
      const replies = await Promise.all(
        Array.from({ length: 20 }, () => create({ awsAccess: { ...ACCESS, accessKeyId } }, fresh())),
      );
      assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([201]));
      for (const { body } of replies) await world.ready(NAMESPACED_PATH(namespace, body.metadata.name));
      // One of the webhook, and one of the operator when it reconciles the objects.
      assert.ok(world.aws.calls((call) => call.accessKeyId === accessKeyId) - before <= 2);
    });

    test('lets in every object that names its identity in another way, without a call of AWS', async () => {
      const role = { assumeRole: { roleArn: ROLE } };
      const before = world.aws.calls();
      for (const awsAccess of [
        BY_NAME,
        { ...BY_NAME, ...role },
        { region: 'eu-west-1', serviceAccountRef: { name: 'nobody', roleArn: ROLE } },
      ]) {
        const { status, warnings } = await create({ awsAccess });
        assert.equal(status, 201);
        assert.deepEqual(warnings, []);
      }
      assert.equal(world.aws.calls(), before);
    });
  });

  describe('while AWS', () => {
    const unheard = (accessKeyId: string): Promise<ApiReply> => create({ awsAccess: { ...WRONG, accessKeyId } });
    after(() => world.aws.faults.clear());

    test('does not answer lets keys in after three seconds, with a warning', async () => {
      world.aws.faults.failWhile(({ accessKeyId }) => accessKeyId === 'AKIASLOWSLOWSLOW0001', { op: 'hang' });
      const asked = unheard('AKIASLOWSLOWSLOW0001');
      await eventually(() =>
        world.aws.calls((call) => call.accessKeyId === 'AKIASLOWSLOWSLOW0001') > 0 ? true : undefined,
      );
      clock.travel(3_000);
      const { status, warnings } = await asked;
      assert.equal(status, 201);
      assert.match(
        warnings.join('\n'),
        /the keys could not be tried: cannot reach ECR in eu-west-1: no answer in time/,
      );
    });

    test('throttles, is down, or is a proxy with a page of its own lets keys in, with a warning', async () => {
      const cases = [
        ['AKIATHROTTLED0000001', { op: 'error', status: 400, code: 'ThrottlingException', message: 'Rate exceeded' }],
        ['AKIADOWNDOWNDOWN0001', { op: 'reset' }],
        ['AKIAPROXYPROXY000001', { op: 'garbage', status: 502, contentType: 'text/html', body: '<html>' }],
        ['AKIAPROXYPROXY000002', { op: 'garbage', status: 403, contentType: 'text/html', body: '<html>' }],
      ] as const;
      for (const [id, fault] of cases) {
        world.aws.faults.failWhile(({ accessKeyId }) => accessKeyId === id, fault);
        const { status, warnings } = await unheard(id);
        assert.equal(status, 201, id);
        assert.match(warnings.join('\n'), /the keys could not be tried: /, id);
      }
    });
  });

  describe('about namespaces', () => {
    test("refuses a new object that names a missing one, in the Go project's words", async () => {
      assertDenied(
        await createCluster({ namespaces: [namespace, 'no-such-place'] }),
        /denied the request: namespace no-such-place does not exist$/,
      );
      assertDenied(
        await createCluster({ namespaces: ['no-place-1', 'no-place-2', 'no-place-3'] }),
        /namespace no-place-1 does not exist, nor do no-place-2, no-place-3$/,
      );
    });

    test('does not mind an excluded one, nor one that was created a moment before', async () => {
      assert.equal(
        (await createCluster({ namespaces: ['no-such-place'], excludeNamespaces: ['no-such-place'] })).status,
        201,
      );
      const brandNew = await world.api.createNamespace();
      assert.equal((await createCluster({ namespaces: [brandNew] })).status, 201);
    });

    test('only warns of a missing one when an object is changed', async () => {
      const name = fresh();
      await createCluster({ namespaces: [namespace] }, name);
      const asked = update(CLUSTER_PATH(name), { spec: { namespaces: [namespace, 'no-such-place'] } });
      const { status, warnings } = await asked;
      assert.equal(status, 200);
      assert.deepEqual(warnings, ['namespace no-such-place does not exist']);
    });
  });

  describe('about the pull secret', () => {
    const words = (name: string): RegExp =>
      new RegExp(
        `denied the request: secret ${name} already exists in namespace ${namespace}, you can choose a different name$`,
      );

    test("refuses a new object whose secret has another owner, in the Go project's words", async () => {
      const name = fresh();
      await makeSecret(name);
      assertDenied(await create({ secretName: name }), words(name));
      assertDenied(await createCluster({ secretName: name, namespaces: [namespace] }), words(name));
    });

    test("refuses one whose secret is another object's, and lets it in when that one is gone", async () => {
      const name = fresh();
      await createPullSecret(world.api, namespace, name, { secretName: name });
      await world.ready(NAMESPACED_PATH(namespace, name));
      assertDenied(await create({ secretName: name }), words(name));
      await makeSecret(`${name}-left`, {
        ownerReferences: [reference('0f0f0f0f-0000-4000-8000-000000000000', 'gone')],
      });
      assert.equal((await create({ secretName: `${name}-left` })).status, 201);
    });

    test('lets an object in that is created again under its name, whatever it left behind', async () => {
      const name = fresh();
      await createPullSecret(world.api, namespace, name, { secretName: name });
      await world.ready(NAMESPACED_PATH(namespace, name));
      await world.api.must('DELETE', NAMESPACED_PATH(namespace, name));
      assert.equal((await create({ awsAccess: ACCESS, secretName: name }, name)).status, 201);
      // The garbage collector learns of new kinds every half minute.
      await world.ready(NAMESPACED_PATH(namespace, name), 60_000);
    });

    test('lets an object in to which the secret was offered', async () => {
      const name = fresh();
      await makeSecret(name, {
        labels: { [MANAGED_BY_LABEL]: OPERATOR_NAME },
        annotations: { [ADOPT_ANNOTATION]: `${NAMESPACED_KIND}/${name}` },
      });
      assert.equal((await create({ secretName: name }, name)).status, 201);
    });
  });

  describe('about a spec', () => {
    test('refuses what the operator would refuse, in the words of the status', async () => {
      assertDenied(
        await create({ awsAccess: { ...ACCESS, accessKeyId: 'AKIA WITH SPACES' } }),
        /denied the request: spec\.awsAccess\.accessKeyId holds white space or characters that no key has$/,
      );
    });

    test('lets changes of the metadata and of the status through, whatever the spec, without any look-up', async () => {
      const name = fresh();
      await create({ awsAccess: ACCESS }, name);
      const path = NAMESPACED_PATH(namespace, name);
      await world.ready(path);
      world.aws.faults.failWhile(() => true, {
        op: 'error',
        status: 400,
        code: 'AccessDeniedException',
        message: 'no',
      });
      const calls = await callsDuring(ACCESS.accessKeyId, async () => {
        const { status, warnings } = await update(path, {
          metadata: { labels: { a: 'b' }, finalizers: ['example.com/a'] },
        });
        assert.deepEqual([status, warnings], [200, []]);
        assert.equal((await update(path, { metadata: { finalizers: null } })).status, 200);
        assert.equal((await update(`${path}/status`, { status: { expiresAt: null } })).status, 200);
      });
      world.aws.faults.clear();
      assert.equal(calls, 0);
      assert.equal((await world.api.send('DELETE', path)).status, 200);
    });
  });

  test('lets the conversion of a deprecated object through, though its secrets are there and a namespace is not', async () => {
    const name = fresh();
    const { accessKeyId, secretAccessKey, region } = ACCESS;
    const legacy = await world.api.must('POST', LEGACY_PATH(), {
      apiVersion: LEGACY_API_VERSION,
      kind: LEGACY_KIND,
      metadata: { name },
      spec: {
        awsAccess: { accessKeyId, secretAccessKey, region },
        secretName: name,
        namespaces: [namespace, 'no-such-place'],
      },
    });
    const status = await world.status(CLUSTER_PATH(name), (found) => found.secrets?.ready === 1, 20_000);
    assert.equal(conditionOf(status, 'Ready')?.reason, 'PartiallyReady');
    assert.ok(legacy.metadata.uid);
  });

  test('counts its answers, and shows no key', async () => {
    const { metric } = webhook.operator;
    for (const outcome of ['allowed', 'warned', 'denied'])
      assert.ok((await metric('ecr_operator_webhook_reviews_total', { outcome })) > 0, outcome);
    assert.ok((await metric('ecr_operator_webhook_certificate_expiry_timestamp_seconds')) > Date.now() / 1_000);
    assert.doesNotMatch(webhook.operator.output(), /NotTheRightSecret|AKIASLOW/);
  });
});

function reference(uid: string, name: string): object {
  return { apiVersion: API_VERSION, kind: NAMESPACED_KIND, name, uid, controller: true };
}

// Rule 18
describe('a webhook with the policy to warn of missing namespaces', () => {
  const world = useWorld();
  test('lets a new object in that names one', async () => {
    const namespace = await world.api.createNamespace();
    const webhook = await startWebhook(world, namespace, undefined, { missingNamespaces: 'warn' });
    const { status, warnings } = await world.api.send('POST', CLUSTER_PATH(), {
      apiVersion: API_VERSION,
      kind: CLUSTER_KIND,
      metadata: { name: 'warned' },
      spec: { awsAccess: BY_NAME, secretName: 'warned', namespaces: ['no-such-place'] },
    });
    assert.deepEqual([status, warnings], [201, ['namespace no-such-place does not exist']]);
    await webhook.end();
  });
});
