// Measures the rows of docs/design/performance.md: the built operator beside the floor, in one run on one real API
// server. What counts is the ratio; seconds and megabytes are those of this machine.
//
//   node bench/bench.ts [--into FILE] [PART...]
//
// Prints a table, and puts each part into FILE (bench/results/latest.json).

import { argumentsOf, mustBeParts, mustBeWritable } from './arguments.ts';
import { bystanders } from './bystanders.ts';
import { clusterObject, manyKeys, namespacedObjects } from './creations.ts';
import { firstPods } from './first-pods.ts';
import { latencies, shortTokens } from './latencies.ts';
import { anonymousMemory, memoryOverSecrets } from './memory.ts';
import { renewal } from './renewal.ts';
import { progress, table, takePart } from './report.ts';
import { LATEST, savePart } from './results.ts';
import { largeObjects, scale } from './scale.ts';
import { type Bench, closeStage, openStage, startOperator } from './stage.ts';
import { foreignSecrets, requestsAtRest, restarts } from './standing.ts';
import { COUNT, numbered } from './work.ts';

const USUAL = {
  namespacedObjects,
  clusterObject,
  manyKeys,
  anonymousMemory,
  restarts,
  foreignSecrets,
  latencies,
  firstPods,
  bystanders,
  shortTokens,
};
/** These take minutes, and disk: by name only. */
const PARTS = { ...USUAL, renewal, requestsAtRest, memoryOverSecrets, largeObjects, scale };

const USAGE = `node bench/bench.ts [--into FILE] [PART...]; the parts are ${Object.keys(PARTS).join(', ')}`;
const { flags, words } = argumentsOf(USAGE, { into: LATEST }, Number.POSITIVE_INFINITY);
const chosen = words.length > 0 ? words : Object.keys(USUAL);
mustBeParts(chosen, PARTS, USAGE);
mustBeWritable(flags.into, USAGE);
progress('starting a control plane, the stand-in and the operator');
const stage = await openStage(numbered('ns', COUNT));
const bench: Bench = { ...stage, operator: await startOperator(stage) };
for (const [name, part] of Object.entries(PARTS)) {
  if (!chosen.includes(name)) continue;
  await part(bench);
  savePart(flags.into, name, { ...takePart(), kubernetes: stage.plane.version });
}
await bench.operator.end();
await closeStage(stage);
console.log(`\n${table()}\n\nas JSON: ${flags.into}`);
process.exit(0);
