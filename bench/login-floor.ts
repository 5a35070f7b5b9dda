// What 900 logins take in Node.js: the built operator with 300 objects of three regions and a key each, beside the
// writes alone and the AWS SDK's logins alone (bare-logins.ts), in turn: node bench/login-floor.ts [ROUNDS]

import { fileURLToPath } from 'node:url';
import { eventually } from '../testing/api-server/test-api.ts';
import { FOOTPRINT, startOperatorProcess } from '../testing/operator/operator-process.ts';
import { endNode, startNode } from '../testing/process/node-process.ts';
import { argumentsOf, countIn } from './arguments.ts';
import { createBareClient } from './bare-client.ts';
import { cpuMsOf, pause, peakOf, spanned, timed } from './measure.ts';
import { progress } from './report.ts';
import { closeStage, openStage } from './stage.ts';
import {
  addKeys,
  cleanUp,
  createRegionsObjects,
  KEY,
  numbered,
  OBJECTS,
  REGIONS,
  untilReady,
  writeBare,
} from './work.ts';

const COUNT = 300;
const BARE_LOGINS = fileURLToPath(new URL('./bare-logins.ts', import.meta.url));
const SETTLE_MS = 2_000;

const USAGE = 'node bench/login-floor.ts [ROUNDS]';
const rounds = countIn(argumentsOf(USAGE, {}, 1).words[0] ?? '9', 'ROUNDS', USAGE);
const spread = numbered('ns', COUNT);
const stage = await openStage(spread);
const { plane, aws, client } = stage;
const keys = await addKeys(aws, COUNT);

interface Measured {
  readonly time: number;
  readonly cpu: number;
  /** Resident memory, in MB. */
  readonly peak: number;
}

async function ours(round: string): Promise<Measured> {
  const operator = await startOperatorProcess({ plane, awsUrl: aws.url, access: 'pod' });
  await operator.ready();
  await pause(SETTLE_MS);
  const begun = cpuMsOf(operator.pid);
  const time = await timed(() =>
    untilReady(client, OBJECTS, COUNT, () => createRegionsObjects(client, spread, keys, round)),
  );
  const measured = { time, cpu: cpuMsOf(operator.pid) - begun, peak: peakOf(operator.pid) };
  await operator.end();
  await cleanUp(client);
  return measured;
}

async function writesAlone(round: string): Promise<number> {
  const bare = createBareClient(plane);
  const time = await timed(() =>
    bare.each(spread, (name) => writeBare(bare, name, `${name}-floor-${round}`, REGIONS.length)),
  );
  await cleanUp(client);
  return time;
}

/** In a fresh process under the flags of the chart, which has loaded the SDK. */
async function loginsAlone(): Promise<Measured> {
  const child = startNode([BARE_LOGINS], {
    ...FOOTPRINT,
    NODE_EXTRA_CA_CERTS: undefined,
    AWS_ENDPOINT_URL_ECR: aws.url,
    KEYS: keys.join(','),
    SECRET: KEY.secret,
    REGIONS: REGIONS.join(','),
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text: string) => (output += text));
  const said = (word: string): Promise<unknown> => eventually(() => output.includes(word) || undefined, 60_000);
  await said('loaded');
  const pid = child.pid ?? 0;
  const begun = cpuMsOf(pid);
  const time = await timed(() => {
    child.kill('SIGUSR2');
    return said('done');
  });
  const measured = { time, cpu: cpuMsOf(pid) - begun, peak: peakOf(pid) };
  await endNode(child);
  return measured;
}

await writesAlone('warm');
await ours('warm');
const taken: { readonly operator: Measured; readonly logins: Measured; readonly writes: number }[] = [];
for (let round = 0; round < rounds; round += 1) {
  progress(`round ${round + 1} of ${rounds}`);
  // Each is first every other time.
  const early = round % 2 === 0 ? await ours(`${round}`) : undefined;
  const writes = await writesAlone(`${round}`);
  const logins = await loginsAlone();
  taken.push({ operator: early ?? (await ours(`${round}`)), logins, writes });
}
await closeStage(stage);

const of = (pick: (one: (typeof taken)[number]) => number, digits = 2): string => spanned(taken.map(pick), digits);
console.log(`${COUNT} objects × ${REGIONS.length} regions, a key each:
  operator / writes alone                ${of(({ operator, writes }) => operator.time / writes)}
  (writes + logins alone) / writes       ${of(({ logins, writes }) => (writes + logins.time) / writes)}
  operator / (writes + logins alone)     ${of(({ operator, logins, writes }) => operator.time / (writes + logins.time))}
  processor time, ms                     ${of(({ operator }) => operator.cpu, 0)}, logins alone ${of(({ logins }) => logins.cpu, 0)}
  resident memory at its peak, MB        ${of(({ operator }) => operator.peak, 0)}, logins alone ${of(({ logins }) => logins.peak, 0)}`);
process.exit(0);
