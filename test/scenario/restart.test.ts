// A restart with nothing changed costs nothing; one after a change costs only what the change needs.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import type { PullSecretStatus } from '../../src/api/schema.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createTravelClock } from '../../testing/clocks/travel-clock.ts';
import { untilNothingIsUnderWay } from '../../testing/operator/under-way.ts';
import {
  CLUSTER_PATH,
  conditionOf,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { createClusterPullSecret, createPullSecret, KEYS, passwordOf } from './manifests.ts';

describe('a restart', () => {
  const world = useWorld();
  const names: string[] = [];
  let operator: RunningOperator | undefined;
  let namespace = '';
  let cluster = '';

  before(() => {
    process.env['AWS_ENDPOINT_URL_ECR_PUBLIC'] = world.aws.url;
  });
  after(() => {
    delete process.env['AWS_ENDPOINT_URL_ECR_PUBLIC'];
  });
  beforeEach(async () => {
    namespace = await world.api.createNamespace();
    cluster = `cluster-${namespace}`;
    names.push(cluster);
    operator = await world.startOperator();
    await createPullSecret(world.api, namespace, 'login');
    await createClusterPullSecret(world.api, cluster, { namespaces: [namespace], secretName: 'other' });
    await world.ready(NAMESPACED_PATH(namespace, 'login'));
    await world.ready(CLUSTER_PATH(cluster));
    await operator.stop();
    world.aws.clearLog();
  });
  afterEach(async () => {
    await operator?.stop();
  });

  /** Waits until every object has been reconciled. */
  const settled = async ({ metric, idle }: RunningOperator): Promise<void> => {
    const objects = await metric('ecr_operator_objects');
    await eventually(async () => ((await metric('controller_runtime_reconcile_total')) >= objects ? true : undefined));
    await idle();
  };

  // Rules 6, 11
  test('with nothing changed makes no call of AWS and no write', async () => {
    operator = await world.startOperator();
    await settled(operator);
    assert.equal(await operator.mutations(), 0);
    assert.equal(world.aws.calls(), 0);
  });

  // Rules 6, 11
  test('with nothing changed costs nothing for several registries, for keys in a secret and for a selector either', async () => {
    const labels = { [`ecr/${namespace}`]: 'yes' };
    const selected = [await world.api.createNamespace(labels), await world.api.createNamespace(labels)];
    const stringData = { AWS_ACCESS_KEY_ID: KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey };
    await world.api.must('POST', SECRET_PATH(namespace), { metadata: { name: 'aws-keys' }, stringData });
    const wanted: Readonly<Record<string, object>> = {
      many: {
        registries: { regions: ['us-east-1', 'eu-central-1'], accounts: ['444455556666'], hosts: ['a.example.com'] },
      },
      public: { registries: { public: true } },
      referring: { awsAccess: { region: 'eu-west-1', secretRef: { name: 'aws-keys' } } },
    };
    operator = await world.startOperator();
    for (const [name, spec] of Object.entries(wanted))
      await createPullSecret(world.api, namespace, name, { secretName: name, ...spec });
    const selecting = { namespaceSelector: { matchLabels: labels }, secretName: 'selected' };
    await createClusterPullSecret(world.api, `s-${namespace}`, selecting);
    for (const name of Object.keys(wanted)) await world.ready(NAMESPACED_PATH(namespace, name));
    await world.status(CLUSTER_PATH(`s-${namespace}`), ({ secrets }) => secrets?.ready === selected.length);
    await operator.stop();
    world.aws.clearLog();
    operator = await world.startOperator();
    await settled(operator);
    assert.equal(await operator.mutations(), 0);
    assert.equal(world.aws.calls(), 0);
    // Logins found in the Secrets of others are theirs alone: for a new object the operator tries the key, once.
    await createPullSecret(world.api, namespace, 'new', { secretName: 'new' });
    await createPullSecret(world.api, namespace, 'newer', { secretName: 'newer' });
    for (const name of ['new', 'newer']) await world.ready(NAMESPACED_PATH(namespace, name));
    assert.equal(world.aws.calls(), 1);
    await world.api.must('DELETE', CLUSTER_PATH(`s-${namespace}`));
    for (const name of [...Object.keys(wanted), 'new', 'newer'])
      await world.api.must('DELETE', NAMESPACED_PATH(namespace, name));
  });

  // Rules 6, 11
  test('changes no status of objects that wait for their keys, and neither do looks in vain', async () => {
    const referring = (name: string): object => ({ awsAccess: { region: 'eu-west-1', [name]: { name: 'none' } } });
    const empty = { metadata: { name: 'empty' }, stringData: { AWS_ACCESS_KEY_ID: '' } };
    await world.api.must('POST', SECRET_PATH(namespace), empty);
    const wrongKey = { accessKeyId: KEYS.accessKeyId, secretAccessKey: 'x'.repeat(40) };
    const waiting: Readonly<Record<string, object>> = {
      'no-secret': referring('secretRef'),
      'no-account': referring('serviceAccountRef'),
      'no-key': { awsAccess: { region: 'eu-west-1', secretRef: { name: 'empty' } } },
      'wrong-key': { awsAccess: { region: 'eu-west-1', ...wrongKey } },
    };
    for (const [name, spec] of Object.entries(waiting))
      await createPullSecret(world.api, namespace, name, { secretName: name, ...spec });
    const paths = Object.keys(waiting).map((name) => NAMESPACED_PATH(namespace, name));
    const statuses = (): Promise<readonly PullSecretStatus[]> =>
      Promise.all(
        paths.map((path) => world.status(path, (status) => conditionOf(status, 'Ready')?.status === 'False')),
      );

    const clock = createTravelClock();
    operator = await world.startOperator({ clock });
    const before = await statuses();
    const versions = async (): Promise<readonly string[]> =>
      await Promise.all(paths.map(async (path) => (await world.api.must('GET', path)).metadata.resourceVersion));
    await untilNothingIsUnderWay(operator);
    const told = await versions();
    const look = async (at: RunningOperator): Promise<void> => {
      for (const pause of [5, 15, 45, 300]) {
        clock.travel(pause * 1_000);
        await untilNothingIsUnderWay(at);
      }
    };
    await look(operator);
    assert.deepEqual(await statuses(), before);
    assert.deepEqual(await versions(), told);
    await operator.stop();
    operator = await world.startOperator({ clock });
    await settled(operator);
    await untilNothingIsUnderWay(operator);
    await look(operator);
    assert.deepEqual(await statuses(), before);
    assert.deepEqual(await versions(), told);
    for (const path of paths) await world.api.must('DELETE', path);
  });

  // Rule 20
  test('after a build that knew identities by other digests costs one call for all, and rewrites the secrets in place', async () => {
    const places = [SECRET_PATH(namespace, 'ecr-login'), SECRET_PATH(namespace, 'other')];
    const uids = async (): Promise<readonly string[]> =>
      await Promise.all(places.map(async (path) => (await world.api.must('GET', path)).metadata.uid as string));
    const before = await uids();
    const former = 'sha256:0123456789abcdef0123456789abcdef';
    for (const path of places)
      await world.api.merge(path, { metadata: { annotations: { 'aws.zakariaamine.com/inputs': former } } });
    operator = await world.startOperator();
    for (const path of places)
      await eventually(async () => {
        const { metadata } = await world.api.must('GET', path);
        return metadata.annotations['aws.zakariaamine.com/inputs'] === former ? undefined : true;
      });
    assert.deepEqual(await uids(), before);
    assert.equal(world.aws.calls(), 1);
  });

  // Rule 10
  test('repairs what was deleted meanwhile with the login that another secret of the object still holds', async () => {
    const second = await world.api.createNamespace();
    operator = await world.startOperator();
    await world.api.merge(CLUSTER_PATH(cluster), { spec: { namespaces: [namespace, second] } });
    await world.status(CLUSTER_PATH(cluster), ({ secrets }) => secrets?.ready === 2);
    await operator.stop();
    await world.api.must('DELETE', SECRET_PATH(second, 'other'));
    operator = await world.startOperator();
    await eventually(async () =>
      (await world.api.get(SECRET_PATH(second, 'other'))).status === 200 ? true : undefined,
    );
    assert.equal(world.aws.calls(), 0);
  });

  // Rule 6
  test('does not believe a login that a user put into the secret meanwhile', async () => {
    const { body: before } = await world.api.get(SECRET_PATH(namespace, 'ecr-login'));
    const planted = JSON.stringify({
      auths: { '111122223333.dkr.ecr.eu-west-1.amazonaws.com': { username: 'AWS', password: 'planted', auth: 'x' } },
    });
    await world.api.merge(SECRET_PATH(namespace, 'ecr-login'), {
      metadata: { annotations: { expiry: '2099-01-01T00:00:00Z' } },
      data: { '.dockerconfigjson': Buffer.from(planted).toString('base64') },
    });
    operator = await world.startOperator();
    const after = await eventually(async () => {
      const { body } = await world.api.get(SECRET_PATH(namespace, 'ecr-login'));
      return passwordOf(body) === 'planted' ? undefined : body;
    });
    assert.notEqual(world.aws.isValidToken(passwordOf(after)), undefined);
    assert.equal(after.metadata.uid, before.metadata.uid);
    assert.equal(world.aws.calls(), 1);
  });

  // Rule 4
  test('takes away the secret of a namespace that was dropped meanwhile', async () => {
    const second = await world.api.createNamespace();
    await world.api.merge(CLUSTER_PATH(cluster), { spec: { namespaces: [second] } });
    operator = await world.startOperator();
    await world.status(CLUSTER_PATH(cluster), ({ observedGeneration }) => observedGeneration === 2);
    assert.equal((await world.api.get(SECRET_PATH(namespace, 'other'))).status, 404);
    assert.equal((await world.api.get(SECRET_PATH(second, 'other'))).status, 200);
    assert.equal(world.aws.calls(), 0);
  });

  // Rule 5
  test('renews at once what fell due meanwhile', async () => {
    const { body: before } = await world.api.get(SECRET_PATH(namespace, 'ecr-login'));
    const clock = createTravelClock();
    clock.travel(7 * 3_600_000);
    world.aws.setTokenLife(19 * 3_600_000);
    operator = await world.startOperator({ clock });
    await eventually(async () =>
      passwordOf((await world.api.get(SECRET_PATH(namespace, 'ecr-login'))).body) === passwordOf(before)
        ? undefined
        : true,
    );
    // Both kinds use the same key, and so one call; objects of the other tests here have other keys' logins of their
    // own.
    assert.equal(world.aws.calls(), 1);
  });
});
