// Another version of the operator beside this one, as while a Deployment rolls: OTHER_BUNDLE names the file that
// scripts/build.ts wrote in another checkout. That version may know nothing of leader election.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { RECONCILE_AT_ANNOTATION } from '../../src/api/names.ts';
import { watchSecrets } from '../../testing/api-server/secret-watch.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { type OperatorProcess, startOperatorProcess } from '../../testing/operator/operator-process.ts';
import { CLUSTER_PATH, NAMESPACED_PATH, SECRET_PATH } from '../../testing/operator/world.ts';
import { ensureBundle } from '../process/bundle.ts';
import { createClusterPullSecret, createPullSecret, passwordOf } from '../scenario/manifests.ts';
import { useLoad } from './rig.ts';

const OTHER = process.env['OTHER_BUNDLE'];
const NAMESPACES = 20;
const ROUNDS = 5;

// Rules 7, 11, 21
describe('another version beside this one', { skip: OTHER ? false : 'OTHER_BUNDLE names none' }, () => {
  const load = useLoad();
  const running: OperatorProcess[] = [];
  let namespaces: readonly string[] = [];
  before(async () => {
    namespaces = await Promise.all(Array.from({ length: NAMESPACES }, () => load.api.createNamespace()));
  });
  after(async () => {
    for (const process of running) await process.end('SIGKILL');
  });

  const start = async (which: 'this' | 'other'): Promise<OperatorProcess> => {
    const bundle = which === 'this' ? ensureBundle() : (OTHER ?? '');
    const env = which === 'this' ? { ECR_OPERATOR_LEADER_ELECT: 'true' } : {};
    const operator = await startOperatorProcess({
      plane: load.plane,
      awsUrl: load.aws.url,
      access: 'pod',
      bundle,
      env,
    });
    running.push(operator);
    await operator.ready();
    return operator;
  };
  /** Without the Lease. */
  const writes = async (operator: OperatorProcess): Promise<number> =>
    await operator.metric('rest_client_requests_total', (series) => series.includes('method="POST"'));

  for (const [first, second] of [
    ['other', 'this'],
    ['this', 'other'],
  ] as const) {
    test(`does no harm when ${first} is there first and is then ended`, async (t) => {
      const name = `many-${first}`;
      const before = await start(first);
      await createClusterPullSecret(load.api, name, { namespaces, secretName: name });
      await createPullSecret(load.api, namespaces[0] ?? '', name, { secretName: `own-${name}` });
      const isReady = async (): Promise<boolean> =>
        (await load.api.must('GET', CLUSTER_PATH(name))).status?.secrets?.ready === NAMESPACES;
      await eventually(async () => ((await isReady()) ? true : undefined));
      const { metadata } = await load.api.must('GET', '/api/v1/secrets?limit=1');
      const watch = watchSecrets(load.plane, metadata.resourceVersion);
      const after = await start(second);
      await pause(3_000);
      for (let round = 1; round <= ROUNDS; round += 1) {
        load.aws.setTokenLife(12 * 3_600_000 + round * 5_000);
        const mark = { metadata: { annotations: { [RECONCILE_AT_ANNOTATION]: `round ${round}` } } };
        await load.api.merge(CLUSTER_PATH(name), mark);
        await load.api.merge(NAMESPACED_PATH(namespaces[0] ?? '', name), mark);
        await pause(1_500);
      }
      const calls = load.aws.calls();
      const rest = [await writes(before), await writes(after)];
      await pause(3_000);
      assert.deepEqual([await writes(before), await writes(after)], rest, 'they do not come to rest');
      await before.end('SIGTERM');
      await pause(3_000);
      await load.api.must('DELETE', SECRET_PATH(namespaces[0] ?? '', name));
      const restored = await eventually(async () => {
        const { status, body } = await load.api.get(SECRET_PATH(namespaces[0] ?? '', name));
        return status === 200 ? body : undefined;
      });
      assert.ok(load.aws.isValidToken(passwordOf(restored)));
      assert.equal(load.aws.calls(), calls, 'the one that is left asks AWS again');
      watch.stop();
      for (const namespace of namespaces) {
        const ends = watch.events(name).flatMap((one) => (one.namespace === namespace ? (one.expiry ?? '') : []));
        assert.deepEqual(ends, ends.toSorted(), `${namespace} went back to an earlier login`);
      }
      await after.end('SIGTERM');
      t.diagnostic(`${calls} calls of AWS in ${ROUNDS} renewals of two objects with one key`);
    });
  }
});
