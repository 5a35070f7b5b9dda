// An API server that accepts tokens for AWS as its own: then the operator requests none.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { STS_AUDIENCE } from '../../src/api/names.ts';
import { OPERATOR_ACCOUNT, OPERATOR_NAMESPACE } from '../../testing/operator/operator-account.ts';
import { accessTo } from '../../testing/operator/plane-access.ts';
import { conditionOf, NAMESPACED_PATH, useWorld } from '../../testing/operator/world.ts';
import { createPullSecret } from './manifests.ts';

// Rules 16, 19
describe('an operator whose own token is for AWS STS too', () => {
  const world = useWorld();

  test('asks for no token of a ServiceAccount, and says why, in the log at its start too', async () => {
    const path = `/api/v1/namespaces/${OPERATOR_NAMESPACE}/serviceaccounts/${OPERATOR_ACCOUNT}/token`;
    const [, payload = ''] = world.token.split('.');
    const { iss } = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const request = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: [iss, STS_AUDIENCE] },
    };
    const { status: own } = await world.api.must('POST', path, request);
    const operator = await world.startOperator({ access: accessTo(world.plane, own.token) });
    assert.match(operator.output(), /takes tokens for sts\.amazonaws\.com as its own.*No ServiceAccount is used/);
    const namespace = await world.api.createNamespace();
    await world.api.must('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: 'puller' } });
    const roleArn = 'arn:aws:iam::111122223333:role/puller';
    const awsAccess = { region: 'eu-west-1', serviceAccountRef: { name: 'puller', roleArn } };
    await createPullSecret(world.api, namespace, 'login', { awsAccess });
    const status = await world.status(
      NAMESPACED_PATH(namespace, 'login'),
      (found) => conditionOf(found, 'Ready')?.status === 'False',
    );
    assert.match(conditionOf(status, 'Ready')?.message ?? '', /serviceAccountRef is not served in this cluster/);
    assert.deepEqual(
      world.audit().filter(({ resource, verb }) => verb === 'create' && resource.startsWith('serviceaccounts')),
      [],
    );
    await operator.stop();
  });
});
