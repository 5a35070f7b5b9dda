// An object that is being deleted: a finalizer may hold it for days, and pods pull by its Secrets as long.

import assert from 'node:assert/strict';
import { before, beforeEach, describe, test } from 'node:test';
import { HOUR } from '../../src/lib/time.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createTravelClock } from '../../testing/clocks/travel-clock.ts';
import { NAMESPACED_PATH, type RunningOperator, SECRET_PATH, useWorld } from '../../testing/operator/world.ts';
import { createPullSecret, passwordOf } from './manifests.ts';

const HOLD = 'example.com/hold';

describe('an object that is being deleted', () => {
  const world = useWorld();
  const clock = createTravelClock();
  let operator: RunningOperator;
  let namespace = '';
  let path = '';

  before(async () => {
    operator = await world.startOperator({ clock });
  });
  beforeEach(async () => {
    namespace = await world.api.createNamespace();
    path = NAMESPACED_PATH(namespace, 'login');
    await createPullSecret(world.api, namespace, 'login');
    await world.ready(path);
  });

  const hold = async (): Promise<void> => {
    await world.api.merge(path, { metadata: { finalizers: [HOLD] } });
    await world.api.must('DELETE', path);
  };
  const letGo = async (): Promise<void> => {
    await world.api.merge(path, { metadata: { finalizers: null } });
    await eventually(async () => ((await world.api.get(path)).status === 404 ? true : undefined));
  };

  // Rule 5
  test('and that a finalizer holds has its login renewed, and its secret restored, as long as it is there', async () => {
    await hold();
    const { body: before } = await world.api.get(SECRET_PATH(namespace, 'ecr-login'));
    clock.travel(6 * HOUR);
    const renewed = await eventually(async () => {
      const { body } = await world.api.get(SECRET_PATH(namespace, 'ecr-login'));
      return passwordOf(body) === passwordOf(before) ? undefined : body;
    });
    assert.equal(renewed.metadata.uid, before.metadata.uid);
    await world.api.must('DELETE', SECRET_PATH(namespace, 'ecr-login'));
    const restored = await eventually(async () => {
      const { status, body } = await world.api.get(SECRET_PATH(namespace, 'ecr-login'));
      return status === 200 ? body : undefined;
    });
    assert.equal(passwordOf(restored), passwordOf(renewed));
    await letGo();
    await eventually(async () =>
      (await world.api.get(SECRET_PATH(namespace, 'ecr-login'))).status === 404 ? true : undefined,
    );
  });

  // Rule 1
  test('and that a finalizer holds takes over no secret that is offered to it', async () => {
    const place = SECRET_PATH(namespace, 'foreign');
    await world.api.must('POST', SECRET_PATH(namespace), {
      metadata: { name: 'foreign', labels: { 'app.kubernetes.io/managed-by': 'kube-ecr-secrets-operator' } },
      type: 'kubernetes.io/dockerconfigjson',
      data: { '.dockerconfigjson': Buffer.from('{"auths":{}}').toString('base64') },
    });
    path = NAMESPACED_PATH(namespace, 'waits');
    await createPullSecret(world.api, namespace, 'waits', { secretName: 'foreign' });
    await world.status(path, (found) => found.problems?.items[0]?.reason === 'SecretConflict');
    await hold();
    const offer = { 'aws.zakariaamine.com/adopt': 'AWSECRImagePullSecret/waits' };
    await world.api.merge(place, { metadata: { annotations: offer } });
    // The operator has seen the offer: the same attempt fetches the login that is requested here.
    await world.api.merge(path, { metadata: { annotations: { 'aws.zakariaamine.com/reconcile-at': 'now' } } });
    const status = await world.status(path, ({ lastHandledReconcileAt }) => lastHandledReconcileAt === 'now');
    assert.equal(status.problems?.items[0]?.reason, 'SecretConflict');
    assert.equal((await world.api.get(place)).body.metadata.ownerReferences, undefined);
    await letGo();
  });

  for (const [policy, outcome] of [
    ['Orphan', 'stays as it is'],
    ['Foreground', 'goes'],
  ] as const)
    test(`with the policy ${policy} gets no further writes: its secret ${outcome}`, async () => {
      const { body: before } = await world.api.get(SECRET_PATH(namespace, 'ecr-login'));
      await operator.idle();
      const written = world.audit().length;
      await world.api.must('DELETE', path, { propagationPolicy: policy });
      await eventually(async () => ((await world.api.get(path)).status === 404 ? true : undefined));
      await operator.idle();
      const isLeft = policy === 'Orphan';
      // No owner reference blocks the deletion of the object: the garbage collector deletes the Secret after it.
      const { body } = await eventually(async () => {
        const reply = await world.api.get(SECRET_PATH(namespace, 'ecr-login'));
        return reply.status === (isLeft ? 200 : 404) ? reply : undefined;
      });
      if (isLeft) assert.deepEqual([body.metadata.uid, body.data], [before.metadata.uid, before.data]);
      const writes = world
        .audit()
        .slice(written)
        .filter((entry) => entry.namespace === namespace && entry.resource === 'secrets');
      assert.deepEqual(
        writes.filter(({ verb }) => verb !== 'get'),
        [],
      );
    });
});
