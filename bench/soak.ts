// A long life in short: tokens that live 30 s, one fault a minute, namespaces that come and go. Prints whether memory,
// sockets and descriptors grow, whether anybody saw an expired token, and whether AWS was called as often as predicted.
//
//   node bench/soak.ts [--minutes 30] [--into FILE]
//
// Ctrl-C ends it early, and it prints what it has; nothing is left running.

import { recordOf } from '../src/lib/json.ts';
import { startFaultProxy } from '../testing/network/fault-proxy.ts';
import { startOperatorProcess } from '../testing/operator/operator-process.ts';
import { argumentsOf, countIn, mustBeWritable } from './arguments.ts';
import { pause } from './measure.ts';
import { plot, progress, report, table, takePart } from './report.ts';
import { LATEST, savePart } from './results.ts';
import { startChurn } from './soak/churn.ts';
import { FAULTS } from './soak/faults.ts';
import { type Away, countExpired, startLooking } from './soak/looks.ts';
import { driftOf, type Held, type Sample, sampleOf } from './soak/samples.ts';
import { predictedLogins } from './soak/trend.ts';
import { closeStage, openStage } from './stage.ts';
import { ACCESS, CLUSTER_OBJECTS, createObject, numbered } from './work.ts';

const USAGE = 'node bench/soak.ts [--minutes 30] [--into FILE]; Ctrl-C ends it early, with what there is so far';
const { flags } = argumentsOf(USAGE, { minutes: '30', into: LATEST });
const MINUTES = countIn(flags.minutes, '--minutes', USAGE);
mustBeWritable(flags.into, USAGE);
const TOKEN_LIFE_MS = 30_000;
const KEYS = 5;
const REGIONS = ['eu-west-1', 'eu-central-1'];
const OBJECTS_OF_KEY = 10;
const SAMPLE_EVERY_MS = 5_000;
/** The first part of the time is not measured: the process is still growing into its work. */
const WARM_UP = 0.15;
const COMING = { bench: 'coming' };
/** The faults delay renewals: AWS is away for some seconds in two minutes of nine. */
const TOLERANCE = 0.1;

const over = new AbortController();
process.on('SIGINT', () => over.abort());
process.on('SIGTERM', () => over.abort());

const keyOf = (key: number): string => `AKIASOAK${String(key).padStart(12, '0')}`;

progress('starting a control plane, the stand-in and the operator');
const spaces = numbered('soak', KEYS);
const stage = await openStage(spaces);
const { plane, aws, client } = stage;
const proxy = await startFaultProxy(plane, plane.adminToken);
const { ca = '' } = await proxy.access.credentials();
// The same control plane, as seen through the proxy.
const proxied = { ...plane, url: proxy.access.url.origin, certificateAuthority: String(ca) };
for (let key = 0; key < KEYS; key += 1)
  await aws.control('POST', 'keys', {
    accessKeyId: keyOf(key),
    secretAccessKey: ACCESS.secretAccessKey,
    accountId: '111122223333',
  });
await aws.control('POST', 'token-life', { ms: TOKEN_LIFE_MS });
const operator = await startOperatorProcess({ plane: proxied, awsUrl: aws.url, access: 'pod' });
await operator.ready();

for (const [key, space] of spaces.entries())
  for (const name of numbered('object', OBJECTS_OF_KEY))
    await createObject(client, space, name, { accessKeyId: keyOf(key), regions: REGIONS });
await client.send('POST', CLUSTER_OBJECTS, {
  apiVersion: 'aws.zakariaamine.com/v1alpha2',
  kind: 'ClusterAWSECRImagePullSecret',
  metadata: { name: 'coming' },
  spec: {
    // The first key and region once more: no further login.
    awsAccess: { ...ACCESS, accessKeyId: keyOf(0) },
    secretName: 'coming',
    namespaceSelector: { matchLabels: COMING },
  },
});

const issued = async (): Promise<number> => Number(recordOf(await aws.control('GET', 'requests'))['issued']);
const looks = startLooking(client, over.signal);
const churn = startChurn(client, COMING, over.signal);
await pause(TOKEN_LIFE_MS / 2);

const begun = performance.now();
const before = await issued();
const samples: Sample[] = [];
const hours = (): number => (performance.now() - begun) / 3_600_000;
const sampling = setInterval(() => {
  if (operator.code === undefined) samples.push(sampleOf(operator.pid, hours()));
}, SAMPLE_EVERY_MS);
const until = async (ms: number): Promise<void> => {
  while (performance.now() - begun < ms && !over.signal.aborted && operator.code === undefined) await pause(200);
};

let failedFaults = 0;
const away: Away[] = [];
/** A renewal is due with at least half of a life left. */
const seenExpired = () => countExpired(looks.expired, away, TOKEN_LIFE_MS / 2);
for (let minute = 0; minute < MINUTES && !over.signal.aborted && operator.code === undefined; minute += 1) {
  const fault = FAULTS[minute % FAULTS.length];
  const someSecret = (): string => looks.paths[minute % looks.paths.length] ?? '';
  const from = performance.now();
  await fault?.happen({ plane, aws, proxy, client, someSecret }).catch((error: unknown) => {
    failedFaults += 1;
    progress(`${fault.name}: ${String(error)}`);
  });
  const to = performance.now();
  if (fault?.isApiServerAway) away.push({ from, to });
  await until((minute + 1) * 60_000);
  const last = samples.at(-1);
  progress(
    `minute ${minute + 1} of ${MINUTES}, ${fault?.name} (${((to - from) / 1_000).toFixed(0)} s): ${last?.rss.toFixed(1)} MB (${last?.anon.toFixed(1)} its own), ` +
      `${last?.sockets} sockets, ${last?.descriptors} descriptors; ${seenExpired().expired} expired of ${looks.seen} looks`,
  );
}
clearInterval(sampling);
const took = performance.now() - begun;
const logins = (await issued()) - before;
over.abort();

const measured = samples.filter(({ at }) => at * 3_600_000 >= took * WARM_UP);
const isAlive = operator.code === undefined;
report('a soak', `${(took / 60_000).toFixed(1)} minutes, ${churn.came} namespaces came`, 'no restart', isAlive);
/** By what: its unit, and how much more the last quarter may have than the first. */
const MAY_GROW: Readonly<Record<Held, readonly [unit: string, most: number]>> = {
  rss: ['MB resident', 3],
  anon: ['MB of its own', 3],
  sockets: ['sockets', 2],
  descriptors: ['descriptors', 2],
};
for (const [what, [unit, most]] of Object.entries(MAY_GROW) as readonly (readonly [
  Held,
  readonly [string, number],
])[]) {
  const { first, last, slope, error } = driftOf(measured, what);
  const signed = `${slope < 0 ? '' : '+'}${slope.toFixed(1)} ± ${error.toFixed(1)} an hour`;
  report(
    `… ${unit}`,
    `${signed}; ${first.toFixed(1)} → ${last.toFixed(1)}`,
    `≤ +${most}, last quarter`,
    last - first <= most,
  );
}
plot({ resident: samples.map(({ at, rss }) => [Math.round(at * 36_000) / 600, Math.round(rss * 10) / 10] as const) });
const { expired, excused } = seenExpired();
report(
  '… looks that see an expired token',
  `${expired} of ${looks.seen}; ${excused} more after the API server was away for longer than tokens had left`,
  '0',
  expired === 0,
);
const predicted = predictedLogins(KEYS * REGIONS.length, took, TOKEN_LIFE_MS);
report(
  `… logins: keys × regions × time / interval = ${KEYS} × ${REGIONS.length} × ${(took / 1_000).toFixed(0)} s / ${((KEYS * REGIONS.length * took) / predicted / 1_000).toFixed(1)} s`,
  `${logins}, predicted ${predicted.toFixed(0)} (${(logins / predicted).toFixed(2)}×)`,
  `± ${TOLERANCE * 100} %`,
  Math.abs(logins / predicted - 1) <= TOLERANCE,
);
report('… faults that could not be made', String(failedFaults), '0', failedFaults === 0);
if (!isAlive) console.error(operator.output().slice(-4_000));

await operator.end();
await proxy.stop();
await closeStage(stage);
savePart(flags.into, 'soak', { ...takePart(), kubernetes: plane.version });
console.log(`\n${table()}\n\nas JSON: ${flags.into}`);
process.exit(0);
