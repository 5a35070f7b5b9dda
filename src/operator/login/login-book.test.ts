// Covers the login book: which login serves which object, which of two is kept, and when AWS is called.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { createManualClock, type ManualClock, settle } from '../../../testing/clocks/manual-clock.ts';
import { clusterPullSecret, hostOf, login, SECRET_KEY, START, spec, UID } from '../../../testing/rigs/builders.ts';
import type { TokenRequest } from '../../aws/ecr-client.ts';
import { type Login, loginDigest, onBothClocks } from '../../core/login.ts';
import { makePayload } from '../../core/plan.ts';
import type { Registry } from '../../core/registries.ts';
import { inputsDigest, type PullSecretObject } from '../../core/resource.ts';
import { NO_TEMPLATE } from '../../core/secret-template.ts';
import { withLogins } from '../../core/status.ts';
import { Failure } from '../../lib/errors.ts';
import { type IdentityKey, identityKey } from '../../lib/identity-key.ts';
import { type DurationMs, type EpochMs, HOUR, MINUTE, plus, seconds } from '../../lib/time.ts';
import { createHeldLogins } from './held-logins.ts';
import { createLoginBook, type LoginBook, type LoginRequest, type Logins } from './login-book.ts';

const REGISTRY: Registry = { registry: 'eu-west-1', kind: 'private', region: 'eu-west-1' };
const WANTED: LoginRequest['wanted'] = {
  registries: [REGISTRY],
  extra: { accounts: [], hosts: [], region: 'eu-west-1' },
};
const IDENTITY = identityOf('AKIAIOSFODNN7EXAMPLE');
const INPUTS = inputsDigest(IDENTITY, WANTED);
const OTHER_UID = '7f6f6f0a-0000-4000-8000-000000000002';
const { signal } = new AbortController();

let clock: ManualClock;
let book: LoginBook;
/** Uids of the existing objects. */
let there: Set<string>;
/** Every request that reached AWS. */
let asked: TokenRequest[];
/** Life of the logins that AWS gives from now on. */
let life: number;
let refusal: Failure | undefined;
/** The only region with that life; undefined: every region. */
let broken: string | undefined;
/** Lets AWS answer; undefined: it answers at once. */
let hanging: Promise<void> | undefined;
/** How often the book reported the keys as useless, and how often it requested new ones. */
let forgotten: number;
let forced: number;
/** Is called when an object has been woken. */
let woken: PromiseWithResolvers<void>;
/** How long a renewal waits for its slot. */
let queue: number;

beforeEach(() => {
  clock = createManualClock(START);
  there = new Set([UID, OTHER_UID]);
  asked = [];
  life = 12 * HOUR;
  [refusal, broken, hanging] = [undefined, undefined, undefined];
  [forgotten, forced, queue] = [0, 0, 0];
  woken = Promise.withResolvers();
  const isThere = (uid: string): boolean => there.has(uid);
  const pacer = { next: () => plus(clock.now(), queue as DurationMs) };
  const heldLogins = createHeldLogins({ pacer, clock, isThere });
  book = createLoginBook({
    source: {
      async fetchToken(request) {
        asked.push(request);
        const password = `password-${asked.length}`;
        await hanging;
        if (refusal && (broken ?? request.region) === request.region) throw refusal;
        const expiresAt = plus(clock.now(), life as DurationMs);
        return { username: 'AWS', password, hosts: [hostOf('eu-west-1')], expiresAt };
      },
    },
    heldLogins,
    clock,
    isThere,
    random: () => 0,
    wake(uid) {
      woken.resolve();
      return isThere(uid);
    },
  });
});

function identityOf(accessKeyId: string): IdentityKey {
  return identityKey('pair', { accessKeyId, secretAccessKey: SECRET_KEY, sessionToken: undefined });
}

const MOST_LOOKS = 100;

/** Asks again and again until nothing is in flight. */
async function obtain(over: Partial<LoginRequest> = {}): Promise<Logins> {
  for (let look = 0; look < MOST_LOOKS; look += 1) {
    const logins = ask(over);
    if (logins.pending.length === 0) return logins;
    await settle();
  }
  return assert.fail('there is no answer');
}

function ask(over: Partial<LoginRequest> = {}): Logins {
  const request: LoginRequest = {
    uid: UID,
    wanted: WANTED,
    endpoints: { useFips: false, useDualstack: false },
    keys: {
      get(_signal, force = false) {
        if (force) forced += 1;
        return Promise.resolve({ accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: SECRET_KEY });
      },
      forget: () => {
        forgotten += 1;
      },
      account: undefined,
      shown: {},
    },
    identity: IDENTITY,
    group: 'ns1',
    asked: undefined,
    after: new Map(),
    ...over,
  };
  return book.obtain(request, signal);
}

/** The one login that the book returned. */
async function obtained(over: Partial<LoginRequest> = {}): Promise<Login> {
  const { held, failures } = await obtain(over);
  assert.deepEqual(failures, []);
  return held[0] ?? assert.fail('there is no login');
}

/** Gives the book a Secret that holds this login, written for an object whose status proves it. */
function show(stored: Login, uid = UID, inputs = INPUTS): void {
  const object: PullSecretObject = { ...clusterPullSecret(spec()), uid, status: withLogins({}, [stored]) };
  book.restore(object, makePayload([stored], inputs, NO_TEMPLATE, START)?.content ?? assert.fail(), inputs);
}

function endingAfter(length: number): Login {
  const expiresAt = plus(START, length as DurationMs);
  const token = { username: 'AWS', password: `password-for-${length}` };
  const renewAt = plus(START, (length / 2) as DurationMs);
  const stored = login('eu-west-1', { ...token, expiresAt, renewAt, digest: loginDigest(token, expiresAt) });
  return onBothClocks(stored, { now: START, monotonic: 0 as DurationMs });
}

// Rule 6
describe('a login that this process fetched', () => {
  test('serves every object with the same key', async () => {
    const first = await obtain();
    const second = await obtain({ uid: OTHER_UID });
    assert.equal(asked.length, 1);
    assert.equal(second.held[0], first.held[0]);
    assert.deepEqual([first.fresh.size, second.fresh.size], [1, 0]);
  });

  // Rule 5
  test('is renewed once for all that hold it when the wall clock was set back by a day', async () => {
    for (const uid of [UID, OTHER_UID]) await obtained({ uid });
    clock.jump(-24 * HOUR);
    await clock.advance((6 * HOUR - 1_000) as DurationMs);
    await obtained();
    assert.equal(asked.length, 1);
    await clock.advance(seconds(1));
    for (const uid of [UID, OTHER_UID]) assert.equal((await obtained({ uid })).password, 'password-2');
    assert.equal(asked.length, 2);
    await clock.advance((6 * HOUR) as DurationMs);
    there.add('a new one');
    assert.equal((await obtained({ uid: 'a new one' })).password, 'password-3', 'an old one serves nobody who comes');
  });

  test('serves no object with another key', async () => {
    await obtain();
    await obtain({ uid: OTHER_UID, identity: identityOf('AKIAI44QH8DHBEXAMPLE') });
    assert.equal(asked.length, 2);
  });

  test('is held until it is due, and then waits for its turn while the old one is as good', async () => {
    queue = 10_000;
    const old = await obtained();
    await clock.advance((6 * HOUR - 1_000) as DurationMs);
    assert.equal(await obtained(), old);
    await clock.advance(seconds(1));
    const { held, renewalStarts } = await obtain();
    assert.deepEqual([...renewalStarts], [['eu-west-1', plus(clock.now(), seconds(10))]]);
    assert.equal(held[0], old);
    assert.equal(asked.length, 1);
    await clock.advance(seconds(10));
    assert.ok((await obtained()).expiresAt > old.expiresAt);
  });
});

// Rule 6
describe('a login that was found in a Secret', () => {
  test('serves the object whose status proves it, without a call of AWS', async () => {
    const stored = endingAfter(11 * HOUR);
    show(stored);
    assert.deepEqual(await obtained(), stored);
    assert.equal(asked.length, 0);
  });

  test('serves no other object, though its key is the same', async () => {
    show(endingAfter(11 * HOUR));
    await obtained();
    assert.equal((await obtained({ uid: OTHER_UID })).password, 'password-1');
    assert.equal(asked.length, 1);
  });

  test('is requested anew when it is due, also when this process has one that ends before it', async () => {
    await obtained({ uid: OTHER_UID });
    show({ ...endingAfter(12 * HOUR + 60_000), renewAt: START });
    assert.equal((await obtained()).password, 'password-for-43260000');
    assert.equal(asked.length, 2);
  });

  test('takes the place of one that ends before it, never of one that ends after it', () => {
    const [early, late] = [endingAfter(10 * HOUR), endingAfter(11 * HOUR)];
    for (const stored of [early, late, early]) show(stored);
    assert.deepEqual(book.held(UID, [REGISTRY]).held, [late]);
    assert.ok(book.wasHeld(UID, 'eu-west-1', early.digest));
    assert.ok(!book.wasHeld(UID, 'eu-west-1', late.digest));
  });

  test('with another key than the object has now is replaced when the new key has given one', async () => {
    show(endingAfter(12 * HOUR), UID, 'digest-of-other-inputs');
    refusal = new Failure({ next: 'backoff', reason: 'AWSFailed', message: 'not now' });
    const { held, failures } = await obtain();
    assert.deepEqual([held.length, failures.length], [1, 1]);
    refusal = undefined;
    life = HOUR;
    await clock.advance(seconds(1));
    assert.equal((await obtained()).password, 'password-2');
  });
});

// Rule 7
describe('the end of a login', () => {
  test('does not go back when a requested one ends earlier; the renewal does', async () => {
    const long = await obtained();
    life = HOUR;
    const kept = await obtained({ asked: 'now' });
    assert.equal(asked.length, 2);
    assert.deepEqual(kept, { ...long, renewAt: plus(START, (HOUR / 2) as DurationMs), dueBy: HOUR / 2 });
  });

  test('goes on when a requested one ends later', async () => {
    await obtained();
    await clock.advance(seconds(1));
    assert.equal((await obtained({ asked: 'now' })).password, 'password-2');
  });

  test('comes after that of one that another operator has announced', async () => {
    const { expiresAt } = await obtained();
    const told = (end: EpochMs): Partial<LoginRequest> => ({ after: new Map([['eu-west-1', end]]) });
    await obtained(told(plus(expiresAt, -1_000 as DurationMs)));
    assert.equal(asked.length, 1, 'ours ends after it');
    await clock.advance(seconds(1));
    assert.ok((await obtained(told(expiresAt))).expiresAt > expiresAt);
    assert.equal(asked.length, 2);
  });
});

// Rule 7
describe('a login that cannot be fetched', () => {
  test('leaves the old one, and says when it is tried again', async () => {
    const old = await obtained();
    await clock.advance((6 * HOUR) as DurationMs);
    refusal = new Failure({ next: 'change', reason: 'AWSDenied', message: 'access denied' });
    const { held, failures } = await obtain();
    assert.equal(held[0], old);
    const retryAt = plus(clock.now(), seconds(5));
    const [failure] = failures;
    assert.deepEqual(failures, [
      { registry: 'eu-west-1', message: 'access denied', needsChange: true, retryAt, cause: failure?.cause },
    ]);
  });

  test('is a failure while it waits for its next turn too, until one is there', async () => {
    await obtained();
    await clock.advance((6 * HOUR) as DurationMs);
    refusal = new Failure({ next: 'backoff', reason: 'AWSUnreachable', message: 'cannot reach ECR' });
    await obtain();
    queue = 10 * MINUTE;
    await clock.advance(MINUTE);
    await obtain();
    await clock.advance(MINUTE);
    const [failure] = (await obtain()).failures;
    assert.equal(failure?.message, 'cannot reach ECR');
    refusal = undefined;
    await clock.advance((failure.retryAt - clock.now()) as DurationMs);
    assert.deepEqual((await obtain()).failures, []);
  });

  test('names what was thrown, for the log', async () => {
    const cause = new Error('connect ECONNREFUSED 192.0.2.1:443');
    refusal = new Failure({ next: 'backoff', reason: 'AWSUnreachable', message: 'cannot reach ECR', cause });
    const [failure] = (await obtain()).failures;
    assert.ok(failure?.cause instanceof Error && failure.cause.cause instanceof Error);
    assert.equal(failure.cause.cause.message, cause.message);
  });

  test('causes a request for new keys when they were denied, not when AWS was away', async () => {
    refusal = new Failure({ next: 'backoff', reason: 'AWSUnreachable', message: 'cannot reach ECR' });
    await obtain();
    assert.equal(forgotten, 0);
    refusal = new Failure({ next: 'change', reason: 'AWSDenied', message: 'access denied' });
    await clock.advance(seconds(1));
    await obtain();
    assert.equal(forgotten, 1);
  });
});

describe('a mark that asks for a fresh login', () => {
  test('is heeded once, with fresh keys', async () => {
    await obtain();
    await obtain({ asked: 'first' });
    await obtain({ asked: 'first' });
    assert.deepEqual([asked.length, forced], [2, 1]);
    await obtain({ asked: 'second' });
    assert.equal(asked.length, 3);
  });

  test('is heeded at once in spite of an earlier refusal, and then when AWS may be called again, until it gives a login', async () => {
    const old = await obtained();
    refusal = new Failure({ next: 'change', reason: 'AWSDenied', message: 'access denied' });
    await obtain({ asked: 'first' });
    await obtain({ asked: 'second' });
    assert.equal(asked.length, 3);
    const { failures, held } = await obtain({ asked: 'second' });
    assert.equal(asked.length, 3, 'the second look waits like any other');
    assert.deepEqual([failures[0]?.retryAt, held[0]], [plus(clock.now(), seconds(5)), old]);
    await clock.advance(seconds(5));
    await obtain({ asked: 'second' });
    refusal = undefined;
    await clock.advance(seconds(5));
    assert.equal((await obtained({ asked: 'second' })).password, 'password-5');
    await obtained({ asked: 'second' });
    assert.equal(asked.length, 5);
  });

  test('causes one request for new keys at once: after failures requests follow with pauses that grow', async () => {
    refusal = new Failure({ next: 'backoff', reason: 'AWSFailed', message: 'not now' });
    for (let turn = 0; turn < 4; turn += 1) {
      await obtain({ asked: 'first' });
      await clock.advance(seconds(30));
    }
    assert.deepEqual([asked.length, forced], [4, 1]);
  });

  test('fetches for each registry once, though another one fails', async () => {
    const us: Registry = { registry: 'us-east-1', kind: 'private', region: 'us-east-1' };
    const over = { wanted: { ...WANTED, registries: [REGISTRY, us] }, asked: 'first' };
    broken = 'us-east-1';
    refusal = new Failure({ next: 'backoff', reason: 'AWSFailed', message: 'not now' });
    for (let turn = 0; turn < 3; turn += 1) {
      await obtain(over);
      await clock.advance(seconds(30));
    }
    assert.deepEqual(asked.map(({ region }) => region).sort(), ['eu-west-1', 'us-east-1', 'us-east-1', 'us-east-1']);
  });
});

describe('an object that is gone', () => {
  test('leaves no login behind', async () => {
    await obtain();
    book.forget(UID);
    assert.deepEqual(book.held(UID, [REGISTRY]).held, []);
  });

  test('leaves none behind either when its login was under way', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    hanging = promise;
    ask();
    there.delete(UID);
    book.forget(UID);
    resolve();
    await woken.promise;
    assert.deepEqual(book.held(UID, [REGISTRY]).held, []);
  });

  test('is not remembered by a late answer about it', async () => {
    there.delete(UID);
    show(endingAfter(11 * HOUR));
    assert.deepEqual(book.held(UID, [REGISTRY]).held, []);
    ask({ asked: 'now' });
    await settle();
    assert.deepEqual(book.held(UID, [REGISTRY]).held, []);
  });

  test('does not keep the login from others', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    hanging = promise;
    ask();
    const other = obtained({ uid: OTHER_UID });
    there.delete(UID);
    book.forget(UID);
    resolve();
    await other;
    assert.equal(asked.length, 1);
  });
});
