// Another build of the operator beside this one, on one API server: node bench/compare.ts BUNDLE [ROUNDS]
//
// The two run in turn, each first every other time, and each ratio is taken within its round: what the machine does
// meanwhile hits both, which it does not when each is measured beside a floor in a run of its own.

import { existsSync } from 'node:fs';
import { installCrds } from '../testing/api-server/install-crds.ts';
import { createTestApi } from '../testing/api-server/test-api.ts';
import { startAwsProcess } from '../testing/aws/process.ts';
import { startControlPlane } from '../testing/control-plane/control-plane.ts';
import { startOperatorProcess } from '../testing/operator/operator-process.ts';
import { createBareClient } from './bare-client.ts';
import { cpuMsOf, median, memoryAtRest, memoryOf, pause, timed } from './measure.ts';
import { progress } from './report.ts';
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
} from './work.ts';

const COUNT = 300;
const [bundle = '', rounds = '5'] = process.argv.slice(2);
if (!existsSync(bundle)) {
  console.error(
    'usage: node bench/compare.ts BUNDLE [ROUNDS]: BUNDLE is the file that scripts/build.ts wrote in another checkout',
  );
  process.exit(2);
}

const FIGURES = [
  'start → ready, ms',
  '300 objects → all Ready, ms',
  '… processor time, ms',
  '… resident memory at once, MB',
  'cluster object × 300 → Ready, ms',
  '… processor time by then, ms',
  'resident memory at rest, MB',
] as const;
type Figures = Readonly<Record<(typeof FIGURES)[number], number>>;

const plane = await startControlPlane({
  controllerManager: true,
  prepare: (address) => installCrds(createTestApi(address)),
});
const aws = await startAwsProcess(KEY);
const client = createBareClient(plane);
// The API server sleeps 2 s on the first creations after a CRD is established.
await pause(5_000);
const spread = numbered('ns', COUNT);
await createNamespaces(client, spread);

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
await aws.stop();
await plane.stop();

for (const name of FIGURES) {
  const ratios = taken.map(({ ours, other }) => ours[name] / other[name]);
  const [ours, other] = [median(taken.map((one) => one.ours[name])), median(taken.map((one) => one.other[name]))];
  const spanned = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`;
  console.log(
    `${name.padEnd(34)} this ${ours.toFixed(0).padStart(5)}  other ${other.toFixed(0).padStart(5)}  ratio ${median(ratios).toFixed(2)} (${spanned})`,
  );
}
process.exit(0);
