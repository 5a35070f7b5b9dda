// Another build of the operator beside this one, on one API server: node bench/compare.ts BUNDLE [ROUNDS] [PART...]
//
// The two run in turn, each first every other time, and each ratio is taken within its round: what the machine does
// meanwhile hits both, which it does not when each is measured beside a floor in a run of its own.

import { existsSync } from 'node:fs';
import { argumentsOf, complain, countIn, mustBeParts } from './arguments.ts';
import { COMPARED, type Figures } from './compared.ts';
import { median } from './measure.ts';
import { progress } from './report.ts';
import { closeStage, openStage } from './stage.ts';
import { cleanUp, numbered } from './work.ts';

const COUNT = 300;
const USAGE = `node bench/compare.ts BUNDLE [ROUNDS] [PART...]: BUNDLE is the file that scripts/build.ts wrote in another checkout; the parts are ${Object.keys(COMPARED).join(', ')}`;
const [bundle = '', wanted = '5', ...named] = argumentsOf(USAGE, {}, Number.POSITIVE_INFINITY).words;
if (!existsSync(bundle)) complain(USAGE, bundle === '' ? 'BUNDLE is missing' : `there is no file ${bundle}`);
const rounds = countIn(wanted, 'ROUNDS', USAGE);
mustBeParts(named, COMPARED, USAGE);
const parts = Object.entries(COMPARED).filter(([name]) => named.length === 0 || named.includes(name));

const spread = numbered('ns', COUNT);
const stage = await openStage(spread);

async function measure(which: string | undefined, round: string): Promise<Figures> {
  let figures: Figures = {};
  for (const [, part] of parts) {
    figures = { ...figures, ...(await part(stage, which, spread, round)) };
    await cleanUp(stage.client);
  }
  return figures;
}

// What runs first warms the API server up.
progress('a round to warm up');
await measure(undefined, 'warm');
const taken: { readonly ours: Figures; readonly other: Figures }[] = [];
for (let round = 0; round < rounds; round += 1) {
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
    `${name.padEnd(36)} this ${ours.toFixed(1).padStart(7)}  other ${other.toFixed(1).padStart(7)}  ratio ${median(ratios).toFixed(2)} (${spanned})`,
  );
}
process.exit(0);
