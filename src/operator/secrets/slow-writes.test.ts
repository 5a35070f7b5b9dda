// Covers writes that hang: their callers soon learn it, the writes go on, and their number is bounded.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { createManualClock, type ManualClock, settle } from '../../../testing/clocks/manual-clock.ts';
import { START } from '../../../testing/rigs/builders.ts';
import { seconds } from '../../lib/time.ts';
import { createSlowWrites, SlowWrite, type SlowWrites } from './slow-writes.ts';

// Rule 9
describe('a write that takes longer than two seconds', () => {
  let clock: ManualClock;
  let writes: SlowWrites;
  /** Writes that have begun and not ended, by place. */
  let begun: Map<string, { readonly end: (isChanged?: boolean) => void; readonly signal: AbortSignal }>;
  const ending = new AbortController();

  beforeEach(() => {
    clock = createManualClock(START);
    writes = createSlowWrites(clock, ending.signal);
    begun = new Map();
  });

  const write = (namespace: string, name: string, isApart = true): Promise<boolean> =>
    writes.run(namespace, name, (begin, signal) => {
      const { promise, resolve } = Promise.withResolvers<boolean>();
      begun.set(`${namespace}/${name}`, { end: (isChanged = true) => resolve(isChanged), signal });
      return Promise.resolve().then(() => {
        begin(() => isApart);
        return promise;
      });
    });
  /** Begins a write that hangs, and gets the error for it. */
  const hang = async (namespace: string, name: string): Promise<void> => {
    const told = assert.rejects(write(namespace, name), SlowWrite);
    await clock.advance(seconds(2));
    await told;
  };
  const isGivenUp = (place: string): boolean | undefined => begun.get(place)?.signal.aborted;

  test('is not waited for, and goes on; until it has ended that secret is not written again', async () => {
    await hang('a', 's');
    assert.equal(isGivenUp('a/s'), false);
    await assert.rejects(write('a', 's'), SlowWrite);
    let isEnded = false;
    const ended = writes.ended().then(() => (isEnded = true));
    await settle();
    assert.equal(isEnded, false);
    begun.get('a/s')?.end();
    await ended;
    const again = write('a', 's');
    await settle();
    begun.get('a/s')?.end();
    assert.equal(await again, true);
    assert.equal(clock.pending(), 0);
  });

  test('keeps no more than two permits of its namespace, and none of another', async () => {
    await Promise.all([hang('a', '1'), hang('a', '2'), hang('a', '3')]);
    assert.deepEqual(['a/1', 'a/2', 'a/3'].map(isGivenUp), [false, false, true]);
    await assert.rejects(write('a', '4'), SlowWrite);
    assert.equal(begun.has('a/4'), false, 'it was not even begun');
    const other = write('b', '1');
    await settle();
    begun.get('b/1')?.end();
    assert.equal(await other, true);
  });

  test('tells in the end whether it changed the secret', async () => {
    const landings: Promise<boolean>[] = [];
    for (const name of ['changed', 'same']) {
      const told = assert.rejects(write('a', name), (thrown: SlowWrite) => landings.push(thrown.landed) > 0);
      await clock.advance(seconds(2));
      await told;
    }
    begun.get('a/changed')?.end(true);
    begun.get('a/same')?.end(false);
    assert.deepEqual(await Promise.all([...landings, new SlowWrite('a').landed]), [true, false, false]);
  });

  test('is the only one of its Secret, also when several begin before the first is slow', async () => {
    const own = createManualClock(START);
    const several = createSlowWrites(own, new AbortController().signal);
    const signals: AbortSignal[] = [];
    const ends: (() => void)[] = [];
    const begin = (): Promise<unknown> =>
      assert.rejects(
        several.run('a', 'same', (start, signal) => {
          start(() => true);
          signals.push(signal);
          return new Promise<boolean>((resolve) => void ends.push(() => resolve(true)));
        }),
        SlowWrite,
      );
    const all = Array.from({ length: 10 }, begin);
    await own.advance(seconds(2));
    await Promise.all(all);
    assert.equal(signals.filter(({ aborted }) => !aborted).length, 1);
    ends[1]?.();
    await settle();
    await begin();
    assert.equal(signals.length, 10, 'while the first one goes on, none begins');
  });

  test('is aborted when others would wait for it', async () => {
    const told = assert.rejects(write('a', 's', false), SlowWrite);
    await clock.advance(seconds(2));
    await told;
    assert.equal(isGivenUp('a/s'), true);
  });

  test('is aborted when forty-eight of them go on', async () => {
    const names = Array.from({ length: 49 }, (_, at) => `n${at}`);
    await Promise.all(names.map((name) => hang(name, 's')));
    assert.equal(names.filter((name) => isGivenUp(`${name}/s`)).length, 1);
  });
});

test('a write that fails fails as it did, and one that is quick is no slow one', async () => {
  const writes = createSlowWrites(createManualClock(START), new AbortController().signal);
  await assert.rejects(
    writes.run('a', 's', () => Promise.reject(new TypeError('no'))),
    TypeError,
  );
  assert.equal(await writes.run('a', 's', () => Promise.resolve(true)), true);
});
