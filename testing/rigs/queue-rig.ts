// A running work queue on a manual clock, whose work a test can hold.

import assert from 'node:assert/strict';
import { createWorkqueue, type Workqueue } from '../../src/kube/workqueue.ts';
import { createManualClock, type ManualClock, settle } from '../clocks/manual-clock.ts';
import { START } from './builders.ts';

export interface Rig {
  readonly clock: ManualClock;
  readonly queue: Workqueue;
  /** Keys in the order in which work on them began. */
  readonly begun: readonly string[];
  readonly bugs: readonly string[];
  /** Completes the oldest work on `key`. */
  readonly finish: (key: string, error?: Error) => Promise<void>;
  /** Stops the queue and waits for the work in progress. */
  readonly stop: () => Promise<void>;
}

interface RigOptions {
  readonly workers: number;
  /** Whether work waits for `finish` instead of completing at once. */
  readonly held: boolean;
}

/** A running queue; its random numbers make every backoff as long as possible. */
export async function rig({ workers, held }: RigOptions): Promise<Rig> {
  const clock = createManualClock(START);
  const begun: string[] = [];
  const bugs: string[] = [];
  const inHand: { readonly key: string; readonly end: (error?: Error) => void }[] = [];
  const queue = createWorkqueue({
    clock,
    random: () => 1,
    onBug: (key, error) => void bugs.push(`${key}: ${String(error)}`),
  });
  const ended = new AbortController();
  const work = async (key: string): Promise<void> => {
    begun.push(key);
    assert.ok(!inHand.some((one) => one.key === key), `${key} is worked on twice at once`);
    if (!held) return;
    await new Promise<void>((resolve, reject) => {
      inHand.push({ key, end: (error) => (error ? reject(error) : resolve()) });
    });
  };
  const running = queue.run(work, workers, ended.signal);
  await settle();
  return {
    clock,
    queue,
    begun,
    bugs,
    async finish(key, error) {
      const index = inHand.findIndex((one) => one.key === key);
      const [found] = inHand.splice(index, index === -1 ? 0 : 1);
      assert.ok(found, `${key} is not worked on`);
      found.end(error);
      await settle();
    },
    async stop() {
      ended.abort();
      for (const { end } of inHand.splice(0)) end();
      await running;
    },
  };
}
