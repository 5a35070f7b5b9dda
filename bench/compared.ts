// What is compared of two builds, in parts; each begins and ends without objects.

import { type OperatorProcess, startOperatorProcess } from '../testing/operator/operator-process.ts';
import { cpuMsOf, median, memoryAtRest, memoryOf, pause, timed, watchMemory } from './measure.ts';
import type { Stage } from './stage.ts';
import {
  addKeys,
  CLUSTER_OBJECTS,
  createClusterObject,
  createObject,
  createRegionsObjects,
  OBJECTS,
  untilReady,
} from './work.ts';

/** By what is measured. */
export type Figures = Readonly<Record<string, number>>;

/** @param bundle  undefined: this checkout's @param round  a text that no other measurement has */
type Part = (
  stage: Stage,
  bundle: string | undefined,
  namespaces: readonly string[],
  round: string,
) => Promise<Figures>;

const STARTS = 5;

async function startOf({ plane, aws }: Stage, bundle: string | undefined): Promise<OperatorProcess> {
  return await startOperatorProcess({ plane, awsUrl: aws.url, access: 'pod', ...(bundle ? { bundle } : {}) });
}

/** Several starts: one is short. */
async function startTimes(stage: Stage, bundle: string | undefined): Promise<Figures> {
  const [times, cpu]: [number[], number[]] = [[], []];
  for (let start = 0; start < STARTS; start += 1) {
    const operator = await startOf(stage, bundle);
    times.push(await operator.ready());
    cpu.push(cpuMsOf(operator.pid));
    await operator.end();
  }
  return { 'start → ready, ms': median(times), '… processor time, ms': median(cpu) };
}

const empty: Part = async (stage, bundle) => {
  const times = await startTimes(stage, bundle);
  const operator = await startOf(stage, bundle);
  await operator.ready();
  const { rss, anon } = await memoryAtRest(operator.pid);
  await operator.end();
  return { ...times, 'at rest without objects: rss, MB': rss, '… its own, MB': anon };
};

const burst: Part = async (stage, bundle, namespaces, round) => {
  const { client } = stage;
  const operator = await startOf(stage, bundle);
  await operator.ready();
  await pause(500);
  const peak = watchMemory(operator.pid);
  const begun = cpuMsOf(operator.pid);
  const objects = await timed(() =>
    untilReady(client, OBJECTS, namespaces.length, () =>
      client.each(namespaces, (name) => createObject(client, name, `${name}-${round}`)),
    ),
  );
  const [cpu, { rss: atOnce }] = [cpuMsOf(operator.pid), memoryOf(operator.pid)];
  await pause(1_000);
  const rested = cpuMsOf(operator.pid);
  const cluster = await timed(() =>
    untilReady(client, CLUSTER_OBJECTS, 1, () => createClusterObject(client, `many-${round}`, namespaces)),
  );
  const cpuAfter = cpuMsOf(operator.pid);
  const most = peak();
  const { rss, anon } = await memoryAtRest(operator.pid);
  await operator.end();
  const again = await startTimes(stage, bundle);
  return {
    '300 objects → all Ready, ms': objects,
    '… processor time, ms ': cpu - begun,
    '… resident memory at once, MB': atOnce,
    'cluster object × 300 → Ready, ms': cluster,
    '… processor time, ms  ': cpuAfter - rested,
    'peak of 600 Secrets: its own, MB': most,
    'at rest: resident memory, MB': rss,
    '… its own, MB ': anon,
    'start → ready with objects, ms': again['start → ready, ms'] ?? Number.NaN,
    '… processor time, ms   ': again['… processor time, ms'] ?? Number.NaN,
  };
};

/** Just started, without the first object's cold code before it. */
const cluster: Part = async (stage, bundle, namespaces, round) => {
  const { client } = stage;
  const operator = await startOf(stage, bundle);
  await operator.ready();
  await pause(500);
  const begun = cpuMsOf(operator.pid);
  const time = await timed(() =>
    untilReady(client, CLUSTER_OBJECTS, 1, () => createClusterObject(client, `cold-${round}`, namespaces)),
  );
  const cpu = cpuMsOf(operator.pid) - begun;
  await operator.end();
  return { 'cold: cluster object × 300, ms': time, '… processor time, ms    ': cpu };
};

const regions: Part = async (stage, bundle, namespaces, round) => {
  const { client, aws } = stage;
  const keys = await addKeys(aws, namespaces.length);
  const operator = await startOf(stage, bundle);
  await operator.ready();
  await pause(500);
  const peak = watchMemory(operator.pid);
  const begun = cpuMsOf(operator.pid);
  const time = await timed(() =>
    untilReady(client, OBJECTS, namespaces.length, () => createRegionsObjects(client, namespaces, keys, round)),
  );
  const cpu = cpuMsOf(operator.pid) - begun;
  const { rss: atOnce } = memoryOf(operator.pid);
  const most = peak();
  const { rss, anon } = await memoryAtRest(operator.pid);
  await operator.end();
  return {
    '300 objects × 3 regions, ms': time,
    '… processor time, ms     ': cpu,
    '… resident memory at once, MB ': atOnce,
    '… peak of its own, MB': most,
    '… at rest: resident memory, MB': rss,
    '… its own, MB  ': anon,
  };
};

export const COMPARED: Readonly<Record<string, Part>> = { empty, burst, cluster, regions };
