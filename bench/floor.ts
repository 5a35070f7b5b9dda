// What the floor of Node.js is: the built operator beside the least that an operator can be (bare-operator.ts), and
// beside the writes alone, in turn: node bench/floor.ts [ROUNDS]

import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { eventually } from '../testing/api-server/test-api.ts';
import { FOOTPRINT, startOperatorProcess } from '../testing/operator/operator-process.ts';
import { endNode, startNode } from '../testing/process/node-process.ts';
import { argumentsOf, countIn } from './arguments.ts';
import { type BareClient, createBareClient } from './bare-client.ts';
import { cpuMsOf, memoryOf, pause, spanned, timed, watchMemory } from './measure.ts';
import { progress } from './report.ts';
import { closeStage, openStage } from './stage.ts';
import {
  CLUSTER_OBJECTS,
  CONTENT,
  cleanUp,
  createClusterObject,
  createObject,
  numbered,
  OBJECTS,
  untilReady,
  writeBare,
  writeBareCluster,
} from './work.ts';

const SETTLE_MS = 2_000;
type Kind = 'objects' | 'cluster object' | 'both at once';
interface Running {
  readonly pid: number;
  end(): Promise<unknown>;
}

const USAGE = 'node bench/floor.ts [ROUNDS]';
const rounds = countIn(argumentsOf(USAGE, {}, 1).words[0] ?? '9', 'ROUNDS', USAGE);
const spread = numbered('ns', 300);
const stage = await openStage(spread);
const { plane, aws, client } = stage;

async function startOurs(): Promise<Running> {
  const operator = await startOperatorProcess({ plane, awsUrl: aws.url, access: 'pod' });
  await operator.ready();
  return operator;
}

async function startBare(): Promise<Running> {
  const code = stripTypeScriptTypes(readFileSync(new URL('./bare-operator.ts', import.meta.url), 'utf8'));
  const child = startNode(['--input-type=module', '-e', code], {
    ...FOOTPRINT,
    NODE_EXTRA_CA_CERTS: undefined,
    URL_OF_API: plane.url,
    AUTHORITY: plane.certificateAuthority,
    AUTHORIZATION: `Bearer ${plane.adminToken}`,
    CONTENT,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text: string) => (output += text));
  await eventually(() => (output.includes('watching') ? true : undefined));
  return { pid: child.pid ?? 0, end: () => endNode(child) };
}

/** Until all is ready. */
const WORK: Readonly<Record<Kind, (round: string) => Promise<unknown>>> = {
  objects: (round) =>
    untilReady(client, OBJECTS, spread.length, () =>
      client.each(spread, (name) => createObject(client, name, `${name}-${round}`)),
    ),
  'cluster object': (round) =>
    untilReady(client, CLUSTER_OBJECTS, 1, () => createClusterObject(client, `many-${round}`, spread)),
  'both at once': (round) => Promise.all([WORK.objects(round), WORK['cluster object'](round)]),
};
/** The same writes, by nobody's order. */
const ALONE: Readonly<Record<Kind, (bare: BareClient, round: string) => Promise<unknown>>> = {
  objects: (bare, round) => bare.each(spread, (name) => writeBare(bare, name, `${name}-floor-${round}`)),
  'cluster object': (bare, round) => writeBareCluster(bare, `floor-${round}`, spread),
  'both at once': (bare, round) => Promise.all([ALONE.objects(bare, round), ALONE['cluster object'](bare, round)]),
};

async function measure(kind: Kind, start: () => Promise<Running>, round: string) {
  const operator = await start();
  await pause(SETTLE_MS);
  const before = memoryOf(operator.pid).anon;
  const peak = watchMemory(operator.pid);
  const begun = cpuMsOf(operator.pid);
  const time = await timed(() => WORK[kind](round));
  // The Events follow.
  await pause(SETTLE_MS);
  const cpu = cpuMsOf(operator.pid) - begun;
  const most = peak();
  await operator.end();
  await cleanUp(client);
  return { time, cpu, most, before };
}

type Measured = Awaited<ReturnType<typeof measure>>;

async function writesAlone(kind: Kind, round: string): Promise<number> {
  const bare = createBareClient(plane);
  const time = await timed(() => ALONE[kind](bare, round));
  await cleanUp(client);
  return time;
}

for (const kind of ['objects', 'cluster object', 'both at once'] as const) {
  await writesAlone(kind, 'warm');
  await measure(kind, startOurs, 'warm');
  const taken: { readonly ours: Measured; readonly bare: Measured; readonly floor: number }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    progress(`${kind}: round ${round + 1} of ${rounds}`);
    const floor = await writesAlone(kind, `${round}`);
    const first = round % 2 === 0 ? startOurs : startBare;
    const one = await measure(kind, first, `${round}-one`);
    const two = await measure(kind, first === startOurs ? startBare : startOurs, `${round}-two`);
    taken.push(first === startOurs ? { ours: one, bare: two, floor } : { ours: two, bare: one, floor });
  }
  const by = (pick: (one: (typeof taken)[number]) => number): readonly number[] => taken.map(pick);
  console.log(`${kind === 'both at once' ? 600 : 300} Secrets, ${kind}:
  ours / writes alone        ${spanned(by(({ ours, floor }) => ours.time / floor))}
  bare operator / writes     ${spanned(by(({ bare, floor }) => bare.time / floor))}
  ours / bare operator       ${spanned(by(({ ours, bare }) => ours.time / bare.time))}
  processor time, ms         ${spanned(
    by(({ ours }) => ours.cpu),
    0,
  )}, bare operator ${spanned(
    by(({ bare }) => bare.cpu),
    0,
  )}
  own memory, peak, MB       ${spanned(
    by(({ ours }) => ours.most),
    1,
  )}, bare operator ${spanned(
    by(({ bare }) => bare.most),
    1,
  )}
  own memory before, MB      ${spanned(
    by(({ ours }) => ours.before),
    1,
  )}, bare operator ${spanned(
    by(({ bare }) => bare.before),
    1,
  )}`);
}
await closeStage(stage);
process.exit(0);
