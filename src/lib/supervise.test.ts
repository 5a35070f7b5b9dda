// Covers the restarts of a loop that throws, on a clock that the test moves.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createManualClock, settle } from '../../testing/clocks/manual-clock.ts';
import { createLogger } from './log.ts';
import { createSupervisor, type Loop } from './supervise.ts';
import { type EpochMs, MINUTE, seconds, sleep } from './time.ts';

const create = () => {
  const clock = createManualClock(0 as EpochMs);
  const lines: string[] = [];
  const counted: string[] = [];
  const supervisor = createSupervisor({
    clock,
    random: () => 1,
    log: createLogger({ level: 'info', format: 'json', clock, write: (line) => void lines.push(line) }),
    onFailed: (name) => void counted.push(name),
  });
  return { clock, lines, counted, supervisor };
};

// Rule 15
describe('a loop that ends by an exception', () => {
  test('is started again, later each time, logged and counted; it ends when it is stopped', async () => {
    const { clock, lines, counted, supervisor } = create();
    const stop = new AbortController();
    let runs = 0;
    const done = supervisor.run(
      'the loop',
      () => {
        runs += 1;
        return Promise.reject(new Error('a bug'));
      },
      stop.signal,
    );
    const runsAfter: number[] = [];
    for (const wait of [0, 1, 1, 1, 4]) {
      await clock.advance(seconds(wait));
      await settle();
      runsAfter.push(runs);
    }
    // Pauses of one, two and four seconds.
    assert.deepEqual(runsAfter, [1, 2, 2, 3, 4]);
    assert.deepEqual(counted, Array(4).fill('the loop'));
    assert.match(lines[0] ?? '', /"name":"the loop","err":"Error: a bug .*ended unexpectedly/);
    stop.abort();
    await done;
  });

  test('is named while it goes on failing for five minutes, and no more when it has run for one', async () => {
    const { clock, supervisor } = create();
    const stop = new AbortController();
    let isMended = false;
    const loop: Loop = async (signal) => {
      if (!isMended) throw new Error('a bug');
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    };
    const done = supervisor.run('the loop', loop, stop.signal);
    await settle();
    await clock.advance((5 * MINUTE - 1) as typeof MINUTE);
    assert.deepEqual(supervisor.failing(), []);
    await clock.advance(seconds(1));
    assert.deepEqual(supervisor.failing(), ['the loop']);
    isMended = true;
    await clock.advance(MINUTE);
    await settle();
    assert.deepEqual(supervisor.failing(), ['the loop']);
    await clock.advance(MINUTE);
    assert.deepEqual(supervisor.failing(), []);
    stop.abort();
    await done;
  });

  test('that ran well in between is not named, and begins with a short pause', async () => {
    const { clock, supervisor, counted } = create();
    const stop = new AbortController();
    const loop: Loop = async (signal) => {
      await sleep(clock, (2 * MINUTE) as typeof MINUTE, signal);
      throw new Error('a bug');
    };
    const done = supervisor.run('the loop', loop, stop.signal);
    for (let count = 0; count < 20; count += 1) await clock.advance(MINUTE);
    assert.ok(counted.length >= 9, String(counted.length));
    assert.deepEqual(supervisor.failing(), []);
    stop.abort();
    await done;
  });

  test('takes with it what it started', async () => {
    const { supervisor } = create();
    const stop = new AbortController();
    const signals: AbortSignal[] = [];
    const done = supervisor.run(
      'the loop',
      (signal) => {
        signals.push(signal);
        return Promise.reject(new Error('a bug'));
      },
      stop.signal,
    );
    await settle();
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true],
    );
    stop.abort();
    await done;
  });
});

test('a loop that ends by itself is not started again', async () => {
  const { supervisor, counted } = create();
  let runs = 0;
  const loop = (): Promise<void> => {
    runs += 1;
    return Promise.resolve();
  };
  await supervisor.run('the loop', loop, new AbortController().signal);
  assert.deepEqual([runs, counted], [1, []]);
});
