// Objects created all at once, until they are Ready, beside the floor.

import type { BareClient } from './bare-client.ts';
import { cpuMsOf, memoryAtRest, peakOf, settled } from './measure.ts';
import { reportMemoryAfter } from './memory.ts';
import { plot, progress, report } from './report.ts';
import { alternate, ROUNDS, type Times, wordsOf } from './rounds.ts';
import type { Bench } from './stage.ts';
import {
  addKeys,
  CLUSTER_OBJECTS,
  COUNT,
  cleanUp,
  createClusterObject,
  createObject,
  createRegionsObjects,
  numbered,
  OBJECTS,
  REGIONS,
  untilReady,
  writeBare,
  writeBareCluster,
} from './work.ts';

/** Does the work for each, and notes when each was done. */
async function timesOf(
  client: BareClient,
  names: readonly string[],
  work: (name: string, index: number) => Promise<void>,
): Promise<Times> {
  const begun = performance.now();
  const times: number[] = [];
  await client.each(names, async (name) => {
    await work(name, names.indexOf(name));
    times.push(performance.now() - begun);
  });
  return times;
}

/** How many there were by when: seconds, count. */
const curve = (times: Times): readonly (readonly [number, number])[] => [
  [0, 0] as const,
  ...times.toSorted((one, other) => one - other).map((ms, at) => [Math.round(ms) / 1_000, at + 1] as const),
];

export async function namespacedObjects(bench: Bench): Promise<void> {
  const names = numbered('object', COUNT);
  const spread = numbered('ns', COUNT);
  const result = await alternate(
    bench,
    (round, client) =>
      timesOf(client, names, (name, at) => writeBare(client, spread[at] ?? '', `${name}-floor-${round}`)),
    (round, client) =>
      untilReady(client, OBJECTS, COUNT, () =>
        client.each(names, (name) => createObject(client, spread[names.indexOf(name)] ?? '', `${name}-${round}`)),
      ),
  );
  const what = `${COUNT} namespaced objects with one key, created → all Ready`;
  report(what, wordsOf(result), '≤ 1.25× floor', result.ratio.median <= 1.25);
  plot({ operator: curve(result.times.ours), floor: curve(result.times.floor) });
  const calls = (await bench.aws.calls()).length;
  report('… AWS calls', String(calls), '1', calls === 1);
  const writes = (await settled(() => bench.operator.writes())) / COUNT;
  report('… writes per object (Secret + status + Event)', writes.toFixed(2), '≤ 3', writes <= 3);
  await reportMemoryAfter(bench, 85);
}

export async function clusterObject(bench: Bench): Promise<void> {
  const spread = numbered('ns', COUNT);
  const result = await alternate(
    bench,
    async (round, client) => {
      await writeBareCluster(client, `floor-${round}`, spread);
      return [];
    },
    (round, client) =>
      untilReady(client, CLUSTER_OBJECTS, 1, () => createClusterObject(client, `many-${round}`, spread)),
  );
  const what = `one cluster object × ${COUNT} namespaces, created → Ready`;
  report(what, wordsOf(result), '≤ 1.3× floor', result.ratio.median <= 1.3);
  const calls = (await bench.aws.calls()).length;
  report('… AWS calls', String(calls), '1', calls === 1);
}

export async function manyKeys(bench: Bench): Promise<void> {
  const names = numbered('keyed', COUNT);
  const spread = numbered('ns', COUNT);
  progress(`${COUNT} pairs of keys`);
  const keys = await addKeys(bench.aws, COUNT);
  const standInBefore = cpuMsOf(bench.aws.pid);
  const result = await alternate(
    bench,
    (round, client) =>
      timesOf(client, names, (name, at) =>
        writeBare(client, spread[at] ?? '', `${name}-floor-${round}`, REGIONS.length),
      ),
    (round, client) => untilReady(client, OBJECTS, COUNT, () => createRegionsObjects(client, spread, keys, `${round}`)),
  );
  const what = `${COUNT} objects × ${REGIONS.length} regions, a key each, created → all Ready`;
  report(what, wordsOf(result), '≤ 1.5× floor', result.ratio.median <= 1.5);
  const calls = (await bench.aws.calls()).length;
  report('… AWS calls', String(calls), String(COUNT * REGIONS.length), calls === COUNT * REGIONS.length);
  const [own, standIn] = [cpuMsOf(bench.operator.pid), cpuMsOf(bench.aws.pid) - standInBefore];
  report(
    '… processor time of one round',
    `operator ${(own / 1_000).toFixed(1)} s, stand-in for AWS ${(standIn / ROUNDS / 1_000).toFixed(1)} s`,
    'the floor has no logins',
    true,
  );
  const peak = peakOf(bench.operator.pid);
  const { rss, anon } = await memoryAtRest(bench.operator.pid);
  report(
    '… resident memory',
    `${peak.toFixed(0)} MB at its peak; ${rss.toFixed(0)} MB at rest (${anon.toFixed(0)} MB its own)`,
    '≤ 100 MB at its peak',
    peak <= 100,
  );
  await cleanUp(bench.client);
}
