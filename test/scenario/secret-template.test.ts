// Labels and annotations that an object wants on its pull Secrets, on a real API server.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { eventually } from '../../testing/api-server/test-api.ts';
import { NAMESPACED_PATH, type RunningOperator, SECRET_PATH, useWorld } from '../../testing/operator/world.ts';
import { createPullSecret, passwordOf } from './manifests.ts';

const secretTemplate = {
  labels: { team: 'shop', 'velero.io/exclude-from-backup': 'true' },
  annotations: { 'reflector.v1.k8s.emberstack.com/reflection-allowed': 'true' },
};

// Rules 2, 10
describe('a template of labels and annotations', () => {
  const world = useWorld();
  let operator: RunningOperator;
  before(async () => {
    operator = await world.startOperator();
  });

  interface Found {
    readonly uid: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  }
  const metadataOf = async (namespace: string): Promise<Found> =>
    (await world.api.must('GET', SECRET_PATH(namespace, 'ecr-login'))).metadata;
  const has = async (namespace: string, holds: (found: Found) => boolean): Promise<Found> =>
    await eventually(async () => {
      const found = await metadataOf(namespace);
      return holds(found) ? found : undefined;
    });

  test('is on the secrets beside what the operator and others put there, and goes with the field', async () => {
    const namespace = await world.api.createNamespace();
    const path = NAMESPACED_PATH(namespace, 'login');
    await createPullSecret(world.api, namespace, 'login', { secretTemplate });
    await world.ready(path);
    const first = await metadataOf(namespace);
    assert.equal(first.labels['team'], 'shop');
    assert.equal(first.labels['app.kubernetes.io/managed-by'], 'kube-ecr-secrets-operator');
    assert.equal(first.annotations['reflector.v1.k8s.emberstack.com/reflection-allowed'], 'true');

    await world.api.merge(SECRET_PATH(namespace, 'ecr-login'), { metadata: { labels: { theirs: 'kept' } } });
    await world.api.merge(path, {
      spec: { secretTemplate: { labels: { team: 'till', 'velero.io/exclude-from-backup': null } } },
    });
    const second = await has(namespace, ({ labels }) => labels['team'] === 'till');
    assert.equal('velero.io/exclude-from-backup' in second.labels, false);
    assert.equal(second.labels['theirs'], 'kept');

    await world.api.merge(path, { spec: { secretTemplate: null } });
    const third = await has(namespace, ({ labels }) => !('team' in labels));
    assert.deepEqual(Object.keys(third.annotations).sort(), ['aws.zakariaamine.com/inputs', 'expiry']);
    assert.equal(third.labels['theirs'], 'kept');
    assert.equal(third.uid, first.uid, 'in place');
  });

  test('is restored when another user changes it, and costs no login and no write when nothing changes', async () => {
    const namespace = await world.api.createNamespace();
    const path = NAMESPACED_PATH(namespace, 'login');
    await createPullSecret(world.api, namespace, 'login', { secretTemplate });
    await world.ready(path);
    const calls = world.aws.calls();
    await world.api.merge(SECRET_PATH(namespace, 'ecr-login'), { metadata: { labels: { team: null } } });
    await has(namespace, ({ labels }) => labels['team'] === 'shop');
    await operator.idle();
    const { body } = await world.api.get(SECRET_PATH(namespace, 'ecr-login'));
    await operator.stop();
    operator = await world.startOperator();
    await operator.idle();
    const after = (await world.api.get(SECRET_PATH(namespace, 'ecr-login'))).body;
    assert.equal(after.metadata.resourceVersion, body.metadata.resourceVersion);
    assert.equal(passwordOf(after), passwordOf(body));
    assert.equal(world.aws.calls(), calls);
  });

  test('that would set a key of the operator is refused by the API server, in words', async () => {
    const namespace = await world.api.createNamespace();
    for (const [field, key] of [
      ['labels', 'aws.zakariaamine.com/owner-uid'],
      ['annotations', 'expiry'],
    ] as const) {
      const { status, body } = await world.api.send('POST', NAMESPACED_PATH(namespace), {
        apiVersion: 'aws.zakariaamine.com/v1alpha2',
        kind: 'AWSECRImagePullSecret',
        metadata: { name: 'taken' },
        spec: {
          awsAccess: { region: 'eu-west-1', secretRef: { name: 'aws-keys' } },
          secretName: 'ecr-login',
          secretTemplate: { [field]: { [key]: 'mine' } },
        },
      });
      assert.equal(status, 422);
      assert.match(body.message, /the operator sets the keys of its own/);
    }
  });
});
