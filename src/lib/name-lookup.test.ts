// Covers the look-up of names: nothing waits past the deadline, and unanswered names do not hold up others.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createManualClock, settle } from '../../testing/clocks/manual-clock.ts';
import { START } from '../../testing/rigs/builders.ts';
import { createNameLookup, type NameLookup } from './name-lookup.ts';
import { SECOND, seconds } from './time.ts';

type Answer = Parameters<NameLookup>[2];
type Ended = readonly [code: string | undefined, address: unknown];

/** A resolver that answers when the test says so. */
function setting() {
  const clock = createManualClock(START);
  const asked: string[] = [];
  const open = new Map<string, Answer[]>();
  const lookup = createNameLookup({
    clock,
    resolve(hostname, _options, callback) {
      asked.push(hostname);
      open.set(hostname, [...(open.get(hostname) ?? []), callback]);
    },
  });
  const find = (hostname: string): Promise<Ended> =>
    new Promise((resolve) => {
      lookup(hostname, { all: false }, (error, address) => resolve([error?.code, address]));
    });
  const end = (hostname: string, error: NodeJS.ErrnoException | null, address = ''): void => {
    for (const callback of open.get(hostname) ?? []) callback(error, address, 4);
    open.delete(hostname);
  };
  return {
    clock,
    asked,
    find,
    answer: (hostname: string, address: string) => end(hostname, null, address),
    fail: (hostname: string, code: string) => end(hostname, Object.assign(new Error(code), { code })),
  };
}

// Rule 9
describe('a name', () => {
  test('is looked up once for all callers of the same time', async () => {
    const { asked, find, answer } = setting();
    const all = Promise.all([find('a'), find('a'), find('a')]);
    answer('a', '192.0.2.1');
    assert.deepEqual(
      await all,
      Array.from({ length: 3 }, () => [undefined, '192.0.2.1']),
    );
    assert.deepEqual(asked, ['a']);
  });

  test('that gets no answer is given up after four seconds, and rests when the answer comes too late', async () => {
    const { clock, asked, find, fail, answer } = setting();
    const first = find('dead');
    await clock.advance(seconds(4));
    assert.deepEqual(await first, ['EAI_AGAIN', '']);
    // The system's resolver is still busy with it: the name is not looked up twice.
    const second = find('dead');
    await clock.advance(seconds(4));
    assert.deepEqual(await second, ['EAI_AGAIN', '']);
    assert.deepEqual(asked, ['dead']);
    fail('dead', 'EAI_AGAIN');
    const third = find('dead');
    await clock.advance(SECOND);
    assert.deepEqual(await third, ['EAI_AGAIN', '']);
    assert.deepEqual(asked, ['dead']);
    await clock.advance(seconds(15));
    const fourth = find('dead');
    answer('dead', '192.0.2.2');
    assert.deepEqual(await fourth, [undefined, '192.0.2.2']);
  });

  test('that a server quickly denies is looked up again at once', async () => {
    const { asked, find, fail, answer } = setting();
    const first = find('new');
    fail('new', 'ENOTFOUND');
    assert.deepEqual(await first, ['ENOTFOUND', '']);
    const second = find('new');
    answer('new', '192.0.2.3');
    assert.deepEqual(await second, [undefined, '192.0.2.3']);
    assert.equal(asked.length, 2);
  });
});

describe('a hundred names of a zone that does not answer', () => {
  const dead = Array.from({ length: 100 }, (_, index) => `dead-${index}`);

  test('do not keep a name that was found before from being looked up at once', async () => {
    const { find, answer } = setting();
    const before = find('healthy');
    answer('healthy', '192.0.2.1');
    await before;
    const hanging = dead.map(find);
    const again = find('healthy');
    answer('healthy', '192.0.2.1');
    assert.deepEqual(await again, [undefined, '192.0.2.1']);
    void hanging;
  });

  test('take half of the threads at most once they are known to be slow, whatever is tried of them', async () => {
    const { clock, asked, find, fail } = setting();
    for (const name of dead.slice(0, 12)) void find(name);
    await clock.advance(seconds(5));
    for (const name of dead.slice(0, 12)) fail(name, 'EAI_AGAIN');
    await clock.advance(seconds(20));
    asked.length = 0;
    for (const name of dead.slice(0, 12)) void find(name);
    assert.equal(asked.length, 8);
    const fresh = find('never-seen');
    assert.ok(asked.includes('never-seen'));
    void fresh;
  });

  test('that come when all permits for new names are taken are given up in time, and leave nothing to be done', async () => {
    const { clock, asked, find } = setting();
    const all = Promise.all(dead.map(find));
    await clock.advance(seconds(4));
    assert.ok((await all).every(([code]) => code === 'EAI_AGAIN'));
    assert.equal(asked.length, 12);
    await settle();
    assert.equal(clock.pending(), 0);
  });
});
