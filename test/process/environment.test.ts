// What the environment says of AWS: mistakes end the start together, and the rest is told and lived with.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, before, describe, test } from 'node:test';
import { makeAuthority } from '../../testing/network/self-signed.ts';
import { type OperatorProcess, startOperatorProcess } from '../../testing/operator/operator-process.ts';
import {
  CLUSTER_PATH,
  conditionOf,
  GOOD_KEY,
  NAMESPACED_PATH,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { makeTemporaryFolder } from '../../testing/process/temporary-folder.ts';
import { createClusterPullSecret, createPullSecret } from '../scenario/manifests.ts';
import { ensureBundle, runToEnd } from './bundle.ts';

before(() => void ensureBundle());

test('mistakes of every kind end the start by code 2, all together, and no value is repeated', async () => {
  const { code, stdout, stderr } = await runToEnd(['run', '--log-level=loud'], {
    HTTPS_PROXY: 'http://CORP\\me:the-password@proxy.example.com',
    AWS_ENDPOINT_URL_ECR: 'the-password.example.com',
    AWS_CA_BUNDLE: '/nowhere.pem',
  });
  assert.deepEqual({ code, stdout }, { code: 2, stdout: '' });
  const lines = stderr.trimEnd().split('\n');
  assert.equal(lines.length, 4, stderr);
  for (const words of ['--log-level', 'HTTPS_PROXY', 'AWS_ENDPOINT_URL_ECR', 'AWS_CA_BUNDLE'])
    assert.ok(
      lines.some((line) => line.startsWith(`kube-ecr-secrets-operator run: ${words}`)),
      words,
    );
  assert.ok(!stderr.includes('the-password'));
});

describe('the process', () => {
  const world = useWorld();
  let running: OperatorProcess | undefined;
  afterEach(async () => {
    await running?.end('SIGKILL');
  });

  const start = async (env: NodeJS.ProcessEnv): Promise<OperatorProcess> => {
    const { plane, aws } = world;
    const started = await startOperatorProcess({
      plane,
      awsUrl: aws.url,
      access: 'kubeconfig',
      bundle: ensureBundle(),
      env,
    });
    running = started;
    world.alsoSearch('the output of the process', () => started.output());
    await started.ready();
    return started;
  };
  const AMBIENT = { awsAccess: { region: 'eu-west-1', ambient: {} } };

  test('uses keys of its environment without what is around them, and tells that once', async () => {
    const started = await start({
      AWS_ACCESS_KEY_ID: `"${GOOD_KEY.accessKeyId}"\n`,
      AWS_SECRET_ACCESS_KEY: ` ${GOOD_KEY.secretAccessKey}`,
    });
    const namespace = await world.api.createNamespace();
    await createClusterPullSecret(world.api, 'ambient', { ...AMBIENT, namespaces: [namespace] });
    await world.ready(CLUSTER_PATH('ambient'));
    assert.equal(started.output().split("The operator's own AWS keys were mended").length, 2);
    assert.match(started.output(), /"ambient":"environment"[^\n]*"msg":"Started"/);
    assert.equal(await started.metric('ecr_operator_ambient_source_info'), 1);
  });

  test('with keys that cannot be sent serves objects that bring their own, and the others say what is wrong', async () => {
    const started = await start({
      AWS_ACCESS_KEY_ID: `AWS_ACCESS_KEY_ID=${GOOD_KEY.accessKeyId}`,
      AWS_SECRET_ACCESS_KEY: GOOD_KEY.secretAccessKey,
    });
    const namespace = await world.api.createNamespace();
    await createClusterPullSecret(world.api, 'wrong', { ...AMBIENT, namespaces: [namespace], secretName: 'other' });
    await createPullSecret(world.api, namespace, 'own');
    await world.ready(NAMESPACED_PATH(namespace, 'own'));
    const status = await world.status(
      CLUSTER_PATH('wrong'),
      (found) => conditionOf(found, 'Ready')?.status === 'False',
    );
    assert.match(
      conditionOf(status, 'Ready')?.message ?? '',
      /own AWS identity \(environment\) could not be had: AWS_ACCESS_KEY_ID holds NAME=value/,
    );
    assert.match(started.output(), /"level":"error"[^\n]*The operator's own AWS keys cannot be used/);
  });

  test('trusts the good certificates of a bundle with a broken one, and counts that one', async () => {
    const file = join(makeTemporaryFolder('bundle'), 'ca.pem');
    const [one, other] = [makeAuthority().certificate, makeAuthority().certificate];
    writeFileSync(file, `${one.trimEnd()}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n${other}`);
    const started = await start({ AWS_CA_BUNDLE: file, NODE_EXTRA_CA_CERTS: file });
    assert.equal(await started.metric('ecr_operator_ca_bundle_broken_certificates'), 2);
    for (const variable of ['AWS_CA_BUNDLE', 'NODE_EXTRA_CA_CERTS'])
      assert.ok(started.output().includes(`${variable}: number 2 of the 3 certificates in ${file}`), variable);
  });

  test('logs in at a stand-in for AWS that names a registry of plain HTTP with a port, as LocalStack does', async () => {
    const host = '000000000000.dkr.ecr.eu-west-1.localhost.localstack.cloud:4566';
    world.aws.setRegistry(`http://${host}`);
    await start({});
    const namespace = await world.api.createNamespace();
    await createPullSecret(world.api, namespace, 'local');
    await world.ready(NAMESPACED_PATH(namespace, 'local'));
    const { data } = await world.api.must('GET', SECRET_PATH(namespace, 'ecr-login'));
    const { auths } = JSON.parse(Buffer.from(data['.dockerconfigjson'], 'base64').toString());
    assert.deepEqual(Object.keys(auths), [host]);
    world.aws.setRegistry(undefined);
  });
});
