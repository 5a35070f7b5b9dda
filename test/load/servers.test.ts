// What a client can send to a port of the operator: connections that say nothing, answers that it does not read,
// reviews of all kinds. Meanwhile the operator answers probes and scrapes, serves objects, and answers the API server's
// own reviews.

import assert from 'node:assert/strict';
import { connect as connectPlain, type Socket } from 'node:net';
import { before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { connect } from 'node:tls';
import { API_VERSION, NAMESPACED_KIND } from '../../src/api/names.ts';
import { METRIC } from '../../src/operator/telemetry/metric-catalogue.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { findFreePort } from '../../testing/control-plane/free-port.ts';
import type { OperatorProcess } from '../../testing/operator/operator-process.ts';
import { NAMESPACED_PATH } from '../../testing/operator/world.ts';
import { ACCESS, createPullSecret } from '../scenario/manifests.ts';
import { configure, forgedReview, type PostReply, post, REFUSED } from '../scenario/webhook-rig.ts';
import { IS_LONG, useLoad } from './rig.ts';

const MIB = 1024 * 1024;
const CONFIGURATION = 'flooded-by-load';
/** Objects in the metrics, so that their text is some hundred kilobytes. */
const OBJECTS = 400;
/** How long the clients that do not read go on. */
const UNREAD_MS = IS_LONG ? 40_000 : 8_000;
/** How much longer the scrapers go on until one is cut off. */
const PATIENCE_MS = 60_000;
const REVIEWS = IS_LONG ? 6_000 : 1_000;
const LARGE_REVIEWS = IS_LONG ? 1_000 : 200;

// Rules 14, 15, 18
describe('a flood of', () => {
  const load = useLoad();
  let webhookPort = 0;
  let namespace = '';
  before(async () => {
    webhookPort = await findFreePort();
    await configure({ api: load.api }, { configuration: CONFIGURATION }, [webhookPort]);
    namespace = await load.api.createNamespace();
  });

  /** Refused by the server itself, and by nothing else: the webhook answers the API server. */
  const isHeeded = async (): Promise<boolean> => {
    const { status } = await load.api.send('POST', `${NAMESPACED_PATH(namespace)}?dryRun=All`, {
      apiVersion: API_VERSION,
      kind: NAMESPACED_KIND,
      metadata: { name: 'probe' },
      spec: { awsAccess: REFUSED, secretName: 'probe' },
    });
    return status === 403;
  };
  const heeds = (): Promise<true> => eventually(async () => ((await isHeeded()) ? true : undefined));
  const refused = (operator: OperatorProcess, server: string, bound: string): Promise<number> =>
    operator.metric(METRIC.refusals.name, (series) => series.includes(`"${server}"`) && series.includes(`"${bound}"`));
  const during = (work: (operator: OperatorProcess) => Promise<void>): Promise<number> =>
    load.during(
      async (operator) => {
        await eventually(() => post(webhookPort, 'null'));
        await heeds();
        await work(operator);
        assert.equal((await operator.probe('/healthz')).status, 200);
        await heeds();
      },
      {
        ECR_OPERATOR_WEBHOOK_BIND_ADDRESS: `127.0.0.1:${webhookPort}`,
        ECR_OPERATOR_WEBHOOK_CONFIGURATION_NAME: CONFIGURATION,
        ECR_OPERATOR_WEBHOOK_DNS_NAMES: '127.0.0.1',
        ECR_OPERATOR_WEBHOOK_AUTHORITY_SECRET: CONFIGURATION,
      },
    );
  const portsOf = (operator: OperatorProcess): readonly number[] =>
    ['metricsPort', 'probePort'].map((name) => Number(new RegExp(`"${name}":(\\d+)`).exec(operator.output())?.[1]));
  const quiet = (socket: Socket): Socket => socket.on('error', () => {});
  const tls = (): Socket => quiet(connect({ host: '127.0.0.1', port: webhookPort, rejectUnauthorized: false }));

  test('connections that say nothing, half a handshake or half a request, ten times as many as there may be, keeps no other client out', async (t) => {
    const most = await during(async (operator) => {
      const open: Socket[] = [];
      const hello = Buffer.from('16030100c8010000c40303', 'hex');
      for (let wave = 0; wave < 10; wave += 1) {
        for (const port of portsOf(operator))
          for (let count = 0; count < 100; count += 1) {
            const socket = quiet(connectPlain(port, '127.0.0.1'));
            if (count % 2 === 0) socket.write('GET /metrics HTTP/1.1\r\nHost:');
            open.push(socket);
          }
        for (let count = 0; count < 200; count += 1) {
          const socket = count % 4 === 0 ? tls() : quiet(connectPlain(webhookPort, '127.0.0.1'));
          if (count % 4 === 1) socket.write(hello);
          open.push(socket);
        }
        assert.equal((await operator.probe('/healthz')).status, 200);
        await load.serves();
        await heeds();
      }
      for (const server of ['metrics', 'probes', 'webhook'])
        assert.ok((await refused(operator, server, 'connections')) > 0, server);
      for (const socket of open) socket.destroy();
    });
    t.diagnostic(`${Math.round(most / 1e6)} MB at most`);
  });

  test('scrapes without a reader is cut off, and the next scrape is answered', async (t) => {
    const many = await load.createNamespace();
    await load.each(
      Array.from({ length: OBJECTS }, (_, index) => index),
      (index) => createPullSecret(load.api, many, `o-${index}`, { secretName: `o-${index}` }),
    );
    const most = await during(async (operator) => {
      const isReady = (series: string): boolean => series.includes('"ready"');
      await eventually(
        async () => ((await operator.metric(METRIC.secrets.name, isReady)) >= OBJECTS ? true : undefined),
        60_000,
      );
      const [port = 0] = portsOf(operator);
      const end = performance.now() + UNREAD_MS;
      const over = new AbortController();
      // A client that goes on asking has too many requests in hand before the text of them all is too much.
      const refusals = async (): Promise<readonly number[]> => [
        await refused(operator, 'metrics', 'pipelined'),
        await refused(operator, 'metrics', 'unread'),
      ];
      const isCut = async (): Promise<boolean> => (await refusals()).some((count) => count > 0);
      const scrapers = Array.from({ length: 12 }, async () => {
        while (!over.signal.aborted) {
          const socket = quiet(connectPlain(port, '127.0.0.1'));
          socket.pause();
          for (let count = 0; count < 400 && !socket.destroyed && !over.signal.aborted; count += 1) {
            // Until the buffers of the kernel are full, some ten megabytes, nothing waits here.
            socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2));
            await pause(20);
          }
          socket.destroy();
        }
      });
      await load.servesUntil(async () => {
        assert.equal((await operator.probe('/healthz')).status, 200);
        const now = performance.now();
        // On a busy machine the buffers of the kernel fill more slowly.
        if (now > end && ((await isCut()) || now > end + PATIENCE_MS)) over.abort();
        return over.signal.aborted;
      });
      await Promise.all(scrapers);
      t.diagnostic(`a scrape has ${Math.round((await operator.metrics()).length / 1e3)} kB`);
      t.diagnostic(`${(await refusals()).join(' and ')} connections were closed`);
      assert.ok(await isCut());
    });
    t.diagnostic(`${Math.round(most / 1e6)} MB at most`);
  });

  /** Sends to the webhook, so many at a time, and counts each kind of answer. */
  const review = async (
    count: number,
    atOnce: number,
    bodyOf: (index: number) => string,
  ): Promise<Map<string, number>> => {
    const outcomes = new Map<string, number>();
    let next = 0;
    const send = async (): Promise<void> => {
      while (next < count) {
        const body = bodyOf(next++);
        // The operator closes a connection that it does not want to read to the end.
        const reply = await post(webhookPort, body).catch((): PostReply => ({ status: 0, body: '' }));
        const outcome = String(reply.status || 'closed');
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, send));
    return outcomes;
  };
  const forged = (awsAccess: object, more: object = {}): string =>
    forgedReview({
      kind: NAMESPACED_KIND,
      metadata: { name: 'a', namespace },
      spec: { awsAccess: { region: 'eu-west-1', ...awsAccess }, secretName: 'a' },
      ...more,
    });

  test('reviews that are large, deep, or full of values is refused in words, and small ones are answered', async (t) => {
    const padded = (padding: unknown): string => forged({ secretRef: { name: 'a' } }, { padding });
    const bodies = [
      padded('x'.repeat(3 * MIB - 1_000)),
      padded(Array.from({ length: 90_000 }, () => ({}))),
      padded('ü'.repeat(MIB)),
      `[${'{},'.repeat(MIB - 10)}{}]`,
      '['.repeat(3 * MIB),
      '{"a":'.repeat(MIB / 2),
    ];
    const most = await during(async (operator) => {
      let isOver = false;
      const sending = review(LARGE_REVIEWS, 40, (index) => bodies[index % bodies.length] ?? '').finally(() => {
        isOver = true;
      });
      const others = load.servesUntil(async () => {
        await heeds();
        return isOver;
      });
      const [outcomes] = await Promise.all([sending, others]);
      t.diagnostic(`${JSON.stringify([...outcomes])}; ${await others} others served meanwhile`);
      for (const outcome of ['200', '413']) assert.ok((outcomes.get(outcome) ?? 0) > 0, outcome);
      assert.ok((await refused(operator, 'webhook', 'bytes')) > 0);
    });
    t.diagnostic(`${Math.round(most / 1e6)} MB at most`);
  });

  for (const [what, atAws, awsAccess] of [
    [
      'keys to be tried',
      1,
      (index: number) => ({ ...ACCESS, accessKeyId: `AKIAFORGED${String(index).padStart(10, '0')}` }),
    ],
    ['Secrets to be looked for', 0, (index: number) => ({ secretRef: { name: `forged-${index}` } })],
  ] as const)
    test(`reviews that name ${what} is let through with a warning, and few are looked up`, async (t) => {
      const most = await during(async (operator) => {
        load.aws.clearLog();
        const begun = performance.now();
        let isOver = false;
        const sending = review(REVIEWS, 100, (index) => forged(awsAccess(index))).finally(() => {
          isOver = true;
        });
        const [outcomes] = await Promise.all([sending, load.servesUntil(() => isOver)]);
        const seconds = (performance.now() - begun) / 1_000;
        const warned = await operator.metric(METRIC.webhookReviews.name, (series) => series.includes('"warned"'));
        t.diagnostic(`${JSON.stringify([...outcomes])} in ${seconds.toFixed(1)} s, ${warned} warned`);
        assert.ok((outcomes.get('200') ?? 0) > 0);
        assert.ok(warned > 0);
        const calls = load.aws.calls(({ accessKeyId }) => accessKeyId?.startsWith('AKIAFORGED') ?? false);
        assert.ok(calls <= atAws * (50 + 10 * (seconds + 1)), String(calls));
      });
      t.diagnostic(`${Math.round(most / 1e6)} MB at most`);
    });
});
