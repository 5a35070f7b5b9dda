// `kubectl ecr-secrets inspect --test`: a registry that answers as ECR does is asked with the login of the Secret.

import assert from 'node:assert/strict';
import { Agent } from 'node:https';
import { after, before, describe, test } from 'node:test';
import { type ConnectProxy, startConnectProxy } from '../../testing/network/connect-proxy.ts';
import { makeAuthority } from '../../testing/network/self-signed.ts';
import { NAMESPACED_PATH, SECRET_PATH, useWorld } from '../../testing/operator/world.ts';
import { createEcrRegistry } from '../../testing/registry/ecr-registry.ts';
import type { OciRegistry } from '../../testing/registry/oci-registry.ts';
import { createPullSecret, passwordOf } from './manifests.ts';
import { type Ran, runPlugin } from './plugin-rig.ts';

const HOST = '111122223333.dkr.ecr.eu-west-1.amazonaws.com';
describe('inspect --test', () => {
  const world = useWorld();
  const authority = makeAuthority();
  let registry: OciRegistry;
  let proxy: ConnectProxy;
  let agent: Agent;
  let namespace = '';
  before(async () => {
    registry = createEcrRegistry({ aws: () => world.aws });
    proxy = await startConnectProxy({ authority, serve: (_host, socket) => registry.accept(socket) });
    agent = new Agent({ ca: authority.certificate, proxyEnv: { HTTPS_PROXY: proxy.url } });
    await world.startOperator();
    namespace = await world.api.createNamespace();
    await createPullSecret(world.api, namespace, 'login', { registries: { accounts: ['444455556666'] } });
    await world.ready(NAMESPACED_PATH(namespace, 'login'));
  });
  after(async () => {
    agent.destroy();
    await proxy.stop();
  });

  const ask = (image: string, ...more: readonly string[]): Promise<Ran> =>
    runPlugin(world, ['inspect', 'ecr-login', '-n', namespace, '--test', image, ...more], undefined, { agent });

  test('says that the image can be pulled', async () => {
    const { code, out } = await ask(`${HOST}/shop/app:v1`);
    assert.equal(code, 0);
    assert.match(out, new RegExp(`^✔ Pullable: ${HOST}/shop/app:v1\\n {2}${HOST} answered: 200$`, 'm'));
  });

  for (const [repository, code, reason, words] of [
    [
      'denied/app',
      1,
      'PullDenied',
      /not authorized to perform: ecr:BatchGetImage.*\n.*give it ecr:BatchGetImage on the repository/,
    ],
    ['missing/app', 1, 'RepositoryNotFound', /404 NAME_UNKNOWN The repository with name/],
    ['empty/app', 0, 'ImageNotFound', /pulling is allowed, and there is no image of this tag/],
  ] as const)
    test(`tells ${reason} by the answer of the registry`, async () => {
      const said = await ask(`${HOST}/${repository}`);
      assert.equal(said.code, code);
      assert.match(said.out, new RegExp(`^${code === 0 ? '✔' : '✖'} ${reason}: `, 'm'));
      assert.match(said.out, words);
    });

  test('tells a login that the registry does not take, of which it repeats nothing', async () => {
    const { code, out } = await ask(`444455556666.dkr.ecr.eu-west-1.amazonaws.com/shop/app:v1`);
    assert.equal(code, 1);
    assert.match(out, /^✖ LoginRefused: /m);
    const password = passwordOf(await world.api.must('GET', SECRET_PATH(namespace, 'ecr-login')));
    assert.ok(!out.includes(password.slice(0, 12)));
  });

  test('sends a login to no host that the Secret does not name', async () => {
    proxy.clear();
    for (const image of ['evil.example.com/app', 'nginx', `evil.example.com:443/${HOST}/app`]) {
      const { code, out } = await ask(image);
      assert.equal(code, 1);
      assert.match(out, /^✖ HostNotCovered: /m);
    }
    assert.equal((await ask(`${HOST}@evil.example.com/app`)).code, 2);
    assert.deepEqual(proxy.tunnels, []);
  });

  test('says that the registry is not reached', async () => {
    proxy.refuse('502 Bad Gateway');
    const { code, out } = await ask(`${HOST}/shop/app:v1`, '-o', 'json');
    const { trial } = JSON.parse(out);
    assert.deepEqual([code, trial.reason, trial.mayPull], [1, 'RegistryUnreachable', false]);
  });
});
