// The two examples of the Go project's README, exactly as its users know them, on a real API server.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { eventually } from '../../testing/api-server/test-api.ts';
import {
  CLUSTER_PATH,
  conditionOf,
  GOOD_KEY,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';

const NAMESPACED_EXAMPLE = `
apiVersion: aws.zakariaamine.com/v1alpha2
kind: AWSECRImagePullSecret
metadata:
  name: my-ecr-credentials
spec:
  awsAccess:
    accessKeyId: ${GOOD_KEY.accessKeyId}
    secretAccessKey: ${GOOD_KEY.secretAccessKey}
    region: eu-west-1
  secretName: ecr-login
`;

const CLUSTER_EXAMPLE = (namespaces: readonly string[]): string => `
apiVersion: aws.zakariaamine.com/v1alpha2
kind: ClusterAWSECRImagePullSecret
metadata:
  name: test-ecr-credentials
spec:
  awsAccess:
    accessKeyId: ${GOOD_KEY.accessKeyId}
    secretAccessKey: ${GOOD_KEY.secretAccessKey}
    region: eu-west-1
  secretName: ecr-login-of-many
  namespaces:
${namespaces.map((name) => `    - ${name}`).join('\n')}
`;

describe('the examples of the README', () => {
  const world = useWorld();
  let operator: RunningOperator;
  before(async () => {
    operator = await world.startOperator();
  });

  test('a namespaced object gives a pull secret that holds a login of the stand-in', async () => {
    const namespace = await world.api.createNamespace();
    const [document] = parseAllDocuments(NAMESPACED_EXAMPLE);
    await world.api.must('POST', NAMESPACED_PATH(namespace), document?.toJS());
    const status = await world.ready(NAMESPACED_PATH(namespace, 'my-ecr-credentials'));

    const { body: secret } = await world.api.get(SECRET_PATH(namespace, 'ecr-login'));
    assert.equal(secret.type, 'kubernetes.io/dockerconfigjson');
    const { auths } = JSON.parse(Buffer.from(secret.data['.dockerconfigjson'], 'base64').toString());
    assert.deepEqual(Object.keys(auths), ['111122223333.dkr.ecr.eu-west-1.amazonaws.com']);
    const entry = auths['111122223333.dkr.ecr.eu-west-1.amazonaws.com'];
    assert.equal(entry.username, 'AWS');
    assert.equal(Buffer.from(entry.auth, 'base64').toString(), `AWS:${entry.password}`);
    assert.equal(world.aws.isValidToken(entry.password)?.accountId, '111122223333');
    assert.equal(secret.metadata.annotations.expiry, status.expiresAt);
    assert.equal(secret.metadata.labels['app.kubernetes.io/managed-by'], 'kube-ecr-secrets-operator');
    const [owner] = secret.metadata.ownerReferences;
    assert.deepEqual(
      { kind: owner.kind, controller: owner.controller, block: owner.blockOwnerDeletion },
      { kind: 'AWSECRImagePullSecret', controller: true, block: undefined },
    );
  });

  test("the status has the Go project's words", async () => {
    const namespace = await world.api.createNamespace();
    const [document] = parseAllDocuments(NAMESPACED_EXAMPLE);
    await world.api.must('POST', NAMESPACED_PATH(namespace), document?.toJS());
    const status = await world.ready(NAMESPACED_PATH(namespace, 'my-ecr-credentials'));
    const ready = conditionOf(status, 'Ready');
    assert.equal(ready?.reason, 'SecretsUpdated');
    assert.match(
      ready?.message ?? '',
      new RegExp(
        `^AWS ECR secret with type kubernetes\\.io/dockerconfigjson have been created/updated successfully in namespaces: \\[${namespace}\\] ` +
          String.raw`next update at: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC$`,
      ),
    );
    assert.equal(status.observedGeneration, 1);
    assert.equal(ready?.observedGeneration, 1);
  });

  test('a cluster object gives one in each namespace that it names, and an Event in the namespace default', async () => {
    const namespaces = [
      await world.api.createNamespace(),
      await world.api.createNamespace(),
      await world.api.createNamespace(),
    ].sort();
    // A namespace that the operator has not seen yet would get an Event of its own.
    await eventually(async () => {
      const { items } = await world.api.must('GET', '/api/v1/namespaces');
      const seen = await operator.metric('ecr_operator_watch_objects', { resource: 'namespaces' });
      return seen === items.length ? true : undefined;
    });
    const [document] = parseAllDocuments(CLUSTER_EXAMPLE(namespaces));
    await world.api.must('POST', CLUSTER_PATH(), document?.toJS());
    const status = await world.ready(CLUSTER_PATH('test-ecr-credentials'));
    assert.deepEqual(status.secrets, { desired: 3, ready: 3, summary: '3/3' });
    assert.ok(conditionOf(status, 'Ready')?.message.includes(`[${namespaces.join(' ')}]`));
    for (const namespace of namespaces)
      assert.equal((await world.api.get(SECRET_PATH(namespace, 'ecr-login-of-many'))).status, 200);
    const event = await eventually(async () => {
      const { items } = await world.api.must('GET', '/apis/events.k8s.io/v1/namespaces/default/events');
      return items.find(
        (item: { regarding: { name: string }; reason: string }) =>
          item.regarding.name === 'test-ecr-credentials' && item.reason === 'SecretCreationSuccess',
      );
    });
    assert.equal(
      event.note,
      `secret ecr-login-of-many created successfully in 3 namespaces: [${namespaces.join(' ')}]`,
    );
    assert.equal(event.regarding.kind, 'ClusterAWSECRImagePullSecret');
  });

  // Rule 6
  test('all of them together cost one call of AWS', () => {
    assert.equal(world.aws.calls(), 1);
  });
});
