// The deprecated kind's CRD may be absent, come later and go again: the operator neither reports it nor waits for it.

import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, describe, test } from 'node:test';
import { LEGACY_API_VERSION, LEGACY_KIND } from '../../src/api/names.ts';
import { installCrds } from '../../testing/api-server/install-crds.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { asMinutesPass } from '../../testing/clocks/as-time-passes.ts';
import { createTravelClock } from '../../testing/clocks/travel-clock.ts';
import {
  CLUSTER_PATH,
  LEGACY_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { ACCESS } from './manifests.ts';

const CRD_PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/awsecrcredentials.aws.zakariaamine.com';

async function readiness({ operator }: RunningOperator): Promise<number | undefined> {
  const asked = request({ host: '127.0.0.1', port: operator.probePort, path: '/readyz' });
  asked.end();
  return await new Promise((resolve, reject) => {
    asked.on('error', reject);
    asked.on('response', (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
  });
}

describe('the CRD of the deprecated kind', () => {
  const world = useWorld();
  after(() => installCrds(world.api));

  const removeCrd = async (): Promise<void> => {
    await world.api.must('DELETE', CRD_PATH);
    await eventually(async () => ((await world.api.get(LEGACY_PATH())).status === 404 ? true : undefined), 60_000);
  };

  test('may go and come while the operator runs, and be absent when it starts', async () => {
    const clock = createTravelClock();
    const running = await world.startOperator({ clock });
    await removeCrd();
    const late = await world.startOperator();
    assert.equal(await readiness(late), 200);
    const resource = 'awsecrcredentials';
    assert.equal(await late.metric('ecr_operator_watch_failures_total', { resource }), 0);
    assert.ok((await late.metric('ecr_operator_watch_last_contact_timestamp_seconds', { resource })) > 0);
    await late.stop();
    for (let minute = 0; minute < 3; minute += 1) {
      const lists = await failedGets(running);
      await asMinutesPass(clock, async () => ((await failedGets(running)) > lists ? true : undefined));
    }
    assert.equal(await readiness(running), 200);
    assert.doesNotMatch(late.output(), /warn|error|awsecrcredentials/);
    // The minutes that passed at once cut watches, which the operator logs; it does not log the missing kind.
    assert.doesNotMatch(running.output(), /NotServed|does not know/);

    await installCrds(world.api);
    const namespace = await world.api.createNamespace();
    const { metadata } = await world.api.must('POST', LEGACY_PATH(), {
      apiVersion: LEGACY_API_VERSION,
      kind: LEGACY_KIND,
      metadata: { name: `late-${process.pid}` },
      spec: { awsAccess: ACCESS, secretName: 'ecr-login', namespaces: [namespace] },
    });
    await asMinutesPass(clock, async () =>
      (await world.api.get(CLUSTER_PATH(metadata.name))).status === 200 ? true : undefined,
    );
    await world.ready(CLUSTER_PATH(metadata.name));
    assert.equal((await world.api.get(SECRET_PATH(namespace, 'ecr-login'))).status, 200);
    await eventually(async () => {
      const { status, body } = await world.api.get(LEGACY_PATH(metadata.name));
      return status === 404 || body.metadata.deletionTimestamp !== undefined ? true : undefined;
    });
  });
});

/** Answers 404 to these requests. */
async function failedGets({ metric }: RunningOperator): Promise<number> {
  return await metric('rest_client_requests_total', { method: 'GET', code: '404' });
}
