// What a renewal costs: many Secrets of one cluster object, and 300 objects with a Secret each, whose logins are
// renewed at once because a user asks for it.

import { RECONCILE_AT_ANNOTATION } from '../src/api/names.ts';
import { eventually } from '../testing/api-server/test-api.ts';
import type { WatchedObject } from './bare-client.ts';
import { cpuMsOf, settled, timed } from './measure.ts';
import { growNamespaces, untilThere } from './memory.ts';
import { report } from './report.ts';
import { type Bench, restart } from './stage.ts';
import { CLUSTER_OBJECTS, COUNT, cleanUp, createObject, numbered, OBJECTS } from './work.ts';

const MANY = 3_000;
/** The chart's default of `renewalsPerSecond`. */
const PER_SECOND = 50;

interface Cost {
  readonly took: number;
  readonly cpu: number;
  readonly writes: number;
  readonly reads: number;
}

/** @param writesFor  whether so many writes are all of them */
async function costOf(
  { operator }: Bench,
  begin: () => Promise<unknown>,
  writesFor: (written: number) => boolean,
): Promise<Cost> {
  const reads = (): Promise<number> =>
    operator.metric('rest_client_requests_total', (series) => series.includes('method="GET"'));
  const [cpu, writes, before] = [cpuMsOf(operator.pid), await operator.writes(), await reads()];
  const took = await timed(async () => {
    await begin();
    await eventually(async () => (writesFor((await operator.writes()) - writes) ? true : undefined), 300_000);
  });
  await settled(() => operator.writes());
  return {
    took,
    cpu: cpuMsOf(operator.pid) - cpu,
    writes: (await operator.writes()) - writes,
    reads: (await reads()) - before,
  };
}

function words({ took, cpu, writes, reads }: Cost, secrets: number): string {
  const each = (cpu / secrets).toFixed(1);
  return `${(took / 1_000).toFixed(1)} s, ${writes} writes, ${reads} reads, ${(cpu / 1_000).toFixed(1)} s of a core (${each} ms a Secret)`;
}

export async function renewal(bench: Bench): Promise<void> {
  const { client } = bench;
  const mark = { metadata: { annotations: { [RECONCILE_AT_ANNOTATION]: 'now' } } };
  await cleanUp(client);
  await restart(bench);
  await growNamespaces(client, 0, MANY);
  await untilThere(bench, MANY);
  await settled(() => bench.operator.writes());
  const paced = await costOf(
    bench,
    () => client.send('PATCH', `${CLUSTER_OBJECTS}/growing`, mark),
    (written) => written >= MANY,
  );
  report(
    `${MANY} Secrets of one cluster object renewed`,
    words(paced, MANY),
    `${MANY / PER_SECOND} s by renewalsPerSecond`,
    paced.took <= (MANY / PER_SECOND) * 1_100,
  );
  await cleanUp(client);
  await restart(bench);
  const names = numbered('object', COUNT);
  await client.each(names, (name) => createObject(client, name.replace('object', 'ns'), name));
  await untilThere(bench, COUNT);
  await settled(() => bench.operator.writes());
  const { items } = (await client.send('GET', OBJECTS)) as { readonly items: readonly WatchedObject[] };
  const each = await costOf(
    bench,
    () =>
      client.each(items, ({ metadata: { namespace, name } }) =>
        client.send('PATCH', OBJECTS.replace(/[^/]+$/, `namespaces/${namespace}/$&/${name}`), mark),
      ),
    (written) => written >= 2 * COUNT,
  );
  report(
    `${COUNT} objects with a Secret each renewed`,
    words(each, COUNT),
    '≤ 4 writes each',
    each.writes <= 4 * COUNT,
  );
  const scrape = await bench.operator.metrics();
  const series = scrape.split('\n').filter((line) => line.startsWith('ecr_operator_resource_')).length;
  report(
    `… metrics with \`perObject\` for ${COUNT} objects`,
    `${(series / COUNT).toFixed(1)} series each, ${(scrape.length / 1_000).toFixed(0)} kB in all`,
    '≤ 12 series each',
    series <= 12 * COUNT,
  );
  await cleanUp(client);
}
