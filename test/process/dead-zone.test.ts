// A zone of names without an answer, as behind a forwarder that is gone: the operator looks up and serves the others
// meanwhile. The process runs in a mount namespace of its own, with a name server on loopback; that takes root, and
// Linux.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { createSecureContext, createServer, type Server, type TLSSocket } from 'node:tls';
import { type NameServer, startNameServer } from '../../testing/network/name-server.ts';
import { makeAuthority } from '../../testing/network/self-signed.ts';
import { type OperatorProcess, startOperatorProcess } from '../../testing/operator/operator-process.ts';
import { conditionOf, NAMESPACED_PATH, useWorld } from '../../testing/operator/world.ts';
import { ACCESS, createPullSecret } from '../scenario/manifests.ts';
import { ensureBundle } from './bundle.ts';

const [NAMES, AWS] = ['127.0.0.99', '127.0.0.98'];
const DEAD = /eu-central-1|us-west-2|ap-south-1/;
const LATE = /eu-north-1/;
const mayRun = process.platform === 'linux' && process.getuid?.() === 0;

before(() => void ensureBundle());

// Rule 9
describe('a zone that does not answer', { skip: mayRun ? false : 'needs root and Linux' }, () => {
  const world = useWorld('by name');
  const folder = mkdtempSync(join(tmpdir(), 'dead-zone-'));
  const authority = makeAuthority();
  const paths: string[] = [];
  let names: NameServer;
  let tls: Server;
  let running: OperatorProcess | undefined;

  before(async () => {
    names = await startNameServer(NAMES, (name) => {
      if (!name.endsWith('amazonaws.com')) return { op: 'none' };
      if (DEAD.test(name)) return { op: 'dead' };
      return LATE.test(name) ? { op: 'servfail', ms: 2_500 } : { op: 'address', address: AWS };
    });
    const issue = (host: string) => {
      const { certificate: cert, key } = authority.issue(host);
      return { cert, key };
    };
    tls = createServer(
      { ...issue('x.example'), SNICallback: (host, done) => done(null, createSecureContext(issue(host))) },
      (socket: TLSSocket) => world.aws.accept(socket),
    );
    tls.on('tlsClientError', () => {});
    tls.listen(443, AWS);
    await once(tls, 'listening');
    assert.equal((tls.address() as AddressInfo).port, 443);
    // As in a pod: every name is looked up in each of the domains before it is looked up by itself.
    const search = 'search ecr.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n';
    writeFileSync(join(folder, 'resolv.conf'), `nameserver ${NAMES}\n${search}`);
    writeFileSync(join(folder, 'ca.crt'), authority.certificate);
    running = await startOperatorProcess({
      plane: world.plane,
      awsUrl: undefined,
      access: 'pod',
      bundle: ensureBundle(),
      within: ['unshare', '-m', 'sh', '-c', `mount --bind ${folder}/resolv.conf /etc/resolv.conf && exec "$@"`, 'sh'],
      env: { AWS_CA_BUNDLE: join(folder, 'ca.crt'), HTTPS_PROXY: '', https_proxy: '', NO_PROXY: '' },
    });
    await running.ready();
  });
  afterEach(async () => {
    for (const path of paths.splice(0)) await world.api.send('DELETE', path);
  });
  after(async () => {
    await running?.end('SIGKILL');
    tls.close();
    await names.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const create = async (namespace: string, name: string, region: string): Promise<string> => {
    const path = NAMESPACED_PATH(namespace, name);
    paths.push(path);
    await createPullSecret(world.api, namespace, name, { secretName: name, awsAccess: { ...ACCESS, region } });
    return path;
  };
  const isTold = async (path: string): Promise<boolean> => {
    const ready = conditionOf((await world.api.get(path)).body.status ?? {}, 'Ready');
    return ready !== undefined && ready.status !== 'Unknown';
  };

  test('keeps no other region from its login: that one is there while the zone is still silent', async () => {
    const namespace = await world.api.createNamespace();
    const dead = await Promise.all(
      ['eu-central-1', 'us-west-2', 'ap-south-1'].map((region) => create(namespace, `dead-${region}`, region)),
    );
    await new Promise((resolve) => setTimeout(resolve, 500));
    const healthy = await create(namespace, 'healthy', 'eu-west-1');
    await world.ready(healthy, 3_000);
    for (const path of dead) assert.equal(await isTold(path), false, `${path} hangs still`);
  });

  test('is reported by the name that gets no answer, and so is a server that fails late', async () => {
    const namespace = await world.api.createNamespace();
    for (const region of ['eu-central-1', 'eu-north-1']) {
      const path = await create(namespace, `told-${region}`, region);
      const status = await world.status(path, (found) => conditionOf(found, 'Ready')?.status === 'False', 60_000);
      assert.equal(
        conditionOf(status, 'Ready')?.message,
        `login to ${region}: cannot reach ECR in ${region}: EAI_AGAIN`,
      );
      const healthy = await create(namespace, `beside-${region}`, 'eu-west-1');
      await world.ready(healthy, 3_000);
    }
  });
});
