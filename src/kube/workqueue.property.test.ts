// Holds the work queue against any order of events: no key is lost, and none is worked on twice at once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  array,
  assert as assertProperty,
  asyncProperty,
  constant,
  constantFrom,
  integer,
  oneof,
  record,
  tuple,
} from 'fast-check';
import { createManualClock, settle } from '../../testing/clocks/manual-clock.ts';
import { START } from '../../testing/rigs/builders.ts';
import { type Rig, rig } from '../../testing/rigs/queue-rig.ts';
import { type DurationMs, MINUTE, plus, SECOND } from '../lib/time.ts';
import { createWorkqueue } from './workqueue.ts';

interface Step {
  readonly op: 'add' | 'addAt' | 'retry' | 'finish' | 'wait';
  readonly key: string;
  readonly length: number;
}

const step = record<Step>({
  op: constantFrom('add', 'addAt', 'retry', 'finish', 'wait'),
  key: constantFrom('a', 'b', 'c'),
  length: integer({ min: 0, max: 5 * SECOND }),
});

/** Keys whose work began and has not ended, oldest first. */
function openIn({ begun }: Rig, ended: readonly string[]): readonly string[] {
  const open = [...begun];
  for (const key of ended) open.splice(open.indexOf(key), 1);
  return open;
}

async function perform({ queue, clock, finish }: Rig, { op, key, length }: Step, open: string | undefined) {
  switch (op) {
    case 'add':
      queue.add(key);
      break;
    case 'addAt':
      queue.addAt(key, plus(clock.now(), length as DurationMs));
      break;
    case 'retry':
      queue.retry(key);
      break;
    case 'finish':
      if (open !== undefined) await finish(open);
      break;
    case 'wait':
      await clock.advance(length as DurationMs);
  }
  await settle();
}

test('whatever is added, no key is lost and none is worked on twice at once', async () => {
  await assertProperty(
    asyncProperty(array(step, { maxLength: 30 }), async (steps) => {
      const one = await rig({ workers: 2, held: true });
      const ended: string[] = [];
      /** By key: how much work had begun when it was last added. */
      const added = new Map<string, number>();
      for (const each of steps) {
        if (each.op === 'add' || each.op === 'addAt' || each.op === 'retry') added.set(each.key, one.begun.length);
        const [oldest] = openIn(one, ended);
        await perform(one, each, oldest);
        if (each.op === 'finish' && oldest !== undefined) ended.push(oldest);
      }
      // Everything falls due within minutes; every step ends all the work in hand.
      for (let round = 0; round < 20; round += 1) {
        await one.clock.advance(MINUTE);
        for (const key of openIn(one, ended)) {
          await one.finish(key);
          ended.push(key);
        }
      }
      for (const [key, from] of added) assert.ok(one.begun.slice(from).includes(key), `${key} was lost`);
      assert.deepEqual([openIn(one, ended), one.queue.depth, one.clock.pending()], [[], 0, 0]);
      await one.stop();
    }),
    { numRuns: 50 },
  );
});

// Rule 9
test('a key that is alone in its namespace waits for one key of each other namespace at most, however many they have', async () => {
  const key = tuple(constantFrom('a', 'b', 'c', ''), integer({ min: 0, max: 9 })).map(
    ([space, at]) => `${space}/${at}`,
  );
  const groupOf = (one: string): string => (one.startsWith('/') ? one : one.replace(/\/.*/, ''));
  await assertProperty(
    asyncProperty(array(oneof(key, constant('done')), { maxLength: 60 }), async (steps) => {
      const one = await rig({ workers: 1, held: true });
      /** By key that waits and was alone when it came: how much work had begun then. */
      const since = new Map<string, number>();
      const waiting = new Set<string>();
      const finish = async (): Promise<void> => {
        const [busy] = openIn(one, ended);
        if (busy === undefined) return;
        await one.finish(busy);
        ended.push(busy);
        const began = one.begun.length > ended.length ? one.begun.at(-1) : undefined;
        if (began === undefined) return;
        waiting.delete(began);
        const from = since.get(began);
        since.delete(began);
        if (from === undefined) return;
        const before = one.begun.slice(from, -1).map(groupOf);
        assert.equal(new Set(before).size, before.length, `${began} waited for ${before.join(' ')}`);
      };
      const ended: string[] = [];
      for (const step of steps) {
        if (step === 'done') {
          await finish();
          continue;
        }
        const isAlone = ![...waiting].some((other) => groupOf(other) === groupOf(step));
        one.queue.add(step);
        await settle();
        const [busy] = openIn(one, ended);
        if (busy === step) continue;
        if (isAlone) since.set(step, one.begun.length);
        waiting.add(step);
      }
      while (openIn(one, ended).length > 0) await finish();
      assert.deepEqual([one.queue.depth, waiting.size], [0, 0]);
      await one.stop();
    }),
    { numRuns: 100 },
  );
});

test('keys of one namespace keep their order, and those of thousands of others take turns with them', async () => {
  const one = await rig({ workers: 1, held: false });
  const many = Array.from({ length: 3_000 }, (_, at) => `many/${at}`);
  for (const key of [...many, 'few/a', 'few/b', '/alone']) one.queue.add(key);
  await one.clock.advance(SECOND);
  assert.deepEqual(one.begun.slice(0, 5), ['many/0', 'few/a', '/alone', 'many/1', 'few/b']);
  assert.deepEqual(
    one.begun.filter((key) => key.startsWith('many/')),
    many,
  );
  await one.stop();
});

test('deadlines that come one after the other, a millisecond apart, share a few looks', async () => {
  const manual = createManualClock(START);
  let looks = 0;
  const clock = {
    ...manual,
    after: (delay: DurationMs, callback: () => void) =>
      manual.after(delay, () => {
        looks += 1;
        callback();
      }),
  };
  const queue = createWorkqueue({ clock, random: () => 0, onBug: () => assert.fail() });
  for (let at = 0; at < 1_000; at += 1) queue.addAt(`a/${at}`, plus(START, at as DurationMs));
  await manual.advance(SECOND);
  assert.equal(queue.depth, 1_000);
  assert.ok(looks <= 52, `${looks} looks`);
});
