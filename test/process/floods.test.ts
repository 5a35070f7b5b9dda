// What any client can send to the servers of the built operator: it lives within the chart's limit, and answers its
// probes.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect as connectPlain, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { connect } from 'node:tls';
import { WEBHOOK_PATH } from '../../src/api/names.ts';
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
/** The chart's limit. */
const LIMIT = 128 * MIB;
const WAVES = 8;

// Rules 14, 15
describe('a flood', () => {
  let plane: ControlPlane;
  let aws: AwsStandIn;
  let operator: OperatorProcess;
  let webhookPort = 0;
  let metricsPort = 0;
  before(async () => {
    plane = await startControlPlane({ prepare: (address) => installCrds(createTestApi(address)) });
    aws = await startAwsStandIn({ accounts: [] });
    webhookPort = await findFreePort();
    await configure({ api: adminOf(plane) }, { configuration: 'flooded-by-many' }, [webhookPort]);
    const env = {
      ECR_OPERATOR_WEBHOOK_BIND_ADDRESS: `127.0.0.1:${webhookPort}`,
      ECR_OPERATOR_WEBHOOK_CONFIGURATION_NAME: 'flooded-by-many',
      ECR_OPERATOR_WEBHOOK_DNS_NAMES: '127.0.0.1',
      ECR_OPERATOR_WEBHOOK_AUTHORITY_SECRET: 'flooded-by-many',
    };
    operator = await startOperatorProcess({ plane, awsUrl: aws.url, access: 'pod', bundle: ensureBundle(), env });
    await operator.ready();
    await eventually(() => post(webhookPort, 'null'));
    metricsPort = Number(/"metricsPort":(\d+)/.exec(operator.output())?.[1]);
  });
  after(async () => {
    await operator?.end();
    await aws?.stop();
    await plane?.stop();
  });

  /** Private bytes: what the kernel counts against the limit. */
  const anonymous = (): number =>
    Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${operator.pid}/status`, 'utf8'))?.[1]) * 1024;

  /** Sends to so many connections at once, again when they are closed, and reads nothing. */
  const flood = async (open: () => Socket, text: string, connections: number): Promise<number> => {
    let most = 0;
    for (let wave = 0; wave < WAVES; wave += 1) {
      const sockets = Array.from({ length: connections }, () => {
        const socket = open();
        socket.on('error', () => {});
        socket.pause();
        socket.write(text);
        return socket;
      });
      for (let look = 0; look < 4; look += 1) {
        await pause(50);
        assert.equal(operator.code, undefined, operator.output());
        assert.equal((await operator.probe('/healthz')).status, 200);
        most = Math.max(most, anonymous());
      }
      for (const socket of sockets) socket.destroy();
    }
    return most;
  };
  const refused = (server: string, bound: string): Promise<number> =>
    operator.metric(METRIC.refusals.name, (series) => series.includes(`"${server}"`) && series.includes(`"${bound}"`));

  test('of scrapes without a reader, hundreds of thousands at once, leaves the probes and the next scrape as they were', async (t) => {
    const most = await flood(
      () => connectPlain(metricsPort, '127.0.0.1'),
      'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2_000),
      200,
    );
    t.diagnostic(`${Math.round(most / MIB)} MiB at most`);
    assert.ok(most < LIMIT, String(most));
    assert.ok((await refused('metrics', 'pipelined')) > 0);
  });

  test('of small reviews, hundreds on each of many connections, delays others only for a moment', async (t) => {
    const spec = { awsAccess: { region: 'eu-west-1', ambient: {} }, secretName: 'x', namespaces: ['none'] };
    const review = forgedReview({ kind: 'ClusterAWSECRImagePullSecret', metadata: { name: 'x' }, spec });
    const one = `POST ${WEBHOOK_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: ${review.length}\r\n\r\n${review}`;
    const most = await flood(
      () => connect({ host: '127.0.0.1', port: webhookPort, rejectUnauthorized: false }),
      one.repeat(200),
      150,
    );
    t.diagnostic(`${Math.round(most / MIB)} MiB at most`);
    assert.ok(most < LIMIT, String(most));
    assert.ok((await refused('webhook', 'pipelined')) > 0);
    await eventually(async () => ((await post(webhookPort, review)).status === 200 ? true : undefined));
  });
});
