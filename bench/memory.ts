// What the operator takes of memory: at the peak of a burst, at rest, and over the number of its Secrets.

import { API_VERSION } from '../src/api/names.ts';
import { eventually } from '../testing/api-server/test-api.ts';
import type { BareClient } from './bare-client.ts';
import { type Memory, median, memoryAtRest, memoryOf, pause, peakOf, spanned, watchMemory } from './measure.ts';
import { plot, progress, report } from './report.ts';
import { ROUNDS } from './rounds.ts';
import { type Bench, restart } from './stage.ts';
import {
  ACCESS,
  CLUSTER_OBJECTS,
  COUNT,
  cleanUp,
  createClusterObject,
  createNamespaces,
  createObject,
  numbered,
  OBJECTS,
  untilReady,
} from './work.ts';

/** The chart's settings for a limit of 256 Mi. */
const LARGER = { NODE_OPTIONS: '--max-old-space-size=128 --max-semi-space-size=1 --v8-pool-size=1' };
/** More Secrets than this are measured with that limit. */
const MOST_OF_USUAL = 3_000;
const AMOUNTS = [300, 1_000, 3_000, 10_000];

export const untilThere = (bench: Bench, secrets: number): Promise<true> =>
  eventually(async () => {
    if (bench.operator.code !== undefined) throw new Error(`it ended: ${bench.operator.output().slice(-1_000)}`);
    const ready = await bench.operator.metric('ecr_operator_secrets', (series) => series.includes('"ready"'));
    return ready >= secrets ? true : undefined;
  }, 600_000);

/** @param most  MB that it may have at rest */
export async function reportMemoryAfter({ operator }: Bench, most: number): Promise<void> {
  const atOnce = memoryOf(operator.pid);
  const { rss, anon } = await memoryAtRest(operator.pid);
  const words = `${rss.toFixed(0)} MB (${anon.toFixed(0)} MB its own); ${atOnce.rss.toFixed(0)} MB at once`;
  report('… resident memory after, at rest', words, `≤ ${most} MB`, rss <= most);
}

/** One burst says little: how much V8 has not collected yet at the peak differs by ten megabytes. */
export async function anonymousMemory(bench: Bench): Promise<void> {
  const [rests, peaks]: [Memory[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    await cleanUp(bench.client);
    await restart(bench);
    rests.push(await memoryAtRest(bench.operator.pid));
    peaks.push(await peakOfBurst(bench));
  }
  const most = median(peaks);
  const words = `${spanned(peaks, 1)} MB, ${ROUNDS} rounds`;
  report(`memory of its own, most while ${2 * COUNT} Secrets are made`, words, '≤ 45 MB', most <= 45);
  const [anon, rss] = [median(rests.map((one) => one.anon)), median(rests.map((one) => one.rss))];
  const rest = `${anon.toFixed(1)} MB of ${rss.toFixed(0)} MB resident`;
  report('… at rest, without objects', rest, '≤ 26 MB', anon <= 26);
  await cleanUp(bench.client);
}

/** By watches of the bench's own: a look at /metrics every few milliseconds would cost the operator memory. */
async function peakOfBurst({ client, operator }: Bench): Promise<number> {
  const peak = watchMemory(operator.pid);
  const spread = numbered('ns', COUNT);
  await Promise.all([
    untilReady(client, OBJECTS, COUNT, () => client.each(spread, (name) => createObject(client, name, name))),
    untilReady(client, CLUSTER_OBJECTS, 1, () => createClusterObject(client, 'all', spread)),
  ]);
  await pause(1_000);
  return peak();
}

/** Makes what is missing for so many Secrets. */
type Grow = (client: BareClient, from: number, to: number) => Promise<unknown>;

/** One object for each Secret, in 300 namespaces. */
const growObjects: Grow = (client, from, to) =>
  client.each(numbered('grown', to).slice(from), (name) => {
    const at = Number(name.slice('grown-'.length));
    return createObject(client, `ns-${String(at % COUNT).padStart(4, '0')}`, name);
  });

/** One object for all Secrets, and a namespace for each. */
export const growNamespaces: Grow = async (client, from, to) => {
  if (from === 0)
    await client.send('POST', CLUSTER_OBJECTS, {
      apiVersion: API_VERSION,
      kind: 'ClusterAWSECRImagePullSecret',
      metadata: { name: 'growing' },
      spec: { awsAccess: ACCESS, secretName: 'growing', namespaceSelector: { matchLabels: { bench: 'grown' } } },
    });
  await createNamespaces(client, numbered('grown', to).slice(from), { bench: 'grown' });
};

export async function memoryOverSecrets(bench: Bench): Promise<void> {
  await cleanUp(bench.client);
  const lines = {
    'one object each': await grow(bench, 'one object each', growObjects),
    'one cluster object': await grow(bench, 'one cluster object', growNamespaces),
  };
  for (const [name, points] of Object.entries(lines))
    plot({
      [`${name}: at rest`]: points.map(({ secrets, rest }) => [secrets, rest] as const),
      [`${name}: peak of a start`]: points.map(({ secrets, start }) => [secrets, start] as const),
      [`${name}: peak of the burst`]: points.map(({ secrets, burst }) => [secrets, burst] as const),
    });
}

interface Point {
  readonly secrets: number;
  /** Resident memory in MB: at rest after a start, the most until then, and the most while the Secrets were made. */
  readonly rest: number;
  readonly start: number;
  readonly burst: number;
}

async function grow(bench: Bench, name: string, more: Grow): Promise<readonly Point[]> {
  const round = (value: number): number => Math.round(value * 10) / 10;
  await restart(bench);
  const empty = await memoryAtRest(bench.operator.pid);
  const emptyPeak = round(peakOf(bench.operator.pid));
  const points: Point[] = [{ secrets: 0, rest: round(empty.rss), start: emptyPeak, burst: emptyPeak }];
  let before = 0;
  for (const secrets of AMOUNTS) {
    const env = secrets > MOST_OF_USUAL ? LARGER : {};
    if (secrets > MOST_OF_USUAL) await restart(bench, env);
    progress(`${name}: ${secrets} Secrets`);
    await more(bench.client, before, secrets);
    await untilThere(bench, secrets);
    const burst = round(peakOf(bench.operator.pid));
    await restart(bench, env);
    await untilThere(bench, secrets);
    const ready = await bench.operator.ready();
    const { rss, anon } = await memoryAtRest(bench.operator.pid);
    const start = round(peakOf(bench.operator.pid));
    points.push({ secrets, rest: round(rss), start, burst });
    const limit = secrets > MOST_OF_USUAL ? 256 : 128;
    report(
      `${secrets} Secrets, ${name}: resident memory`,
      `${rss.toFixed(0)} MB at rest (${anon.toFixed(0)} MB its own), ${start.toFixed(0)} MB at the peak of a start, ${burst.toFixed(0)} MB at that of the burst; ready after ${(ready / 1_000).toFixed(1)} s`,
      `≤ ${limit} MiB`,
      Math.max(start, burst) <= limit * 1.048_576,
    );
    before = secrets;
  }
  await cleanUp(bench.client);
  return points;
}
