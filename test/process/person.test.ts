// The plugin under a person's kubeconfig: another context, another user, a token in a file, and a proxy, with a real
// API server behind. The operator itself refuses all but the first (commands.test.ts).

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { listen } from '../../src/http/server.ts';
import { createTunnelServer, grantTunnel, refuseTunnel } from '../../testing/network/tunnel-server.ts';
import { NO_ENVIRONMENT } from '../../testing/operator/operator-process.ts';
import { useWorld } from '../../testing/operator/world.ts';
import { startNode } from '../../testing/process/node-process.ts';
import { makeTemporaryFolder } from '../../testing/process/temporary-folder.ts';
import { createPullSecret } from '../scenario/manifests.ts';
import { ensureBundle, type Finished, runToEnd } from './bundle.ts';

describe('a person who calls the plugin', () => {
  const world = useWorld();
  const folder = makeTemporaryFolder('person');
  let namespace = '';
  before(async () => {
    namespace = await world.api.createNamespace();
  });

  /** `why` in an empty namespace: it lists pods, and finds none that waits. */
  const why = async (user: object, cluster: object = {}, env: NodeJS.ProcessEnv = {}): Promise<Finished> => {
    const file = join(folder, 'kubeconfig');
    const ca = Buffer.from(world.plane.certificateAuthority).toString('base64');
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'nobody',
      clusters: [
        { name: 'nobody', cluster: { server: 'https://127.0.0.1:1' } },
        { name: 'a', cluster: { server: world.plane.url, 'certificate-authority-data': ca, ...cluster } },
      ],
      users: [{ name: 'a', user: { token: world.plane.adminToken, ...user } }],
      contexts: [
        { name: 'nobody', context: { cluster: 'nobody', user: 'a' } },
        { name: 'there', context: { cluster: 'a', user: 'a', namespace } },
      ],
    };
    writeFileSync(file, JSON.stringify(config));
    return await runToEnd(['why', '--kubeconfig', file, '--context', 'there'], env);
  };
  const isServed = ({ code, stdout, stderr }: Finished): void =>
    assert.deepEqual([code, stdout, stderr], [0, `no pod waits for an image in namespace ${namespace}\n`, '']);

  test('names another context, whose namespace counts', async () => {
    isServed(await why({}));
  });

  test('acts as somebody else, in groups too', async () => {
    const { code, stderr } = await why({ as: 'somebody' });
    assert.equal(code, 1);
    assert.match(stderr, /^error: pods is forbidden: User "somebody" cannot list/);
    isServed(await why({ as: 'somebody', 'as-groups': ['none', 'system:masters'] }));
  });

  test('acts as somebody else also when another file of KUBECONFIG says so', async () => {
    await why({ as: 'somebody' });
    const first = join(folder, 'first');
    writeFileSync(first, JSON.stringify({ apiVersion: 'v1', kind: 'Config', 'current-context': 'there' }));
    const { stderr } = await runToEnd(['why'], { KUBECONFIG: [first, join(folder, 'kubeconfig')].join(delimiter) });
    assert.match(stderr, /^error: pods is forbidden: User "somebody" cannot list/);
  });

  test('acts as nobody when it cannot be said to the API server as whom', async () => {
    for (const user of [
      { as: 1_000 },
      { as: 'a\r\nb: c' },
      { 'as-groups': ['system:masters'] },
      { as: 'a', 'as-groups': [1] },
    ]) {
      const { code, stderr } = await why(user);
      assert.equal(code, 1);
      assert.match(stderr, /^error: the kubeconfig: "as(-groups)?" of user a /);
    }
  });

  test('has a token in a file, which goes before the one in the kubeconfig', async () => {
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, `${world.plane.adminToken}\n`);
    isServed(await why({ token: 'wrong', tokenFile }));
    isServed(await why({ token: 'wrong', tokenFile: 'token' }));
    const { stderr } = await why({ tokenFile: join(folder, 'none') });
    assert.match(stderr, /the token file \S+none that the kubeconfig names cannot be read/);
  });

  test('looks no longer when nobody reads what a watch shows', async () => {
    await why({});
    const args = ['status', '-w', '--kubeconfig', join(folder, 'kubeconfig'), '--context', 'there'];
    const child = startNode([ensureBundle(), ...args], NO_ENVIRONMENT);
    await once(child.stdout ?? child, 'data');
    child.stdout?.destroy();
    // Something else to show, so that it writes.
    await createPullSecret(world.api, namespace, 'seen');
    const [code] = await once(child, 'exit');
    assert.equal(code, 0);
  });

  test('goes by a proxy, of the kubeconfig or of the environment, and is told when it refuses', async () => {
    let isOpen = true;
    const proxy = createTunnelServer((target, socket) => {
      if (!isOpen) return refuseTunnel(socket, '403 Forbidden');
      const [, port = ''] = target.split(':');
      const onward = connect(Number(port), '127.0.0.1');
      onward.on('error', () => socket.destroy());
      socket.on('close', () => onward.destroy());
      grantTunnel(socket);
      socket.pipe(onward).pipe(socket);
    });
    const url = `http://127.0.0.1:${await listen(proxy.server, { host: '127.0.0.1', port: 0 })}`;
    try {
      isServed(await why({}, { 'proxy-url': url }));
      assert.equal(proxy.tunnels.length > 0, true);
      proxy.clear();
      const { port } = new URL(world.plane.url);
      // A name that leads nowhere but through the proxy; this machine's own addresses are never asked for there.
      const elsewhere = { server: `https://kube.invalid:${port}`, 'tls-server-name': 'kubernetes' };
      for (const address of [url, url.replace('http://', '')])
        isServed(await why({}, elsewhere, { HTTPS_PROXY: address }));
      assert.equal(proxy.tunnels.length > 0, true);
      proxy.clear();
      isServed(await why({}, {}, { HTTPS_PROXY: url }));
      assert.deepEqual(proxy.tunnels, []);
      assert.equal((await why({}, elsewhere, { HTTPS_PROXY: url, NO_PROXY: 'kube.invalid' })).code, 1);
      assert.deepEqual(proxy.tunnels, []);
      assert.match(
        (await why({}, elsewhere, { HTTPS_PROXY: 'socks5://a:1' })).stderr,
        /HTTPS_PROXY has to begin with http/,
      );
      isOpen = false;
      const { code, stderr } = await why({}, { 'proxy-url': url });
      assert.equal(code, 1);
      assert.match(stderr, /^error: no connection to the API server/);
      assert.match(
        (await why({}, { 'proxy-url': 'socks5://127.0.0.1:1' })).stderr,
        /has to begin with http:\/\/ or https:\/\//,
      );
    } finally {
      await proxy.stop();
    }
  });
});
