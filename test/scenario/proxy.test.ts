// The way to AWS through a proxy: every call of AWS takes it, the API server never, and a proxy that fails is named.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createTravelClock, type TravelClock } from '../../testing/clocks/travel-clock.ts';
import { useAwsByName } from '../../testing/operator/aws-by-name.ts';
import {
  conditionOf,
  GOOD_KEY,
  NAMESPACED_PATH,
  type RunningOperator,
  useWorld,
} from '../../testing/operator/world.ts';
import { ACCESS, createPullSecret } from './manifests.ts';

const ROLE = 'arn:aws:iam::444455556666:role/ecr';

describe('a proxy', () => {
  const world = useWorld('by name');
  const aws = useAwsByName(world);
  let clock: TravelClock;
  let operator: RunningOperator | undefined;
  let path = '';
  let namespace = '';

  beforeEach(async () => {
    namespace = await world.api.createNamespace();
    path = NAMESPACED_PATH(namespace, 'login');
    clock = createTravelClock();
    world.aws.clearLog();
    aws.proxy.clear();
    aws.proxy.refuse(undefined);
  });
  afterEach(async () => {
    await operator?.stop();
    await world.api.send('DELETE', path);
  });

  const message = async (): Promise<string> => {
    const status = await world.status(path, (found) => conditionOf(found, 'Ready')?.status === 'False');
    return conditionOf(status, 'Ready')?.message ?? '';
  };

  test('sees every call of AWS, and none of the API server', async () => {
    world.aws.addRole({ arn: ROLE, trusts: [{ op: 'account', accountId: GOOD_KEY.accountId }] });
    operator = await world.startOperator({ clock, ...aws.surroundings() });
    const awsAccess = { ...ACCESS, assumeRole: { roleArn: ROLE } };
    await createPullSecret(world.api, namespace, 'login', { awsAccess, registries: { public: true } });
    await world.ready(path);
    assert.equal(world.aws.calls(), 3);
    assert.deepEqual([...aws.proxy.tunnels].sort(), [
      'api.ecr-public.us-east-1.amazonaws.com:443',
      'api.ecr.eu-west-1.amazonaws.com:443',
      'sts.eu-west-1.amazonaws.com:443',
    ]);
  });

  test('that refuses is named in the status with what it said, and used again when it lets the operator through', async () => {
    aws.proxy.refuse('403 Forbidden by policy');
    operator = await world.startOperator({ clock, ...aws.surroundings() });
    await createPullSecret(world.api, namespace, 'login');
    const { host } = new URL(aws.proxy.url);
    assert.equal(
      await message(),
      `login to eu-west-1: cannot reach ECR in eu-west-1: the proxy refused: Failed to establish tunnel to api.ecr.eu-west-1.amazonaws.com:443 via http://${host}/: HTTP/1.1 403 Forbidden by policy`,
    );
    assert.equal(world.aws.calls(), 0);
    aws.proxy.refuse(undefined);
    clock.travel(5 * 60_000);
    await world.ready(path);
  });

  test('that does not exist is named in the status, without its password', async () => {
    const { env, ...others } = aws.surroundings();
    const HTTPS_PROXY = 'http://me:the-password@127.0.0.1:1';
    operator = await world.startOperator({ clock, ...others, env: { ...env, HTTPS_PROXY } });
    await createPullSecret(world.api, namespace, 'login');
    assert.equal(
      await message(),
      'login to eu-west-1: cannot reach ECR in eu-west-1: ECONNREFUSED (by way of the proxy 127.0.0.1:1)',
    );
    assert.match(operator.output(), /ECONNREFUSED: connect ECONNREFUSED 127\.0\.0\.1:1".*"msg":"Could not log in"/);
    assert.ok(!operator.output().includes('the-password'));
  });

  test('is not asked for a host that NO_PROXY exempts', async () => {
    const { env, ...others } = aws.surroundings({ AWS_ENDPOINT_URL_ECR: world.aws.url });
    const HTTP_PROXY = aws.proxy.url;
    operator = await world.startOperator({ clock, ...others, env: { ...env, HTTP_PROXY, NO_PROXY: '127.0.0.1' } });
    await createPullSecret(world.api, namespace, 'login');
    await world.ready(path);
    assert.deepEqual(aws.proxy.tunnels, []);
  });

  test('that takes TLS off is not trusted without its authority', async () => {
    const { env } = aws.surroundings();
    operator = await world.startOperator({ clock, ...(env ? { env } : {}) });
    await createPullSecret(world.api, namespace, 'login');
    assert.match(
      await message(),
      /cannot reach ECR in eu-west-1: (SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY)/,
    );
    assert.equal(world.aws.calls(), 0);
  });
});
