// Covers instants and durations: their texts, the backoff, sleeping, and the longest timer that Node can hold.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assert as assertProperty, constantFrom, double, integer, property } from 'fast-check';
import { createManualClock, settle } from '../../testing/clocks/manual-clock.ts';
import {
  backoff,
  type DurationMs,
  type EpochMs,
  formatMicroTime,
  formatMilliseconds,
  formatRfc3339,
  HOUR,
  MINUTE,
  parseRfc3339,
  plus,
  SECOND,
  seconds,
  sleep,
  systemClock,
  systemRandom,
} from './time.ts';

const NOON = Date.parse('2023-10-05T12:00:00.987Z') as EpochMs;
/** Within the years 1970 to 9999, the range of RFC 3339. */
const instant = integer({ min: 0, max: 253_402_300_799_999 }).map((value) => value as EpochMs);

describe('an instant', () => {
  test('is written as Kubernetes writes its times, fractions cut and never rounded up', () => {
    assert.equal(formatRfc3339(NOON), '2023-10-05T12:00:00Z');
    assert.equal(formatMilliseconds(NOON), '2023-10-05T12:00:00.987Z');
    assert.equal(formatMicroTime(NOON), '2023-10-05T12:00:00.987000Z');
  });

  test('reads back from its text, whole seconds or milliseconds', () => {
    assertProperty(
      property(instant, (value) => {
        assert.equal(parseRfc3339(formatMilliseconds(value)), value);
        assert.equal(parseRfc3339(formatMicroTime(value)), value);
        assert.equal(parseRfc3339(formatRfc3339(value)), Math.floor(value / 1_000) * 1_000);
      }),
    );
  });

  test('may be written with an offset', () => {
    assert.equal(parseRfc3339('2023-10-05T14:00:00.987+02:00'), NOON);
  });

  const bad: readonly (string | undefined)[] = [
    undefined,
    '',
    'never',
    '2023-10-05',
    '2023-10-05T12:00:00',
    '2023-10-05 12:00:00Z',
    '2023-10-05T12:00Z',
    '2023-13-05T12:00:00Z',
    '2023-10-05T25:00:00Z',
    '2023-10-05T23:59:60Z',
    '1696507200',
    ' 2023-10-05T12:00:00Z',
    '2023-10-05T12:00:00Z\n',
    '2023-10-05T12:00:00+99:99',
    '+012023-10-05T12:00:00Z',
  ];
  for (const text of bad) {
    test(`is not read from ${JSON.stringify(text)}`, () => assert.equal(parseRfc3339(text), undefined));
  }

  test('moves by a length', () => {
    assert.equal(plus(NOON, seconds(2)) - NOON, 2 * SECOND);
    assert.deepEqual([60 * SECOND, 60 * MINUTE], [MINUTE, HOUR]);
  });
});

describe('a backoff', () => {
  test('lies between one millisecond and its bound, which doubles up to the cap', () => {
    const attempts = integer({ min: 0, max: 2_000 });
    const random = double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    assertProperty(
      property(attempts, random, constantFrom(1, 200, SECOND), (attempt, share, first) => {
        const delay = backoff(attempt, first as DurationMs, MINUTE, () => share);
        assert.ok(Number.isInteger(delay) && delay >= 1);
        assert.ok(delay <= Math.min(MINUTE, first * 2 ** attempt));
      }),
    );
  });

  test('is spread over its whole bound by the random number', () => {
    const delays = [0, 0.25, 0.5, 0.75, 0.999_999].map((share) => backoff(3, SECOND, MINUTE, () => share));
    assert.deepEqual(delays, [1, 2_000, 4_000, 6_000, 8_000]);
  });

  test('reaches the cap and stays there', () => {
    const longest = (attempt: number): number => backoff(attempt, SECOND, MINUTE, () => 1);
    assert.deepEqual([0, 1, 5, 6, 1_000].map(longest), [1_000, 2_000, 32_000, 60_000, 60_000]);
  });
});

describe('sleep', () => {
  test('lasts until its time', async () => {
    const clock = createManualClock(NOON);
    let isOver = false;
    const asleep = sleep(clock, SECOND, new AbortController().signal).then(() => void (isOver = true));
    await clock.advance((SECOND - 1) as DurationMs);
    assert.equal(isOver, false);
    await clock.advance(1 as DurationMs);
    assert.equal(isOver, true);
    await asleep;
  });

  test('ends at once when it is aborted, without an error and without a timer left', async () => {
    const clock = createManualClock(NOON);
    const waking = new AbortController();
    const asleep = sleep(clock, HOUR, waking.signal);
    assert.equal(clock.pending(), 1);
    waking.abort();
    await asleep;
    assert.equal(clock.pending(), 0);
  });

  test('does not begin when it is aborted already', async () => {
    const clock = createManualClock(NOON);
    await sleep(clock, HOUR, AbortSignal.abort());
    assert.equal(clock.pending(), 0);
  });

  test('leaves nothing on the signal, however often one sleeps', async () => {
    const clock = createManualClock(NOON);
    const { signal } = new AbortController();
    let listeners = 0;
    const counted = new Proxy(signal, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        if (name === 'addEventListener') listeners += 1;
        if (name === 'removeEventListener') listeners -= 1;
        return value.bind(target);
      },
    });
    const asleep = [1, 2, 3].map(() => sleep(clock, SECOND, counted));
    assert.equal(listeners, 3);
    await clock.advance(SECOND);
    await Promise.all(asleep);
    assert.equal(listeners, 0);
  });
});

describe('the system clock', () => {
  // Rule 5
  test('cuts a timer that Node would fire at once', async (context) => {
    const timer = context.mock.method(globalThis, 'setTimeout');
    const delays: readonly number[] = [2 ** 31, 2 ** 40, Number.POSITIVE_INFINITY, 2 ** 31 - 1, HOUR, -5];
    for (const delay of delays) systemClock.after(delay as DurationMs, () => assert.fail('it fired'))();
    assert.deepEqual(
      timer.mock.calls.map(({ arguments: [, delay] }) => delay),
      [2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1, HOUR, 0],
    );
    await settle();
  });

  test('calls back once, and not at all when it is cancelled', async () => {
    const calls: string[] = [];
    systemClock.after(0 as DurationMs, () => void calls.push('cancelled'))();
    await new Promise<void>((resolve) => {
      systemClock.after(0 as DurationMs, () => {
        calls.push('kept');
        resolve();
      });
    });
    assert.deepEqual(calls, ['kept']);
  });

  test('reads the wall clock, and a monotonic clock', () => {
    const [before, told, later] = [Date.now(), systemClock.now(), Date.now()];
    assert.ok(before <= told && told <= later);
    const first = systemClock.monotonic();
    assert.ok(systemClock.monotonic() >= first);
    const random = systemRandom();
    assert.ok(random >= 0 && random < 1);
  });
});
