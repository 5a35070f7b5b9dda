// An operator with its objects in place: restarts, Secrets of others, and what it sends at rest.

import { eventually } from '../testing/api-server/test-api.ts';
import { median, memoryAtRest, pause, settled, spreadOf } from './measure.ts';
import { progress, report } from './report.ts';
import { type Bench, restart } from './stage.ts';
import { COUNT, cleanUp, createClusterObject, createNamespaces, createObject, numbered } from './work.ts';

const RESTARTS = 9;
const FOREIGN = 5_000;
/** Longer than the time after which the API server ends a watch. */
const REST_MS = 10 * 60_000;
const HOUR_MS = 3_600_000;

/** The objects that the rows here want: 300 namespaced ones, and one in all namespaces. */
async function createStanding({ client, operator }: Bench): Promise<void> {
  const spread = numbered('ns', COUNT);
  await client.each(numbered('object', COUNT), (name) => createObject(client, name.replace('object', 'ns'), name));
  await createClusterObject(client, 'standing', spread);
  await eventually(async () => {
    const ready = await operator.metric('ecr_operator_secrets', (series) => series.includes('"ready"'));
    return ready >= 2 * COUNT ? true : undefined;
  }, 60_000);
  await settled(() => operator.writes());
}

export async function restarts(bench: Bench): Promise<void> {
  await cleanUp(bench.client);
  await createStanding(bench);
  const times: number[] = [];
  for (let round = 0; round < RESTARTS; round += 1) {
    await restart(bench);
    times.push(await bench.operator.ready());
  }
  await eventually(
    async () => ((await bench.operator.metric('controller_runtime_reconcile_total')) > COUNT ? true : undefined),
    60_000,
  );
  const writes = await settled(() => bench.operator.writes());
  const calls = (await bench.aws.calls()).length;
  report('restart with both in place: AWS calls, writes', `${calls}, ${writes}`, '0, 0', calls === 0 && writes === 0);
  report(
    'process start → ready',
    `${(median(times) / 1_000).toFixed(3)} s (${spreadOf(times).least.toFixed(0)} to ${spreadOf(times).most.toFixed(0)} ms)`,
    '≤ 0.25 s',
    median(times) <= 250,
  );
}

export async function foreignSecrets(bench: Bench): Promise<void> {
  const { client } = bench;
  const rest = async (): Promise<number> => {
    await restart(bench);
    return (await memoryAtRest(bench.operator.pid)).rss;
  };
  const before = await rest();
  const data = { value: Buffer.alloc(4_096, 'x').toString('base64') };
  await createNamespaces(client, ['foreign']);
  await client.each(numbered('foreign', FOREIGN), (name) =>
    client.send('POST', '/api/v1/namespaces/foreign/secrets', {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name },
      data,
    }),
  );
  const after = await rest();
  report(
    `${FOREIGN} foreign Secrets of 4 KB`,
    `${(after - before).toFixed(1)} MB more (${before.toFixed(0)} → ${after.toFixed(0)} MB)`,
    '+0 MB',
    after - before < 2,
  );
}

/** All requests to the API server, watches and the Lease of an elected leader included. */
export async function requestsAtRest(bench: Bench): Promise<void> {
  await cleanUp(bench.client);
  await createStanding(bench);
  const { operator } = bench;
  await memoryAtRest(operator.pid);
  const all = (): Promise<number> => operator.metric('rest_client_requests_total');
  const [requests, writes] = [await all(), await operator.writes()];
  progress(`${REST_MS / 60_000} minutes of rest`);
  await pause(REST_MS);
  const sent = (((await all()) - requests) * HOUR_MS) / REST_MS;
  const changing = (await operator.writes()) - writes;
  const words = `${sent.toFixed(0)} an hour, of which ${changing} change anything`;
  report('requests at rest', words, '≤ 450 an hour, 0 that change anything', sent <= 450 && changing === 0);
}
