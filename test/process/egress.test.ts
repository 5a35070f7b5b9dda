// The process on its way to AWS: the proxy and the authorities that its environment names.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { makeAuthority } from '../../testing/network/self-signed.ts';
import { useAwsByName } from '../../testing/operator/aws-by-name.ts';
import { type OperatorProcess, startOperatorProcess } from '../../testing/operator/operator-process.ts';
import { NAMESPACED_PATH, useWorld } from '../../testing/operator/world.ts';
import { createPullSecret } from '../scenario/manifests.ts';
import { ensureBundle } from './bundle.ts';

before(() => void ensureBundle());

describe('the process behind a proxy that takes TLS off', () => {
  const world = useWorld('by name');
  const aws = useAwsByName(world);
  const folder = mkdtempSync(join(tmpdir(), 'authorities-'));
  let running: OperatorProcess | undefined;
  afterEach(async () => {
    await running?.end('SIGKILL');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const trusted = (name: string, certificate: string): string => {
    writeFileSync(join(folder, name), certificate);
    return join(folder, name);
  };

  const logsIn = async (env: NodeJS.ProcessEnv): Promise<void> => {
    aws.proxy.clear();
    running = await startOperatorProcess({
      plane: world.plane,
      awsUrl: undefined,
      access: 'pod',
      bundle: ensureBundle(),
      // In the form without a scheme, which curl takes too. Plain HTTP would go through it as well.
      env: { HTTPS_PROXY: new URL(aws.proxy.url).host, HTTP_PROXY: aws.proxy.url, ...env },
    });
    const started = running;
    world.alsoSearch('the output of the process', () => started.output());
    await started.ready();
    const namespace = await world.api.createNamespace();
    await createPullSecret(world.api, namespace, 'login');
    await world.ready(NAMESPACED_PATH(namespace, 'login'));
    assert.deepEqual(aws.proxy.tunnels, ['api.ecr.eu-west-1.amazonaws.com:443']);
    await world.api.send('DELETE', NAMESPACED_PATH(namespace, 'login'));
  };

  test('logs in when AWS_CA_BUNDLE holds its authority, and does not ask it for the API server', async () => {
    await logsIn({ AWS_CA_BUNDLE: trusted('aws.pem', aws.authority.certificate) });
  });

  test('logs in when NODE_EXTRA_CA_CERTS holds its authority, also beside another AWS_CA_BUNDLE', async () => {
    const NODE_EXTRA_CA_CERTS = trusted('extra.pem', aws.authority.certificate);
    await logsIn({ NODE_EXTRA_CA_CERTS });
    await running?.end();
    await logsIn({ NODE_EXTRA_CA_CERTS, AWS_CA_BUNDLE: trusted('other.pem', makeAuthority().certificate) });
  });

  test('logs in when its authority stands behind a broken one in NODE_EXTRA_CA_CERTS, where Node stops to read', async () => {
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----';
    await logsIn({ NODE_EXTRA_CA_CERTS: trusted('broken.pem', `${broken}${aws.authority.certificate}`) });
  });
});
