// Covers the login cache: one flight at a time, which callers share its result, and when a key is fetched again.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createManualClock, type ManualClock, settle } from '../../testing/clocks/manual-clock.ts';
import { after, START } from '../../testing/rigs/builders.ts';
import { Failure, type Next } from '../lib/errors.ts';
import type { IdentityKey } from '../lib/identity-key.ts';
import { type DurationMs, type EpochMs, HOUR, MINUTE, plus, SECOND, seconds } from '../lib/time.ts';
import { type Cached, createTokenCache, LoginError, type TokenCache } from './token-cache.ts';

interface Ticket extends Cached {
  readonly serial: number;
}

interface Setting {
  readonly clock: ManualClock;
  readonly cache: TokenCache<Ticket>;
  /** How often a login was fetched, whatever came of it. */
  readonly fetched: () => number;
  /** Returns a ticket that lives two minutes and is renewed after one. */
  readonly fetch: () => Promise<Ticket>;
  /** Every later fetch fails like this; undefined: it succeeds again. */
  readonly breakWith: (failure: unknown) => void;
}

/** @param random  by default every backoff is as long as it can be */
function setting(random = 1): Setting {
  const clock = createManualClock(START);
  let count = 0;
  let failure: unknown;
  const cache = createTokenCache<Ticket>(clock, () => random);
  return {
    clock,
    // Every key of these tests is in use, except in tests about unused keys.
    cache: Object.create(cache, {
      get: {
        value(...[key, ...rest]: Parameters<typeof cache.get>) {
          cache.keep(`user of ${key}`, [key]);
          return cache.get(key, ...rest);
        },
      },
    }) as typeof cache,
    fetched: () => count,
    fetch: async () => {
      count += 1;
      await settle();
      if (failure !== undefined) throw failure;
      const now = clock.now();
      return { serial: count, renewAt: plus(now, MINUTE), expiresAt: plus(now, (2 * MINUTE) as DurationMs) };
    },
    breakWith(thrown) {
      failure = thrown;
    },
  };
}

/** A key as `identityKey` makes it, as far as the cache can see. */
function key(name: string): IdentityKey {
  return name as IdentityKey;
}

function failure(next: Next, delay?: DurationMs): Failure {
  return new Failure({ next, reason: 'AWSFailed', message: 'no login', ...(delay === undefined ? {} : { delay }) });
}

/** Asks once and returns the time until the next attempt is allowed. */
async function refusal({ cache, clock, fetch }: Setting, force = false): Promise<number> {
  const error: unknown = await cache.get(key('k'), fetch, { force }).then(
    () => assert.fail('there was a login'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof LoginError);
  return error.retryAt - clock.now();
}

// Rule 6
describe('a login', () => {
  test('is fetched once for 2,000 callers at the same time', async () => {
    const { cache, fetch, fetched } = setting();
    const answers = await Promise.all(Array.from({ length: 2_000 }, () => cache.get(key('k'), fetch)));
    assert.equal(fetched(), 1);
    assert.equal(new Set(answers).size, 1);
  });

  test('is fetched once for 2,000 callers who force it at the same time', async () => {
    const { cache, fetch, fetched } = setting();
    await Promise.all(Array.from({ length: 2_000 }, () => cache.get(key('k'), fetch, { force: true })));
    assert.equal(fetched(), 1);
  });

  test('is fetched apart for each key', async () => {
    const { cache, fetch, fetched } = setting();
    const names = ['k1', 'k2', '__proto__', 'constructor'];
    await Promise.all(names.map((name) => cache.get(key(name), fetch)));
    assert.equal(fetched(), 4);
  });

  test('is taken from memory until the instant of its renewal, then fetched', async () => {
    const { cache, clock, fetch, fetched } = setting();
    await cache.get(key('k'), fetch);
    await clock.advance((MINUTE - 1) as DurationMs);
    await cache.get(key('k'), fetch);
    assert.equal(fetched(), 1);
    await clock.advance(1 as DurationMs);
    assert.equal((await cache.get(key('k'), fetch)).serial, 2);
  });

  test('is fetched anew when it is forced', async () => {
    const { cache, fetch } = setting();
    await cache.get(key('k'), fetch);
    assert.equal((await cache.get(key('k'), fetch, { force: true })).serial, 2);
    assert.equal((await cache.get(key('k'), fetch)).serial, 2);
  });

  test('is dropped when its last user leaves, and never before', async () => {
    const { cache, fetch, fetched } = setting();
    await cache.get(key('k'), fetch);
    cache.keep('another user', [key('k'), key('other')]);
    cache.keep('user of k', []);
    assert.equal(cache.size, 1);
    await cache.get(key('k'), fetch);
    assert.equal(fetched(), 1);
    cache.keep('user of k', []);
    cache.keep('another user', [key('other')]);
    assert.equal(cache.size, 0);
    await cache.get(key('k'), fetch);
    assert.equal(fetched(), 2);
  });

  test('of a key that its user has replaced is not kept', async () => {
    const clock = createManualClock(START);
    const cache = createTokenCache<Ticket>(clock, () => 1);
    for (let turn = 0; turn < 1_000; turn += 1) {
      cache.keep('user', [key(`${turn}`)]);
      await cache.get(key(`${turn}`), () =>
        Promise.resolve({ serial: turn, renewAt: after(HOUR), expiresAt: after(2 * HOUR) }),
      );
    }
    assert.equal(cache.size, 1);
  });

  test('that comes after its last user left is not kept', async () => {
    const { cache, fetch } = setting();
    const asked = cache.get(key('k'), fetch);
    cache.keep('user of k', []);
    assert.ok(await asked);
    assert.equal(cache.size, 0);
  });

  test('is due by the monotonic clock too, when the wall clock is set back', async () => {
    const { cache, clock, fetch } = setting();
    await cache.get(key('k'), fetch);
    clock.jump(-24 * HOUR);
    await clock.advance(MINUTE);
    assert.equal((await cache.get(key('k'), fetch)).serial, 2);
  });

  test('stays in memory when its renewal fails', async () => {
    const one = setting();
    await one.cache.get(key('k'), one.fetch);
    await one.clock.advance(MINUTE);
    one.breakWith(failure('backoff'));
    await refusal(one);
    assert.equal(one.cache.size, 1);
  });
});

// Rule 7
describe('a failure', () => {
  test('is shared by all callers of the same time, and no call is made again before its time', async () => {
    const one = setting();
    one.breakWith(failure('backoff'));
    const asked = Array.from({ length: 2_000 }, () => one.cache.get(key('k'), one.fetch));
    const answers = await Promise.allSettled(asked);
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set(['rejected']));
    const wait = await refusal(one);
    assert.equal(wait, SECOND);
    await one.clock.advance((wait - 1) as DurationMs);
    await refusal(one);
    assert.equal(one.fetched(), 1);
    one.breakWith(undefined);
    await one.clock.advance(1 as DurationMs);
    assert.equal((await one.cache.get(key('k'), one.fetch)).serial, 2);
  });

  test('of one key says nothing about another', async () => {
    const one = setting();
    one.breakWith(failure('change'));
    await refusal(one);
    one.breakWith(undefined);
    assert.ok(await one.cache.get(key('other'), one.fetch));
  });

  test('does not stop a forced call before its time', async () => {
    const one = setting();
    one.breakWith(failure('change'));
    await refusal(one);
    one.breakWith(undefined);
    assert.equal((await one.cache.get(key('k'), one.fetch, { force: true })).serial, 2);
  });

  test('delays a caller that wants a new login and was refused it', async () => {
    const one = setting();
    await one.cache.get(key('k'), one.fetch);
    one.breakWith(failure('change'));
    await refusal(one, true);
    one.breakWith(undefined);
    const since = (one.clock.monotonic() + 1) as DurationMs;
    const fresh = (): Promise<Ticket> => one.cache.get(key('k'), one.fetch, { since });
    await assert.rejects(fresh(), LoginError);
    assert.equal((await one.cache.get(key('k'), one.fetch)).serial, 1, 'the one in memory serves who does not mind');
    await one.clock.advance(seconds(5));
    assert.equal((await fresh()).serial, 3);
  });

  test('keeps what the registry said', async () => {
    const one = setting();
    one.breakWith(failure('change'));
    await assert.rejects(one.cache.get(key('k'), one.fetch), {
      name: 'LoginError',
      next: 'change',
      reason: 'AWSFailed',
      message: 'no login',
    });
  });

  test('is kept with the words of what caused it, not with what the SDK hangs on it', async () => {
    const one = setting();
    const cause = Object.assign(new Error('an error of the SDK'), {
      code: 'ECONNRESET',
      $response: 'x'.repeat(40_000),
    });
    one.breakWith(new Failure({ next: 'backoff', reason: 'AWSFailed', message: 'no login', cause }));
    const told = async (): Promise<unknown> =>
      await one.cache.get(key('k'), one.fetch).catch((thrown: unknown) => thrown);
    const [first, kept] = [await told(), await told()];
    assert.ok(first instanceof LoginError && kept instanceof LoginError);
    assert.equal(first.cause, cause, 'whoever asked may log it');
    const words = kept.cause;
    assert.ok(words instanceof Error && !('$response' in words) && 'code' in words);
    assert.deepEqual([words.message, words.code], ['an error of the SDK', 'ECONNRESET']);
    assert.equal(kept.message, 'no login');
  });

  test('that is a bug is reported in fixed words, without those of the error', async () => {
    const one = setting();
    one.breakWith(new TypeError('password=hunter2'));
    await assert.rejects(one.cache.get(key('k'), one.fetch), (error: Error) => !error.message.includes('hunter2'));
  });

  test('that is thrown before any waiting does not block its key for ever', async () => {
    const { cache, clock, fetch } = setting();
    const broken = (): Promise<Ticket> => {
      throw failure('backoff');
    };
    await assert.rejects(cache.get(key('k'), broken), LoginError);
    await clock.advance(SECOND);
    assert.equal((await cache.get(key('k'), fetch)).serial, 1);
  });
});

// Rule 7
describe('the time until the next call', () => {
  /** Asks as soon as it is allowed, `times` times. */
  async function waits(one: Setting, times: number): Promise<readonly number[]> {
    const found: number[] = [];
    for (let turn = 0; turn < times; turn += 1) {
      const wait = await refusal(one);
      found.push(wait / 1_000);
      await one.clock.advance(wait as DurationMs);
    }
    return found;
  }

  test('after a denial is 5, 15 and 45 seconds, and then five minutes', async () => {
    const one = setting();
    one.breakWith(failure('change'));
    assert.deepEqual(await waits(one, 6), [5, 15, 45, 300, 300, 300]);
    assert.equal(one.fetched(), 6);
  });

  test('after other failures doubles up to five minutes', async () => {
    const one = setting();
    one.breakWith(failure('backoff'));
    assert.deepEqual(await waits(one, 11), [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
  });

  test('after other failures is any part of that, so that callers that failed together do not call together', async () => {
    const one = setting(0.5);
    one.breakWith(failure('backoff'));
    assert.deepEqual(await waits(one, 4), [0.5, 1, 2, 4]);
  });

  test('after a denial is not random', async () => {
    const one = setting(0.5);
    one.breakWith(failure('change'));
    assert.deepEqual(await waits(one, 2), [5, 15]);
  });

  test('is what the failure says, if it says so', async () => {
    const one = setting();
    one.breakWith(failure('after', seconds(7)));
    assert.deepEqual(await waits(one, 2), [7, 7]);
    one.breakWith(failure('after'));
    assert.deepEqual(await waits(one, 1), [300]);
  });

  test('is that of the cache below, which refused; no call was made, so it does not count as a further attempt', async () => {
    const one = setting();
    const below = createTokenCache<Ticket>(one.clock, () => 1);
    below.keep('above', [key('role')]);
    const upper: Setting = { ...one, fetch: () => below.get(key('role'), one.fetch) };
    one.breakWith(failure('after', SECOND));
    assert.deepEqual(await waits(upper, 2), [1, 1]);
    one.breakWith(failure('change'));
    assert.deepEqual(await waits(upper, 2), [45, 300]);
    assert.equal(one.fetched(), 4);
    const failing: Setting = { ...one, fetch: one.fetch };
    assert.deepEqual(await waits(failing, 1), [5], 'the first attempt of its own');
  });

  test('stays as long as it was when the wall clock is set back or on', async () => {
    const one = setting();
    one.breakWith(failure('change'));
    await refusal(one);
    one.clock.jump(-5 * HOUR);
    assert.equal(await refusal(one), seconds(5));
    one.clock.jump(10 * HOUR);
    assert.equal(await refusal(one), seconds(5));
    assert.equal(one.fetched(), 1);
    await one.clock.advance(seconds(5));
    await refusal(one);
    assert.equal(one.fetched(), 2);
  });

  test('begins anew after a login', async () => {
    const one = setting();
    one.breakWith(failure('change'));
    await waits(one, 3);
    one.breakWith(undefined);
    await one.cache.get(key('k'), one.fetch);
    one.breakWith(failure('change'));
    assert.equal(await refusal(one, true), seconds(5));
  });

  test('begins anew when no caller used the key meanwhile: keys that come and go must not add up', async () => {
    const one = setting();
    one.breakWith(failure('change'));
    await waits(one, 3);
    one.cache.keep('user of k', []);
    assert.equal(await refusal(one), seconds(5));
  });

  test('is no longer for others when one caller forces the call again and again', async () => {
    const one = setting();
    one.breakWith(failure('change'));
    const end = one.clock.now() + (await refusal(one));
    for (let turn = 0; turn < 4; turn += 1) {
      assert.equal(one.clock.now() + (await refusal(one, true)), end);
      await one.clock.advance(SECOND);
    }
    assert.equal(one.fetched(), 5);
    await one.clock.advance((end - one.clock.now()) as DurationMs);
    assert.equal(await refusal(one), seconds(15), 'it is the second attempt of those who do not force');
  });

  test('after a forced first call is that after a first attempt', async () => {
    const one = setting();
    one.breakWith(failure('change'));
    assert.equal(await refusal(one, true), seconds(5));
    await one.clock.advance(seconds(5));
    assert.equal(await refusal(one), seconds(5));
  });

  test('is reported as an instant of the wall clock', async () => {
    const one = setting();
    one.breakWith(failure('change'));
    const error: unknown = await one.cache.get(key('k'), one.fetch).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof LoginError);
    assert.equal(error.retryAt, (START + seconds(5)) as EpochMs);
  });
});
