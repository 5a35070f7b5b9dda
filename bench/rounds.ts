// Rounds of the floor and of ours in turn, so that what the machine does meanwhile hits both.

import { type BareClient, createBareClient } from './bare-client.ts';
import { median, pause, type Spread, spreadOf, timed } from './measure.ts';
import { type Bench, startOperator } from './stage.ts';
import { cleanUp } from './work.ts';

/** Odd, so that ours comes last and stays in place. */
export const ROUNDS = 9;

/** Notes when something is there, in milliseconds since the begin of its round. */
export type Times = readonly number[];

export interface Side {
  /** @returns when each object was ready */
  (round: number, client: BareClient): Promise<Times>;
}

export interface Rounds {
  /** Each ratio is taken within its round. */
  readonly ratio: Spread;
  readonly ours: number;
  readonly floor: number;
  /** Of the round in the middle. */
  readonly times: { readonly ours: Times; readonly floor: Times };
}

export async function alternate(bench: Bench, floor: Side, ours: Side): Promise<Rounds> {
  const taken: { readonly ours: Taken; readonly floor: Taken; readonly ratio: number }[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    // Each is first every other time.
    const isFloorFirst = round % 2 === 0;
    const early = isFloorFirst ? await floorOf(bench, floor, round) : undefined;
    const mine = await oursOf(bench, ours, round);
    const bare = early ?? (await floorOf(bench, floor, round));
    taken.push({ ours: mine, floor: bare, ratio: mine.took / bare.took });
  }
  const ratio = spreadOf(taken.map((one) => one.ratio));
  const middle = taken.find((one) => one.ratio === ratio.median);
  return {
    ratio,
    ours: median(taken.map((one) => one.ours.took)),
    floor: median(taken.map((one) => one.floor.took)),
    times: { ours: middle?.ours.times ?? [], floor: middle?.floor.times ?? [] },
  };
}

interface Taken {
  readonly took: number;
  readonly times: Times;
}

async function taking(work: () => Promise<Times>): Promise<Taken> {
  let times: Times = [];
  const took = await timed(async () => {
    times = await work();
  });
  return { took, times };
}

async function floorOf(bench: Bench, floor: Side, round: number): Promise<Taken> {
  await bench.operator.end();
  await cleanUp(bench.client);
  // A process that has just begun, like the operator: its connections are opened in the measured time.
  const fresh = createBareClient(bench.plane);
  return await taking(() => floor(round, fresh));
}

async function oursOf(bench: Bench, ours: Side, round: number): Promise<Taken> {
  await bench.operator.end();
  await cleanUp(bench.client);
  bench.operator = await startOperator(bench);
  await bench.aws.control('DELETE', 'requests');
  await pause(500);
  return await taking(() => ours(round, bench.client));
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`;

export function wordsOf({ ratio, ours, floor }: Rounds): string {
  const spread = `${ratio.least.toFixed(2)} to ${ratio.most.toFixed(2)}, ${ROUNDS} rounds`;
  return `${ratio.median.toFixed(2)}× floor (${spread}; ${seconds(ours)} / ${seconds(floor)})`;
}
