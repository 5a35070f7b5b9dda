// Covers when a key is reconciled again, by the outcome of its last reconciliation.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createManualClock, type ManualClock, settle } from '../../testing/clocks/manual-clock.ts';
import { START } from '../../testing/rigs/builders.ts';
import { Failure, type Next } from '../lib/errors.ts';
import { createLogger } from '../lib/log.ts';
import { type DurationMs, HOUR, MINUTE, plus, SECOND, seconds } from '../lib/time.ts';
import { type ControllerTelemetry, createController, type ReconcileResult, type Result } from './controller.ts';
import { createWorkqueue, type Workqueue } from './workqueue.ts';

const DONE: Result = { op: 'done', wakeAt: undefined };
const KEY = 'ns1/a';

let clock: ManualClock;
let queue: Workqueue;
/** Results of the next reconciliations; after the last of them all is done. */
let outcomes: (Result | Error)[];
/** Milliseconds after the start of the test at which a reconciliation began. */
let looks: number[];
/** What the telemetry counted of them. */
let results: ReconcileResult[];
let bugs: number;
let ending: AbortController;
let running: Promise<void>;

beforeEach(() => {
  clock = createManualClock(START);
  const random = (): number => 1;
  const log = createLogger({ level: 'debug', format: 'json', clock, write: () => {} });
  queue = createWorkqueue({ clock, random, onBug: (_, error) => assert.fail(String(error)) });
  outcomes = [];
  looks = [];
  results = [];
  bugs = 0;
  ending = new AbortController();
  const telemetry: ControllerTelemetry = {
    controller: 'a',
    queue: { onCreated: () => {}, onAdd: () => {}, onStart: () => {}, onEnd: () => {}, onRetry: () => {} },
    onReconciled: (result) => void results.push(result),
    onBug: () => {
      bugs += 1;
    },
  };
  const work = createController({ queue, signal: ending.signal, clock, random, log, telemetry }, () => {
    looks.push(clock.monotonic());
    const outcome = outcomes.shift() ?? DONE;
    return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome);
  });
  running = queue.run(work, 1, ending.signal);
});
afterEach(async () => {
  ending.abort();
  await running;
});

function failure(next: Next, delay?: DurationMs): Failure {
  return new Failure({ next, reason: 'Refused', message: 'no', ...(delay === undefined ? {} : { delay }) });
}

/** Adds the key, and returns when reconciliations began within the hour after it. */
async function looksAfter(...wanted: readonly (Result | Error)[]): Promise<readonly number[]> {
  outcomes = [...wanted];
  looks = [];
  const begun = clock.monotonic();
  queue.add(KEY);
  await settle();
  await clock.advance(HOUR);
  return looks.map((at) => at - begun);
}

// Rule 12
describe('a key is reconciled again', () => {
  test('never when all is done and nothing is due', async () => {
    assert.deepEqual(await looksAfter(DONE), [0]);
  });

  test('at the instant that was named', async () => {
    const wakeAt = plus(START, seconds(90));
    assert.deepEqual(await looksAfter({ op: 'done', wakeAt }), [0, 90_000]);
  });

  test('after exactly as long as a failure says', async () => {
    assert.deepEqual(await looksAfter(failure('after', seconds(7))), [0, 7_000]);
    assert.deepEqual(await looksAfter(failure('after', seconds(7)), failure('after', seconds(9))), [0, 7_000, 16_000]);
  });

  test('later each time when it fails, and at once again after a success', async () => {
    const refused = failure('backoff');
    assert.deepEqual(await looksAfter(refused, refused, refused), [0, 200, 600, 1_400]);
    assert.deepEqual(await looksAfter(refused), [0, 200]);
  });

  test('later each time when it was not finished', async () => {
    assert.deepEqual(await looksAfter({ op: 'retry' }, { op: 'retry' }), [0, 200, 600]);
  });

  test('when it was not finished, and no later than something else is due', async () => {
    const unfinished = Array.from({ length: 9 }, (): Result => ({ op: 'retry' }));
    const wakeAt = plus(START, MINUTE);
    assert.deepEqual(
      (await looksAfter(...unfinished.slice(0, 8), { op: 'retry', wakeAt })).slice(-2),
      [51_000, 60_000],
    );
  });

  test('when it was not finished, though something else is due much later', async () => {
    assert.deepEqual(await looksAfter({ op: 'retry', wakeAt: plus(START, MINUTE) }), [0, 200]);
  });
});

// Rule 12
test('each way in which a reconciliation can end is counted under its name, and only what is no Failure is a bug', async () => {
  const wakeAt = plus(START, MINUTE);
  await looksAfter({ op: 'retry' }, failure('backoff'), failure('after', SECOND), { op: 'done', wakeAt }, DONE);
  assert.deepEqual([results, bugs], [['requeue', 'error', 'error', 'requeue_after', 'success'], 0]);
  results = [];
  assert.deepEqual(await looksAfter(new TypeError('bug'), new TypeError('bug')), [0, 200, 600]);
  assert.deepEqual([results, bugs], [['error', 'error', 'success'], 2]);
});

test('a failure with a delay of its own leaves the backoff as it is', async () => {
  const refused = failure('backoff');
  assert.deepEqual(await looksAfter(refused, failure('after', seconds(7)), refused), [0, 200, 7_200, 7_600]);
});
