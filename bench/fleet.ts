// Fleets by simulation: how often many clusters of one AWS account call GetAuthorizationToken, by the operator's own
// code on a manual clock. Nothing is called, and no time passes.
//
//   node bench/fleet.ts [--clusters 1000,10000] [--hours 48] [--seed 1] [--code CHECKOUT] [--into FILE]
//
// CHECKOUT is another working copy, to see what a change of its src does.

import { type DurationMs, HOUR } from '../src/lib/time.ts';
import { argumentsOf, countIn, mustBeWritable } from './arguments.ts';
import { loadOperatorCode } from './fleet/operator-code.ts';
import { seededRandom } from './fleet/seeded.ts';
import { simulateFleet } from './fleet/simulate-fleet.ts';
import { LIMITS, type Span } from './fleet/simulated-aws.ts';
import { columns, progress } from './report.ts';
import { LATEST, savePart } from './results.ts';

const USAGE =
  'node bench/fleet.ts [--clusters 1000,10000] [--hours 48] [--seed 1] [--code CHECKOUT] [--into FILE]; some five minutes';
const { flags: values } = argumentsOf(USAGE, {
  clusters: '1000,10000',
  hours: '48',
  seed: '1',
  code: '.',
  into: LATEST,
});
mustBeWritable(values.into, USAGE);
const fleets = values.clusters.split(',').map((text) => countIn(text, '--clusters', USAGE));
const hours = countIn(values.hours, '--hours', USAGE);
const seed = countIn(values.seed, '--seed', USAGE);

const SCENARIOS: readonly { readonly name: string; readonly outage: Span | undefined }[] = [
  { name: 'started together', outage: undefined },
  // The first renewals fall between 40 % and 50 % of twelve hours: most of them into this hour.
  { name: 'outage 4.8 to 5.8 h', outage: { from: (4.8 * HOUR) as DurationMs, to: (5.8 * HOUR) as DurationMs } },
  { name: 'started in an outage of 1 h', outage: { from: 0 as DurationMs, to: HOUR } },
];
/** The second from which `later` counts without an outage; with one, it is the first second after it. */
const LATER = 360;
const HEAD = [
  'clusters',
  'what happens',
  'rate of AWS',
  'requests',
  'p99/s',
  'worst/s',
  'worst/s later',
  'over 20/s',
  'refused',
  'all ready',
  'caught up',
  'least life left',
  'expired',
];
const inSeconds = (length: number): string => `${(length / 1_000).toFixed(0)} s`;

const code = await loadOperatorCode(values.code);
const lines: string[][] = [];
for (const clusters of fleets) {
  for (const { name, outage } of SCENARIOS) {
    for (const limit of LIMITS) {
      const begun = performance.now();
      const random = seededRandom(seed);
      const { requests, ...result } = await simulateFleet({ code, clusters, limit, outage, hours, random });
      const line = [
        String(clusters),
        name,
        limit.name,
        String(requests.total),
        String(requests.quantile(0.99)),
        String(requests.worst()),
        String(requests.worst(outage ? outage.to / 1_000 : LATER)),
        `${requests.above(20)} s`,
        String(result.throttled),
        inSeconds(result.allReadyAfter),
        result.caughtUpAfter === undefined ? '' : inSeconds(result.caughtUpAfter),
        `${(result.leastLeft / HOUR).toFixed(1)} h`,
        String(result.expired),
      ];
      lines.push(line);
      const all = fleets.length * SCENARIOS.length * LIMITS.length;
      progress(`${lines.length} of ${all} in ${inSeconds(performance.now() - begun)}: ${line.join('  ')}`);
    }
  }
}
const rows = lines.map((line) => Object.fromEntries(HEAD.map((name, at) => [name, line[at]])));
savePart(values.into, 'fleet', { rows });
console.log(`\n${columns([HEAD, ...lines])}\n\nas JSON: ${values.into}`);
