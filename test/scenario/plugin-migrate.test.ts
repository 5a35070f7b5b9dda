// `kubectl ecr-secrets migrate` on the real API server: keys leave the objects, and no pull Secret is ever missing.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { RECONCILE_AT_ANNOTATION } from '../../src/api/names.ts';
import { startFaultProxy } from '../../testing/network/fault-proxy.ts';
import {
  CLUSTER_PATH,
  GOOD_KEY,
  LEGACY_PATH,
  NAMESPACED_PATH,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { createClusterPullSecret, createPullSecret } from './manifests.ts';
import { type Ran, runPlugin } from './plugin-rig.ts';

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

describe('migrate', () => {
  const world = useWorld();
  let namespace = '';
  let keys = '';
  const migrate = (args: readonly string[]): Promise<Ran> =>
    runPlugin(world, ['migrate', ...args, '--operator-namespace', keys]);

  before(async () => {
    await world.startOperator();
    namespace = await world.api.createNamespace();
    keys = 'kube-system';
  });

  test('shows what it would do, and changes nothing without --apply', async () => {
    await createPullSecret(world.api, namespace, 'login');
    await world.ready(NAMESPACED_PATH(namespace, 'login'));
    const { code, out } = await migrate(['-n', namespace]);
    assert.equal(code, 0);
    assert.match(
      out,
      new RegExp(
        `^aeps/login -n ${namespace} +to move +the keys go into Secret login-aws-keys in namespace ${namespace}$`,
        'm',
      ),
    );
    assert.match(out, /^nothing was changed; --apply does it$/m);
    assert.equal((await world.api.get(SECRET_PATH(namespace, 'login-aws-keys'))).status, 404);
  });

  test('moves the keys of an object, and its pull Secret is the same and valid throughout', async () => {
    const path = NAMESPACED_PATH(namespace, 'login');
    await world.api.merge(path, {
      metadata: { annotations: { [LAST_APPLIED]: '{"spec":{"awsAccess":{"secretAccessKey":"x"}}}' } },
    });
    const before = await world.api.must('GET', SECRET_PATH(namespace, 'ecr-login'));
    const { code, out } = await migrate(['login', '-n', namespace, '--apply']);
    assert.equal(code, 0, out);
    assert.match(out, /moved +the keys are in Secret login-aws-keys/);
    const { spec, metadata } = await world.api.must('GET', path);
    assert.deepEqual(spec.awsAccess, { region: 'eu-west-1', secretRef: { name: 'login-aws-keys' } });
    assert.equal(metadata.annotations?.[LAST_APPLIED], undefined);
    await world.status(
      path,
      ({ observedGeneration, conditions }) =>
        observedGeneration === metadata.generation && conditions?.[0]?.status === 'True',
    );
    const after = await world.api.must('GET', SECRET_PATH(namespace, 'ecr-login'));
    assert.equal(after.metadata.uid, before.metadata.uid);
    // And a new login comes with the keys where they are now.
    await world.api.merge(path, { metadata: { annotations: { [RECONCILE_AT_ANNOTATION]: 'now' } } });
    await world.status(path, ({ lastHandledReconcileAt }) => lastHandledReconcileAt === 'now');
    assert.deepEqual((await migrate(['login', '-n', namespace])).code, 0);
  });

  test('moves the keys of a cluster object into the namespace of the operator', async () => {
    const target = await world.api.createNamespace();
    await createClusterPullSecret(world.api, 'moving', { namespaces: [target] });
    await world.ready(CLUSTER_PATH('moving'));
    const { code, out } = await migrate(['caeps/moving', '--apply']);
    assert.equal(code, 0, out);
    const secret = await world.api.must('GET', SECRET_PATH(keys, 'moving-aws-keys'));
    assert.equal(Buffer.from(secret.data.AWS_ACCESS_KEY_ID, 'base64').toString(), GOOD_KEY.accessKeyId);
    await world.ready(CLUSTER_PATH('moving'));
    await world.api.must('DELETE', CLUSTER_PATH('moving'));
    await world.api.must('DELETE', SECRET_PATH(keys, 'moving-aws-keys'));
  });

  for (const [fate, outcome] of [
    ['lose', 'moved'],
    ['fail', 'left'],
  ] as const)
    test(`keeps the keys when the answer to the change of the object does not come (${fate})`, async () => {
      const other = await world.api.createNamespace();
      await createPullSecret(world.api, other, 'lost');
      // A status that is written meanwhile would make the plugin's version an old one.
      await world.ready(NAMESPACED_PATH(other, 'lost'));
      const proxy = await startFaultProxy(world.plane, world.plane.adminToken);
      proxy.decide(({ method, path }) => (method === 'PATCH' && path.endsWith('/lost') ? fate : 'pass'));
      const args = ['migrate', 'lost', '-n', other, '--apply'];
      const { out } = await runPlugin(world, args, undefined, { access: proxy.access });
      await proxy.stop();
      assert.match(out, new RegExp(`^aeps/lost -n ${other} +${outcome} `, 'm'));
      const { spec } = await world.api.must('GET', NAMESPACED_PATH(other, 'lost'));
      const secret = await world.api.get(SECRET_PATH(other, 'lost-aws-keys'));
      assert.equal(secret.status, 200, 'it may be the only copy of the keys');
      assert.equal(spec.awsAccess.accessKeyId === undefined, outcome === 'moved');
      const again = await migrate(['lost', '-n', other, '--apply']);
      assert.equal(again.code, 0, again.out);
    });

  test('leaves a cluster object when nobody says where the operator runs', async () => {
    await createClusterPullSecret(world.api, 'staying', { namespaces: [namespace], secretName: 'staying' });
    const { code, out, err } = await runPlugin(world, ['migrate', 'caeps/staying', '--apply'], undefined, {
      isTerminal: true,
    });
    assert.equal(err, '\r\u001b[K1 of 1: caeps/staying\r\u001b[K');
    assert.equal(code, 1);
    assert.match(out, /left +its Secret has to be where the operator runs, .* --operator-namespace$/m);
    await world.api.must('DELETE', CLUSTER_PATH('staying'));
  });

  test('leaves an object whose Secret would be of somebody else, and one whose keys cannot be read', async () => {
    const other = await world.api.createNamespace();
    await world.api.must('POST', SECRET_PATH(other), {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'taken-aws-keys' },
      stringData: { AWS_ACCESS_KEY_ID: 'other' },
    });
    await createPullSecret(world.api, other, 'taken');
    await createPullSecret(world.api, other, 'strange', {
      secretName: 'strange',
      awsAccess: { region: 'eu-west-1', accessKeyId: 'a b', secretAccessKey: 'c d' },
    });
    const { code, out } = await migrate(['-n', other, '--apply']);
    assert.equal(code, 1);
    assert.match(
      out,
      /^aeps\/taken .* left +Secret taken-aws-keys in namespace \S+: it is there, and holds something else$/m,
    );
    assert.match(out, /^aeps\/strange .* left +spec\.awsAccess/m);
    const { spec } = await world.api.must('GET', NAMESPACED_PATH(other, 'taken'));
    assert.equal(spec.awsAccess.secretRef, undefined);
  });

  test('says of the older kind that the operator converts it', async () => {
    await world.api.must('POST', LEGACY_PATH(), {
      apiVersion: 'aws.zakariaamine.com/v1alpha1',
      kind: 'AWSECRCredential',
      metadata: { name: 'older', finalizers: ['example.com/hold'] },
      spec: { secretName: 'older' },
    });
    const { out } = await migrate(['-n', namespace]);
    await world.api.merge(LEGACY_PATH('older'), { metadata: { finalizers: null } });
    await world.api.send('DELETE', LEGACY_PATH('older'));
    assert.match(out, /^AWSECRCredential\/older +left +the operator converts it/m);
  });
});
