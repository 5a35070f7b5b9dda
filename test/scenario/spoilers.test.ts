// What a user who controls one selected namespace, or a slow region, can do to the others: nothing.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, before, beforeEach, describe, test } from 'node:test';
import { RECONCILE_AT_ANNOTATION } from '../../src/api/names.ts';
import type { PullSecretStatus } from '../../src/api/schema.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import {
  CLUSTER_PATH,
  conditionOf,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { createClusterPullSecret, createPullSecret, passwordOf } from './manifests.ts';

// Rule 9
describe('in a namespace that came by selector', () => {
  const world = useWorld();
  let operator: RunningOperator;
  let name = '';
  let labels: Record<string, string> = {};
  let served = '';
  let spoiled = '';

  before(async () => {
    operator = await world.startOperator();
  });
  beforeEach(async () => {
    name = `spoiled-${randomBytes(4).toString('hex')}`;
    labels = { [`ecr/${name}`]: 'yes' };
    served = await world.api.createNamespace(labels);
    spoiled = await world.api.createNamespace(labels);
  });
  afterEach(async () => {
    await world.api.merge(SECRET_PATH(spoiled, name), { metadata: { finalizers: null } }).catch(() => {});
    await world.api.must('DELETE', CLUSTER_PATH(name));
  });

  const create = (): Promise<unknown> =>
    createClusterPullSecret(world.api, name, { secretName: name, namespaceSelector: { matchLabels: labels } });
  const holdDeletion = async (): Promise<void> => {
    await world.api.merge(SECRET_PATH(spoiled, name), { metadata: { finalizers: ['example.com/held'] } });
    await world.api.must('DELETE', SECRET_PATH(spoiled, name));
  };
  const letGo = (): Promise<unknown> => world.api.merge(SECRET_PATH(spoiled, name), { metadata: { finalizers: null } });
  const serves = (count: number): Promise<PullSecretStatus> =>
    world.status(CLUSTER_PATH(name), ({ secrets }) => secrets?.ready === count && secrets.desired === 2);
  /** An attempt that a user requested ends with this outcome. */
  const handles = async (mark: string): Promise<PullSecretStatus> => {
    await world.api.merge(CLUSTER_PATH(name), { metadata: { annotations: { [RECONCILE_AT_ANNOTATION]: mark } } });
    return await world.status(CLUSTER_PATH(name), ({ lastHandledReconcileAt }) => lastHandledReconcileAt === mark);
  };
  const password = async (namespace: string): Promise<string> =>
    passwordOf((await world.api.get(SECRET_PATH(namespace, name))).body);

  test('a secret whose deletion a finalizer holds is renewed as any other, and made anew when it is gone', async () => {
    await create();
    await serves(2);
    const { body } = await world.api.get(SECRET_PATH(spoiled, name));
    await holdDeletion();
    const status = await handles('1');
    assert.equal(conditionOf(status, 'Ready')?.status, 'True');
    // The one that is not the first to be renewed waits for its slot.
    await eventually(async () => ((await password(spoiled)) === (await password(served)) ? true : undefined));
    assert.notEqual(await password(spoiled), passwordOf(body));
    await letGo();
    await eventually(async () => {
      const { status: code, body: now } = await world.api.get(SECRET_PATH(spoiled, name));
      return code === 200 && now.metadata.uid !== body.metadata.uid ? true : undefined;
    });
  });

  test('a foreign secret whose deletion a finalizer holds is reported as a problem of that namespace, and waited for', async () => {
    const opaque = { apiVersion: 'v1', kind: 'Secret', metadata: { name }, type: 'Opaque' };
    await world.api.must('POST', SECRET_PATH(spoiled), opaque);
    await holdDeletion();
    await create();
    const status = await serves(1);
    assert.equal(conditionOf(status, 'Ready')?.status, 'True');
    assert.deepEqual(
      status.problems?.items.map(({ namespace, reason }) => [namespace, reason]),
      [[spoiled, 'SecretTerminating']],
    );
    assert.equal(conditionOf(await handles('1'), 'Ready')?.status, 'True');
    await letGo();
    await serves(2);
  });

  test('a foreign secret leaves the object Ready, and is reported in the status, in an event and in the metrics', async () => {
    const opaque = { apiVersion: 'v1', kind: 'Secret', metadata: { name }, type: 'Opaque' };
    await world.api.must('POST', SECRET_PATH(spoiled), opaque);
    await create();
    const status = await serves(1);
    assert.equal(conditionOf(status, 'Ready')?.status, 'True');
    assert.equal(status.problems?.items[0]?.reason, 'SecretConflict');
    // It reads its own status a moment later than the test does.
    await eventually(async () =>
      (await operator.metric('ecr_operator_secrets', { state: 'failing' })) === 1 ? true : undefined,
    );
    await eventually(async () => {
      const { items } = await world.api.must('GET', '/apis/events.k8s.io/v1/namespaces/default/events');
      const told = items.filter(
        (event: { regarding: { name: string }; reason: string; note: string }) =>
          event.regarding.name === name && event.reason === 'SecretConflict' && event.note.includes(spoiled),
      );
      return told.length === 1 ? true : undefined;
    });
  });

  test('a quota that is used up leaves the object Ready, and is reported in the words of the API server', async () => {
    const quotas = `/api/v1/namespaces/${spoiled}/resourcequotas`;
    const hard = { 'count/secrets': '0' };
    await world.api.must('POST', quotas, { metadata: { name: 'none' }, spec: { hard } });
    // The work of the controller for quotas, which does not run here.
    await world.api.merge(`${quotas}/none/status`, { status: { hard, used: hard } });
    await eventually(async () => {
      const probe = { metadata: { name: 'probe' } };
      const { body } = await world.api.send('POST', `${SECRET_PATH(spoiled)}?dryRun=All`, probe);
      return /exceeded quota/.test(body.message) ? true : undefined;
    });
    await create();
    const status = await serves(1);
    assert.equal(conditionOf(status, 'Ready')?.status, 'True');
    const [problem] = status.problems?.items ?? [];
    assert.equal(problem?.reason, 'CreateSecretError');
    assert.match(problem?.message ?? '', /exceeded quota/);
    await world.api.must('DELETE', `${quotas}/none`);
    await serves(2);
  });
});

// Rules 9, 12
describe('a hundred keys in a region that does not answer', () => {
  const world = useWorld();

  test('hold up neither the repair of a secret nor a new object whose login is there', async () => {
    const operator = await world.startOperator();
    const [good, hanging] = [await world.api.createNamespace(), await world.api.createNamespace()];
    await createPullSecret(world.api, good, 'login');
    await world.ready(NAMESPACED_PATH(good, 'login'));
    world.aws.faults.failWhile(({ accessKeyId }) => accessKeyId?.startsWith('AKIAHANGING') ?? false, { op: 'hang' });
    for (let turn = 0; turn < 100; turn += 1) {
      const accessKeyId = `AKIAHANGING${String(turn).padStart(9, '0')}`;
      const awsAccess = { region: 'eu-west-1', accessKeyId, secretAccessKey: 'x'.repeat(40) };
      await createPullSecret(world.api, hanging, `login-${turn}`, { awsAccess, secretName: `secret-${turn}` });
    }
    await eventually(async () => ((await operator.metric('ecr_operator_logins_under_way')) >= 100 ? true : undefined));
    const { body: before } = await world.api.get(SECRET_PATH(good, 'ecr-login'));
    await world.api.must('DELETE', SECRET_PATH(good, 'ecr-login'));
    await eventually(async () => {
      const { status, body } = await world.api.get(SECRET_PATH(good, 'ecr-login'));
      return status === 200 && body.metadata.uid !== before.metadata.uid ? true : undefined;
    });
    await createPullSecret(world.api, good, 'another', { secretName: 'another' });
    await world.ready(NAMESPACED_PATH(good, 'another'));
    world.aws.faults.clear();
  });
});
