// The webhook of the built operator: whatever a client sends to its port, the process lives within the chart's limit.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import pLimit from 'p-limit';
import { NAMESPACED_KIND } from '../../src/api/names.ts';
import { METRIC } from '../../src/operator/telemetry/metric-catalogue.ts';
import { installCrds } from '../../testing/api-server/install-crds.ts';
import { adminOf, createTestApi, eventually } from '../../testing/api-server/test-api.ts';
import { type AwsStandIn, startAwsStandIn } from '../../testing/aws/aws-stand-in.ts';
import { type ControlPlane, startControlPlane } from '../../testing/control-plane/control-plane.ts';
import { findFreePort } from '../../testing/control-plane/free-port.ts';
import { type OperatorProcess, startOperatorProcess } from '../../testing/operator/operator-process.ts';
import { configure, forgedReview, post } from '../scenario/webhook-rig.ts';
import { ensureBundle } from './bundle.ts';

const MIB = 1024 * 1024;
const FLOOD = 150;
/** Far more bodies than are read at once. */
const AT_ONCE = 40;

// Rules 14, 18
describe('a flood of large reviews', () => {
  let plane: ControlPlane;
  let aws: AwsStandIn;
  let operator: OperatorProcess;
  let port = 0;
  before(async () => {
    plane = await startControlPlane({ prepare: (address) => installCrds(createTestApi(address)) });
    aws = await startAwsStandIn({ accounts: [] });
    port = await findFreePort();
    await configure({ api: adminOf(plane) }, { configuration: 'flooded' }, [port]);
    const env = {
      ECR_OPERATOR_WEBHOOK_BIND_ADDRESS: `127.0.0.1:${port}`,
      ECR_OPERATOR_WEBHOOK_CONFIGURATION_NAME: 'flooded',
      ECR_OPERATOR_WEBHOOK_DNS_NAMES: '127.0.0.1',
    };
    operator = await startOperatorProcess({ plane, awsUrl: aws.url, access: 'pod', bundle: ensureBundle(), env });
    await operator.ready();
    await eventually(() => post(port, 'null'));
  });
  after(async () => {
    await operator?.end();
    await aws?.stop();
    await plane?.stop();
  });

  test('finds a webhook that has its metrics', async () => {
    const metrics = await operator.metrics();
    const own = Object.values(METRIC).filter(({ name }) => name.includes('_webhook_'));
    assert.equal(own.length, 4);
    for (const { name, help } of own) {
      assert.ok(metrics.includes(`# HELP ${name} ${help}\n`), name);
      assert.match(metrics, new RegExp(`^${name}(_count)?[{ ]`, 'm'));
    }
  });

  test('does not end the operator under the heap of the chart, nor keep it from answering', async (t) => {
    const awsAccess = { region: 'eu-west-1', secretRef: { name: 'a' } };
    const padded = (padding: unknown): string =>
      forgedReview({
        kind: NAMESPACED_KIND,
        metadata: { name: 'a', namespace: 'default' },
        spec: { awsAccess, secretName: 'a' },
        padding,
      });
    const bodies = [
      padded('x'.repeat(3 * MIB - 1_000)),
      padded(Array.from({ length: 90_000 }, () => ({}))),
      padded('x'.repeat(2 * MIB)),
      `[${'{},'.repeat(MIB - 10)}{}]`,
      '['.repeat(3 * MIB),
      '{"a":'.repeat(MIB / 2),
    ];
    const before = await operator.metric('process_resident_memory_bytes');
    let most = before;
    const limit = pLimit(AT_ONCE);
    const outcomes = new Map<string, number>();
    await Promise.all(
      Array.from({ length: FLOOD }, (_, index) =>
        limit(async () => {
          // The operator closes a connection that it does not want to read to the end.
          const outcome = await post(port, bodies[index % bodies.length] ?? '').then(
            ({ status }) => String(status),
            () => 'closed',
          );
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
          if (index % 20 === 0) most = Math.max(most, await operator.metric('process_resident_memory_bytes'));
        }),
      ),
    );
    t.diagnostic(
      `resident ${Math.round(before / MIB)} MiB before, ${Math.round(most / MIB)} at most; ${JSON.stringify([...outcomes])}`,
    );
    assert.equal(operator.code, undefined, operator.output());
    assert.ok((outcomes.get('200') ?? 0) > 0);
    assert.equal((await operator.probe('/healthz')).status, 200);
    assert.equal((await post(port, padded('small'))).status, 200);
  });
});
