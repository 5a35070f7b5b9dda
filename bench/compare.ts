// Another build of the operator beside this one, on one API server: node bench/compare.ts BUNDLE [ROUNDS]
//
// The two run in turn, each first every other time, and each ratio is taken within its round: what the machine does
// meanwhile hits both, which it does not when each is measured beside a floor in a run of its own.

import { existsSync } from 'node:fs';
import { startOperatorProcess } from '../testing/operator/operator-process.ts';
import { cpuMsOf, median, memoryAtRest, memoryOf, pause, timed } from './measure.ts';
import { progress } from './report.ts';
import { closeStage, openStage } from './stage.ts';
import { CLUSTER_OBJECTS, cleanUp, createClusterObject, createObject, numbered, OBJECTS, untilReady } from './work.ts';

const COUNT = 300;
const [bundle = '', rounds = '5'] = process.argv.slice(2);
if (!existsSync(bundle)) {
  console.error(
    'usage: node bench/compare.ts BUNDLE [ROUNDS]: BUNDLE is the file that scripts/build.ts wrote in another checkout',
  );
  process.exit(2);
}

/** By what is measured. */
type Figures = Readonly<Record<string, number>>;

const spread = numbered('ns', COUNT);
const stage = await openStage(spread);
const { plane, aws, client } = stage;

async function measure(which: string | undefined, round: string): Promise<Figures> {
  const other = which === undefined ? {} : { bundle: which };
  const operator = await startOperatorProcess({ plane, awsUrl: aws.url, access: 'pod', ...other });
  const started = await operator.ready();
  await pause(500);
  const objects = await timed(() =>
    untilReady(client, OBJECTS, COUNT, () =>
      client.each(spread, (name) => createObject(client, name, `${name}-${round}`)),
    ),
  );
  const [cpu, { rss: atOnce }] = [cpuMsOf(operator.pid), memoryOf(operator.pid)];
  await pause(1_000);
  const cluster = await timed(() =>
    untilReady(client, CLUSTER_OBJECTS, 1, () => createClusterObject(client, `many-${round}`, spread)),
  );
  const cpuAfter = cpuMsOf(operator.pid);
  const { rss: atRest } = await memoryAtRest(operator.pid);
  await operator.end();
  await cleanUp(client);
  return {
    'start → ready, ms': started,
    '300 objects → all Ready, ms': objects,
    '… processor time, ms': cpu,
    '… resident memory at once, MB': atOnce,
    'cluster object × 300 → Ready, ms': cluster,
    '… processor time by then, ms': cpuAfter,
    'resident memory at rest, MB': atRest,
  };
}

// What runs first warms the API server up.
await measure(undefined, 'warm');
const taken: { readonly ours: Figures; readonly other: Figures }[] = [];
for (let round = 0; round < Number(rounds); round += 1) {
  progress(`round ${round + 1} of ${rounds}`);
  const first = round % 2 === 0 ? undefined : bundle;
  const one = await measure(first, `${round}-one`);
  const two = await measure(first === undefined ? bundle : undefined, `${round}-two`);
  taken.push(first === undefined ? { ours: one, other: two } : { ours: two, other: one });
}
await closeStage(stage);

for (const name of Object.keys(taken[0]?.ours ?? {})) {
  const figuresOf = (which: 'ours' | 'other'): readonly number[] => taken.map((one) => one[which][name] ?? Number.NaN);
  const [allOurs, allOther] = [figuresOf('ours'), figuresOf('other')];
  const ratios = allOurs.map((one, at) => one / (allOther[at] ?? Number.NaN));
  const [ours, other] = [median(allOurs), median(allOther)];
  const spanned = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`;
  console.log(
    `${name.padEnd(34)} this ${ours.toFixed(0).padStart(5)}  other ${other.toFixed(0).padStart(5)}  ratio ${median(ratios).toFixed(2)} (${spanned})`,
  );
}
process.exit(0);
