// Measures the rows of docs/design/performance.md: the built operator beside the floor, in one run on one real API
// server. What counts is the ratio; seconds and megabytes are those of this machine. Prints a table, writes
// bench/results/latest.json.

import { mkdirSync, writeFileSync } from 'node:fs';
import { eventually } from '../testing/api-server/test-api.ts';
import { type BareClient, createBareClient } from './bare-client.ts';
import { bystanders } from './bystanders.ts';
import { median, memoryAtRest, memoryOf, pause, settled, timed } from './measure.ts';
import { progress, report, rows, table } from './report.ts';
import { largeObjects, scale } from './scale.ts';
import { type Bench, closeStage, openStage, restart, startOperator } from './stage.ts';
import {
  CLUSTER_OBJECTS,
  cleanUp,
  createClusterObject,
  createNamespaces,
  createObject,
  KEY,
  numbered,
  OBJECTS,
  untilReady,
  writeBare,
  writeBareCluster,
} from './work.ts';

const COUNT = 300;
const ROUNDS = 3;
const FOREIGN = 5_000;
const SAMPLES = 20;
const TOKEN_LIFE_MS = 20_000;
const TOKEN_WATCH_MS = 45_000;

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`;
const ratio = (ours: number, floor: number): string =>
  `${(ours / floor).toFixed(2)}× floor (${seconds(ours)} / ${seconds(floor)})`;

/** Rounds of the floor and of ours in turn, so that what the machine does meanwhile hits both. */
async function rounds(
  bench: Bench,
  floor: (round: number, client: BareClient) => Promise<unknown>,
  ours: (round: number) => Promise<unknown>,
): Promise<{ ours: number; floor: number }> {
  const times = { ours: [] as number[], floor: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    await bench.operator.end();
    // A process that has just begun, like the operator: its connections are opened in the measured time.
    const fresh = createBareClient(bench.plane);
    times.floor.push(await timed(() => floor(round, fresh)));
    await cleanUp(bench.client);
    bench.operator = await startOperator(bench);
    await bench.aws.control('DELETE', 'requests');
    await pause(500);
    times.ours.push(await timed(() => ours(round)));
    if (round < ROUNDS - 1) await cleanUp(bench.client);
  }
  return { ours: median(times.ours), floor: median(times.floor) };
}

async function namespacedObjects(bench: Bench): Promise<void> {
  const { client } = bench;
  const names = numbered('object', COUNT);
  const spread = numbered('ns', COUNT);
  const result = await rounds(
    bench,
    (round, bare) =>
      bare.each(names, (name) => writeBare(bare, spread[names.indexOf(name)] ?? '', `${name}-floor-${round}`)),
    (round) =>
      untilReady(client, OBJECTS, COUNT, () =>
        client.each(names, (name) => createObject(client, spread[names.indexOf(name)] ?? '', `${name}-${round}`)),
      ),
  );
  report(
    `${COUNT} namespaced objects with one key, created → all Ready`,
    ratio(result.ours, result.floor),
    '≤ 1.5× floor',
    result.ours <= 1.5 * result.floor,
  );
  const calls = (await bench.aws.calls()).length;
  report('… AWS calls', String(calls), '1', calls === 1);
  const writes = (await settled(() => bench.operator.writes())) / COUNT;
  report('… writes per object (Secret + status + Event)', writes.toFixed(2), '≤ 3', writes <= 3);
  const atOnce = memoryOf(bench.operator.pid);
  const { rss, anon } = await memoryAtRest(bench.operator.pid);
  report(
    '… resident memory after, at rest',
    `${rss.toFixed(0)} MB (${anon.toFixed(0)} MB its own); ${atOnce.rss.toFixed(0)} MB at once`,
    '≤ 85 MB',
    rss <= 85,
  );
}

async function clusterObject(bench: Bench): Promise<void> {
  const { client } = bench;
  const spread = numbered('ns', COUNT);
  await cleanUp(client);
  const result = await rounds(
    bench,
    (round, bare) => writeBareCluster(bare, `floor-${round}`, spread),
    (round) => untilReady(client, CLUSTER_OBJECTS, 1, () => createClusterObject(client, `many-${round}`, spread)),
  );
  report(
    `one cluster object × ${COUNT} namespaces, created → Ready`,
    ratio(result.ours, result.floor),
    '≤ 1.5× floor',
    result.ours <= 1.5 * result.floor,
  );
  const calls = (await bench.aws.calls()).length;
  report('… AWS calls', String(calls), '1', calls === 1);
}

async function restarts(bench: Bench): Promise<void> {
  const { client } = bench;
  await client.each(numbered('object', COUNT), (name) => createObject(client, name.replace('object', 'ns'), name));
  await eventually(async () => {
    const ready = await bench.operator.metric('ecr_operator_secrets', (series) => series.includes('"ready"'));
    return ready >= 2 * COUNT ? true : undefined;
  }, 60_000);
  await settled(() => bench.operator.writes());
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
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
  report('process start → ready', seconds(median(times)), '≤ 0.3 s', median(times) <= 300);
}

async function foreignSecrets(bench: Bench): Promise<void> {
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

async function latencies(bench: Bench): Promise<void> {
  const { client } = bench;
  const there = async (path: string): Promise<boolean> =>
    client.send('GET', path).then(
      () => true,
      () => false,
    );
  const until = (path: string): Promise<true> => eventually(async () => ((await there(path)) ? true : undefined));
  const restored: number[] = [];
  // Each time another one: who deletes the same Secret again and again is answered less and less often.
  for (const name of numbered('object', SAMPLES)) {
    const path = `/api/v1/namespaces/${name.replace('object', 'ns')}/secrets/login-${name}`;
    await until(path);
    await client.send('DELETE', path);
    restored.push(await timed(() => until(path)));
    await pause(100);
  }
  report(
    'Secret deleted → restored',
    `${median(restored).toFixed(0)} ms, at most ${Math.max(...restored).toFixed(0)} ms`,
    '≤ 100 ms',
    median(restored) <= 100,
  );
  await client.send('POST', CLUSTER_OBJECTS, {
    apiVersion: 'aws.zakariaamine.com/v1alpha2',
    kind: 'ClusterAWSECRImagePullSecret',
    metadata: { name: 'selecting' },
    spec: {
      awsAccess: { region: 'eu-west-1', accessKeyId: KEY.id, secretAccessKey: KEY.secret },
      secretName: 'selected',
      namespaceSelector: { matchLabels: { bench: 'selected' } },
    },
  });
  const served: number[] = [];
  for (const name of numbered('selected', SAMPLES)) {
    served.push(
      await timed(async () => {
        await createNamespaces(client, [name], { bench: 'selected' });
        await until(`/api/v1/namespaces/${name}/secrets/selected`);
      }),
    );
  }
  report(
    'namespace created → Secret there',
    `${median(served).toFixed(0)} ms, at most ${Math.max(...served).toFixed(0)} ms`,
    '≤ 100 ms',
    median(served) <= 100,
  );
}

async function shortTokens(bench: Bench): Promise<void> {
  const { client } = bench;
  await bench.aws.control('POST', 'token-life', { ms: TOKEN_LIFE_MS });
  // A region that has no login yet: one that ends sooner never takes the place of one that is held.
  await createObject(client, 'ns-0001', 'short', 'eu-central-1');
  const read = async (): Promise<number | undefined> => {
    const secret = (await client
      .send('GET', '/api/v1/namespaces/ns-0001/secrets/login-short')
      .catch(() => undefined)) as { metadata: { annotations: { expiry: string } } } | undefined;
    const left = secret ? Date.parse(secret.metadata.annotations.expiry) - Date.now() : undefined;
    return left !== undefined && left <= TOKEN_LIFE_MS ? left : undefined;
  };
  await eventually(read);
  let [samples, expired] = [0, 0];
  const end = performance.now() + TOKEN_WATCH_MS;
  while (performance.now() < end) {
    const left = await read();
    samples += 1;
    if (left === undefined || left <= 0) expired += 1;
    await pause(50);
  }
  report(
    `looks that see an expired token, of tokens that live ${TOKEN_LIFE_MS / 1_000} s`,
    `${expired} of ${samples}`,
    '0',
    expired === 0,
  );
}

const USUAL = { namespacedObjects, clusterObject, restarts, foreignSecrets, latencies, bystanders, shortTokens };
/** These take minutes, and disk: by name only. */
const PARTS = { ...USUAL, largeObjects, scale };
const chosen = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(USUAL);
const unknown = chosen.filter((name) => !Object.hasOwn(PARTS, name));
if (unknown.length > 0) {
  console.error(`no part of the bench: ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}`);
  process.exit(2);
}
progress('starting a control plane, the stand-in and the operator');
const stage = await openStage(numbered('ns', COUNT));
const bench: Bench = { ...stage, operator: await startOperator(stage) };
for (const [name, part] of Object.entries(PARTS)) if (chosen.includes(name)) await part(bench);
await bench.operator.end();
await closeStage(stage);
mkdirSync('bench/results', { recursive: true });
writeFileSync(
  'bench/results/latest.json',
  `${JSON.stringify({ kubernetes: stage.plane.version, node: process.version, rows: rows() }, undefined, 2)}\n`,
);
console.log(`\n${table()}\n\nas JSON: bench/results/latest.json`);
process.exit(0);
