// Each setting in the environment of the process takes effect.

import assert from 'node:assert/strict';
import { afterEach, before, describe, test } from 'node:test';
import { eventually } from '../../testing/api-server/test-api.ts';
import { type OperatorProcess, startOperatorProcess } from '../../testing/operator/operator-process.ts';
import { CLUSTER_PATH, conditionOf, GOOD_KEY, SECRET_PATH, useWorld } from '../../testing/operator/world.ts';
import { createClusterPullSecret } from '../scenario/manifests.ts';
import { ensureBundle } from './bundle.ts';

before(() => void ensureBundle());

describe('the process', () => {
  const world = useWorld();
  let running: OperatorProcess | undefined;
  afterEach(async () => {
    await running?.end('SIGKILL');
  });

  const start = async (env: NodeJS.ProcessEnv): Promise<void> => {
    const { plane, aws } = world;
    running = await startOperatorProcess({ plane, awsUrl: aws.url, access: 'kubeconfig', bundle: ensureBundle(), env });
    const started = running;
    world.alsoSearch('the output of the process', () => started.output());
    await started.ready();
  };

  // Rule 16
  test('whose own identity is switched off lets no object use it, and says so', async () => {
    await start({
      ECR_OPERATOR_AMBIENT_CREDENTIALS: 'none',
      AWS_ACCESS_KEY_ID: GOOD_KEY.accessKeyId,
      AWS_SECRET_ACCESS_KEY: GOOD_KEY.secretAccessKey,
    });
    const namespace = await world.api.createNamespace();
    const awsAccess = { region: 'eu-west-1', ambient: {} };
    await createClusterPullSecret(world.api, 'ambient', { awsAccess, namespaces: [namespace] });
    const status = await world.status(
      CLUSTER_PATH('ambient'),
      (found) => conditionOf(found, 'Ready')?.status === 'False',
    );
    assert.match(conditionOf(status, 'Ready')?.message ?? '', /switched off \(--ambient-credentials=none\)/);
    assert.equal(world.aws.calls(), 0);
  });

  // Rule 12
  test('that is to renew one secret a second takes its time over five', async () => {
    await start({ ECR_OPERATOR_RENEWALS_PER_SECOND: '1' });
    const namespaces = await Promise.all(Array.from({ length: 5 }, () => world.api.createNamespace()));
    await createClusterPullSecret(world.api, 'slow', { namespaces });
    await world.ready(CLUSTER_PATH('slow'));
    const look = async (namespace: string): Promise<{ readonly version: string; readonly writtenAt: string }> => {
      const { metadata } = await world.api.must('GET', SECRET_PATH(namespace, 'ecr-login'));
      return { version: metadata.resourceVersion, writtenAt: metadata.managedFields.at(-1).time };
    };
    const before = await Promise.all(namespaces.map(look));
    const annotations = { 'aws.zakariaamine.com/reconcile-at': 'now' };
    await world.api.merge(CLUSTER_PATH('slow'), { metadata: { annotations } });
    const times = await eventually(async () => {
      const all = await Promise.all(namespaces.map(look));
      const areRenewed = all.every(({ version }, index) => version !== before[index]?.version);
      return areRenewed ? all.map(({ writtenAt }) => writtenAt) : undefined;
    }, 30_000);
    // By the API server's own clock. The first needs no slot; at fifty a second two of these would do.
    assert.ok(new Set(times).size > 2, times.join(' '));
  });
});
