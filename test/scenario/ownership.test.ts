// A Secret is the operator's only if its owner reference and its type say so; any other stays as it is, to the byte.

import assert from 'node:assert/strict';
import { before, beforeEach, describe, type TestContext, test } from 'node:test';
import { API_VERSION } from '../../src/api/names.ts';
import { recordOf } from '../../src/lib/json.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { conditionOf, GOOD_KEY, NAMESPACED_PATH, SECRET_PATH, useWorld } from '../../testing/operator/world.ts';
import { createPullSecret } from './manifests.ts';

const DOCKER_CONFIG = Buffer.from('{"auths":{"registry.example.com":{"auth":"eDp5"}}}').toString('base64');

// Rule 1
describe('ownership of secrets', () => {
  const world = useWorld();
  let namespace = '';
  let path = '';

  before(async () => {
    await world.startOperator();
  });
  beforeEach(async () => {
    namespace = await world.api.createNamespace();
    path = NAMESPACED_PATH(namespace, 'login');
  });

  const createSecret = async (secret: object, metadata: object = {}): Promise<Record<string, unknown>> =>
    await world.api.must('POST', SECRET_PATH(namespace), {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'ecr-login', ...metadata },
      ...secret,
    });

  const FOREIGN: Readonly<Record<string, { readonly secret: object; readonly metadata?: object }>> = {
    'an opaque secret': { secret: { type: 'Opaque', data: { key: 'dmFsdWU=' } } },
    'a pull secret of another owner': {
      secret: { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': DOCKER_CONFIG } },
    },
    'a pull secret with our labels and no owner': {
      secret: { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': DOCKER_CONFIG } },
      metadata: { labels: { 'app.kubernetes.io/managed-by': 'kube-ecr-secrets-operator' } },
    },
    'an immutable secret': { secret: { type: 'Opaque', immutable: true, data: { key: 'dmFsdWU=' } } },
    'a secret with a key named __proto__': {
      secret: { type: 'Opaque', data: { __proto__x: 'dmFsdWU=', ['__proto__']: 'dmFsdWU=' } },
    },
  };

  for (const [what, { secret, metadata }] of Object.entries(FOREIGN)) {
    test(`${what} in the place of the wanted one is reported and left alone`, async () => {
      const before = await createSecret(secret, metadata);
      await createPullSecret(world.api, namespace, 'login');
      const status = await world.status(path, (found) => conditionOf(found, 'Ready')?.reason === 'PartiallyReady');
      assert.equal(status.problems?.items[0]?.reason, 'SecretConflict');
      assert.match(
        status.problems?.items[0]?.message ?? '',
        /already exists in namespace .*(: delete it, or offer it: kubectl|; it is left alone: delete it)/,
      );
      const { body: after } = await world.api.get(SECRET_PATH(namespace, 'ecr-login'));
      assert.deepEqual(after, before);
    });
  }

  // Rule 2
  test('a secret as the Go project made it is taken over in place', async () => {
    // Created before the operator can act: it refuses the object at first, as its keys are missing.
    const spec = { awsAccess: { region: 'eu-west-1', secretRef: { name: 'aws-keys' } } };
    const { metadata } = await createPullSecret(world.api, namespace, 'login', spec);
    await world.status(path, (found) => conditionOf(found, 'Stalled') !== undefined);
    // The Go project's shape: no labels, an owner reference without `controller`, the annotation `expiry`.
    const made = await createSecret(
      { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': DOCKER_CONFIG } },
      {
        annotations: { expiry: '2023-10-05T08:45:52Z' },
        ownerReferences: [{ apiVersion: API_VERSION, kind: 'AWSECRImagePullSecret', name: 'login', uid: metadata.uid }],
      },
    );
    await world.api.must('POST', SECRET_PATH(namespace), {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'aws-keys', labels: { 'aws.zakariaamine.com/credentials': 'true' } },
      stringData: { AWS_ACCESS_KEY_ID: GOOD_KEY.accessKeyId, AWS_SECRET_ACCESS_KEY: GOOD_KEY.secretAccessKey },
    });
    await world.ready(path);
    const { body: after } = await world.api.get(SECRET_PATH(namespace, 'ecr-login'));
    assert.equal(after.metadata.uid, recordOf(made['metadata'])['uid']);
    assert.notEqual(after.data['.dockerconfigjson'], DOCKER_CONFIG);
    assert.equal(after.metadata.labels['app.kubernetes.io/managed-by'], 'kube-ecr-secrets-operator');
  });

  /**
   * Watches a Secret until the returned function is called, which returns the uids seen and whether it was ever
   * missing.
   */
  const follow = (
    path: string,
    t: TestContext,
  ): (() => Promise<{ readonly uids: ReadonlySet<string>; readonly missing: number }>) => {
    const uids = new Set<string>();
    const end = new AbortController();
    t.after(() => end.abort());
    const looking = (async () => {
      let missing = 0;
      while (!end.signal.aborted) {
        const { status, body } = await world.api.get(path);
        if (status === 200) uids.add(body.metadata.uid);
        else missing += 1;
      }
      return missing;
    })();
    return async () => {
      end.abort();
      return { uids, missing: await looking };
    };
  };
  const ADOPT = 'aws.zakariaamine.com/adopt';
  const HOST = `${GOOD_KEY.accountId}.dkr.ecr.eu-west-1.amazonaws.com`;
  const withHost = (host: string): string => Buffer.from(`{"auths":{"${host}":{"auth":"eDp5"}}}`).toString('base64');

  test('a secret of another owner is adopted in place when it is offered and opens no other host', async () => {
    const before = await createSecret(
      { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': withHost(HOST) } },
      { ownerReferences: [{ apiVersion: 'example.com/v1', kind: 'Thing', name: 'thing', uid: 'b0b0' }] },
    );
    await createPullSecret(world.api, namespace, 'login');
    await world.status(path, (found) => conditionOf(found, 'Ready')?.reason === 'PartiallyReady');
    await world.api.merge(SECRET_PATH(namespace, 'ecr-login'), {
      metadata: {
        labels: { 'app.kubernetes.io/managed-by': 'kube-ecr-secrets-operator' },
        annotations: { [ADOPT]: 'AWSECRImagePullSecret/login' },
      },
    });
    await world.ready(path);
    const { body: after } = await world.api.get(SECRET_PATH(namespace, 'ecr-login'));
    assert.equal(after.metadata.uid, recordOf(before['metadata'])['uid']);
    assert.equal(after.metadata.annotations[ADOPT], undefined);
    assert.deepEqual(
      after.metadata.ownerReferences.map(({ kind, controller }: Record<string, unknown>) => [kind, controller]),
      [
        ['Thing', undefined],
        ['AWSECRImagePullSecret', true],
      ],
    );
  });

  test('a secret that is offered but opens another host is left alone', async () => {
    await createSecret(
      { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': withHost('registry.example.com') } },
      {
        labels: { 'app.kubernetes.io/managed-by': 'kube-ecr-secrets-operator' },
        annotations: { [ADOPT]: 'AWSECRImagePullSecret/login' },
      },
    );
    await createPullSecret(world.api, namespace, 'login');
    const status = await world.status(path, (found) => conditionOf(found, 'Ready')?.reason === 'PartiallyReady');
    assert.equal(status.problems?.items[0]?.reason, 'SecretConflict');
    const { body } = await world.api.get(SECRET_PATH(namespace, 'ecr-login'));
    assert.equal(body.data['.dockerconfigjson'], withHost('registry.example.com'));
    assert.match(status.problems?.items[0]?.message ?? '', /is offered, but opens hosts that this object would not/);
    await world.api.merge(SECRET_PATH(namespace, 'ecr-login'), { data: { '.dockerconfigjson': withHost(HOST) } });
    await world.ready(path);
  });

  test('a secret whose hosts have a scheme and a path, as other tools write them, is adopted when it is offered', async () => {
    await createSecret(
      { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': withHost(`https://${HOST}/v1/`) } },
      {
        labels: { 'app.kubernetes.io/managed-by': 'kube-ecr-secrets-operator' },
        annotations: { [ADOPT]: 'AWSECRImagePullSecret/login' },
      },
    );
    await createPullSecret(world.api, namespace, 'login');
    await world.ready(path);
  });

  test('a secret of one account is adopted by an object that opens all accounts of the region, and not the other way', async () => {
    const offered = {
      labels: { 'app.kubernetes.io/managed-by': 'kube-ecr-secrets-operator' },
      annotations: { [ADOPT]: 'AWSECRImagePullSecret/login' },
    };
    const type = 'kubernetes.io/dockerconfigjson';
    const data = { '.dockerconfigjson': withHost('*.dkr.ecr.eu-west-1.amazonaws.com') };
    await createSecret({ type, data }, offered);
    await createPullSecret(world.api, namespace, 'login');
    const status = await world.status(path, (found) => conditionOf(found, 'Ready')?.reason === 'PartiallyReady');
    assert.match(status.problems?.items[0]?.message ?? '', /opens hosts that this object would not/);
    await world.api.merge(path, { spec: { registries: { accounts: ['*'] } } });
    await world.ready(path);
  });

  // Rule 3
  test('a secret is handed over from one object to another without ever being missing', async (t) => {
    await createPullSecret(world.api, namespace, 'login');
    await world.ready(path);
    await createPullSecret(world.api, namespace, 'second');
    const second = NAMESPACED_PATH(namespace, 'second');
    await world.status(second, (found) => conditionOf(found, 'Ready')?.reason === 'PartiallyReady');
    const stop = follow(SECRET_PATH(namespace, 'ecr-login'), t);
    await world.api.merge(SECRET_PATH(namespace, 'ecr-login'), {
      metadata: { annotations: { [ADOPT]: 'AWSECRImagePullSecret/second' } },
    });
    await world.ready(second);
    await world.status(path, (found) => conditionOf(found, 'Ready')?.reason === 'PartiallyReady');
    await world.api.must('DELETE', path);
    const { uids, missing } = await stop();
    assert.deepEqual([uids.size, missing], [1, 0]);
    const [owner] = (await world.api.get(SECRET_PATH(namespace, 'ecr-login'))).body.metadata.ownerReferences;
    assert.equal(owner.name, 'second');
  });

  // Rule 3
  test('a secret that an older object waits for is not taken from it', async () => {
    const waiting = { awsAccess: { region: 'eu-west-1', secretRef: { name: 'none' } } };
    await createPullSecret(world.api, namespace, 'login', waiting);
    await world.status(path, (found) => conditionOf(found, 'Stalled') !== undefined);
    // Ages are counted in whole seconds: the younger one must be of a later one.
    const { metadata } = await world.api.must('GET', path);
    await eventually(() => (Date.now() - Date.parse(metadata.creationTimestamp) > 1_000 ? true : undefined));
    await createPullSecret(world.api, namespace, 'second');
    const second = NAMESPACED_PATH(namespace, 'second');
    const status = await world.status(second, (found) => conditionOf(found, 'Ready')?.reason === 'PartiallyReady');
    assert.match(
      status.problems?.items[0]?.message ?? '',
      /^the older AWSECRImagePullSecret \S+ wants the same secret/,
    );
    await world.api.must('DELETE', path);
    await world.ready(second);
  });

  // Rule 3
  test('of two objects that want one secret the first keeps it, and the other has it when the first is gone', async () => {
    await createPullSecret(world.api, namespace, 'login');
    await world.ready(path);
    await createPullSecret(world.api, namespace, 'second');
    const second = NAMESPACED_PATH(namespace, 'second');
    const status = await world.status(second, (found) => conditionOf(found, 'Ready')?.reason === 'PartiallyReady');
    assert.equal(status.problems?.items[0]?.reason, 'SecretConflict');
    await world.ready(path);
    await world.api.must('DELETE', path);
    // The garbage collector learns of new kinds every half minute.
    await world.ready(second, 60_000);
    const [owner] = (await world.api.get(SECRET_PATH(namespace, 'ecr-login'))).body.metadata.ownerReferences;
    assert.equal(owner.name, 'second');
  });
});
