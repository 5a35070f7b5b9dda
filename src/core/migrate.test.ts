// Covers how keys in a spec become a Secret, and what the object is changed to.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { base64, KEY_ID, pullSecret, SECRET_KEY, spec } from '../../testing/rigs/builders.ts';
import { CLUSTER_KIND, NAMESPACED_KIND } from '../api/names.ts';
import { holdsKeys, keysPatch, keysSecret, type Migration, planMigration } from './migrate.ts';

const plan = (kind: typeof CLUSTER_KIND | typeof NAMESPACED_KIND, wanted = spec()): Migration => {
  const planned = planMigration(pullSecret(kind, wanted), 'ops');
  assert.ok(planned !== undefined && typeof planned !== 'string');
  return planned;
};

test('keys go into a Secret beside the object, those of a cluster object into the namespace of the operator', () => {
  assert.deepEqual([plan(NAMESPACED_KIND).namespace, plan(CLUSTER_KIND).namespace], ['ns1', 'ops']);
  assert.deepEqual(keysSecret(plan(NAMESPACED_KIND)), {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'a-aws-keys', namespace: 'ns1', labels: { 'aws.zakariaamine.com/credentials': 'true' } },
    type: 'Opaque',
    stringData: { AWS_ACCESS_KEY_ID: KEY_ID, AWS_SECRET_ACCESS_KEY: SECRET_KEY },
  });
});

test('keys in base64, as the Go project stored them, go there as AWS issued them', () => {
  const wanted = spec({}, { accessKeyId: base64(KEY_ID), secretAccessKey: base64(SECRET_KEY) });
  assert.deepEqual(plan(NAMESPACED_KIND, wanted).credentials, { accessKeyId: KEY_ID, secretAccessKey: SECRET_KEY });
});

test('the object loses its keys, and the copy that kubectl keeps of them, in the write that names the Secret', () => {
  assert.deepEqual(keysPatch(plan(NAMESPACED_KIND)), {
    metadata: {
      uid: plan(NAMESPACED_KIND).object.uid,
      resourceVersion: '1',
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': null },
    },
    spec: { awsAccess: { accessKeyId: null, secretAccessKey: null, secretRef: { name: 'a-aws-keys' } } },
  });
});

test('an object without keys in its spec needs nothing, and of keys that cannot be read it is said', () => {
  const named = { secretRef: { name: 'keys' } };
  assert.equal(planMigration(pullSecret(NAMESPACED_KIND, spec({}, named)), 'ops'), undefined);
  const short = spec({}, { accessKeyId: 'test', secretAccessKey: 'test' });
  const unfit = planMigration(pullSecret(NAMESPACED_KIND, short), 'ops');
  assert.ok(typeof unfit === 'string');
  assert.match(unfit, /^its keys would be refused in a Secret: /);
  const half = { awsAccess: { region: 'eu-west-1', accessKeyId: KEY_ID } };
  const refused = planMigration(pullSecret(NAMESPACED_KIND, spec(half)), 'ops');
  assert.ok(typeof refused === 'string');
  assert.match(refused, /secretAccessKey/);
});

test('a Secret that is there is named only if it holds these keys', () => {
  const migration = plan(NAMESPACED_KIND);
  const data = { AWS_ACCESS_KEY_ID: base64(KEY_ID), AWS_SECRET_ACCESS_KEY: base64(SECRET_KEY) };
  assert.equal(holdsKeys({ type: 'Opaque', data }, migration), true);
  assert.equal(holdsKeys({ type: 'Opaque', data: { ...data, AWS_SECRET_ACCESS_KEY: 'b3RoZXI=' } }, migration), false);
  assert.equal(holdsKeys({ type: 'Opaque', data: { AWS_SECRET_ACCESS_KEY: 'b3RoZXI=' } }, migration), false);
  assert.equal(holdsKeys({ type: 'kubernetes.io/dockerconfigjson', data }, migration), false);
});
