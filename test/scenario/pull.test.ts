// The whole chain: a common client pulls an image from a registry with the operator's pull secret.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { HOUR } from '../../src/lib/time.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createTravelClock } from '../../testing/clocks/travel-clock.ts';
import { type ConnectProxy, startConnectProxy } from '../../testing/network/connect-proxy.ts';
import { makeAuthority } from '../../testing/network/self-signed.ts';
import {
  CLUSTER_PATH,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { createOciRegistry, type OciRegistry } from '../../testing/registry/oci-registry.ts';
import { type Pulled, pull } from '../../testing/tools/crane/crane.ts';
import { ACCESS, createClusterPullSecret, createPullSecret } from './manifests.ts';

const HOST = '111122223333.dkr.ecr.eu-west-1.amazonaws.com';

describe('a pull', () => {
  const world = useWorld();
  const authority = makeAuthority();
  const clock = createTravelClock();
  let proxy: ConnectProxy;
  let registry: OciRegistry;
  let operator: RunningOperator;
  let namespace = '';

  before(async () => {
    // As ECR: the user is AWS, and a token opens what its account has in its region.
    registry = createOciRegistry({
      opens(host, username, password) {
        const owner = world.aws.isValidToken(password);
        if (username !== 'AWS' || !owner || owner.expiresAt <= clock.now()) return undefined;
        const isHis = host === `${owner.accountId}.dkr.ecr.${owner.region}.amazonaws.com`;
        return isHis ? owner.expiresAt - clock.now() : undefined;
      },
    });
    proxy = await startConnectProxy({ authority, serve: (_host, socket) => registry.accept(socket) });
    operator = await world.startOperator({ clock });
    namespace = await world.api.createNamespace();
  });
  after(async () => {
    await operator.stop();
    await proxy.stop();
  });

  const dockerConfig = async (name = 'ecr-login'): Promise<string> => {
    const { data } = await world.api.must('GET', SECRET_PATH(namespace, name));
    return Buffer.from(data['.dockerconfigjson'], 'base64').toString();
  };
  const pullFrom = (host: string, config: string): Promise<Pulled> =>
    pull({
      image: `${host}/${registry.repository}:${registry.tag}`,
      file: 'hello',
      dockerConfig: config,
      proxyUrl: proxy.url,
      certificateAuthority: authority.certificate,
    });

  test('of a secret for two regions works in both, and in no third', async () => {
    const name = `two-${namespace}`;
    await createClusterPullSecret(world.api, name, {
      awsAccess: ACCESS,
      secretName: 'two',
      registries: { regions: ['us-east-1'] },
      namespaces: [namespace],
    });
    await world.ready(CLUSTER_PATH(name));
    const config = await dockerConfig('two');
    for (const region of ['eu-west-1', 'us-east-1'])
      assert.ok((await pullFrom(HOST.replace('eu-west-1', region), config)).ok, region);
    assert.ok(!(await pullFrom(HOST.replace('eu-west-1', 'ap-south-1'), config)).ok);
  });

  test('works with the secret, before and after a refresh, and not with a token that has ended', async () => {
    const path = NAMESPACED_PATH(namespace, 'login');
    await createPullSecret(world.api, namespace, 'login');
    await world.ready(path);
    const first = await dockerConfig();
    assert.deepEqual(await pullFrom(HOST, first), { ok: true, text: registry.text });
    // The stand-in's clock stands still: its next tokens must end after the operator's own time.
    world.aws.setTokenLife(24 * HOUR);
    clock.travel(6 * HOUR);
    const second = await eventually(async () => {
      const config = await dockerConfig();
      return config === first ? undefined : config;
    });
    for (const config of [first, second])
      assert.deepEqual(await pullFrom(HOST, config), { ok: true, text: registry.text });
    clock.travel(6 * HOUR);
    const refused = await pullFrom(HOST, first);
    assert.ok(!refused.ok);
    assert.match(refused.words, /Your authorization token has expired/);
    assert.deepEqual(await pullFrom(HOST, await dockerConfig()), { ok: true, text: registry.text });
    await world.api.send('DELETE', path);
  });
});
