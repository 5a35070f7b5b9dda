// Covers the metrics of a controller and its queue, and the lines that each reconciliation writes.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createManualClock, settle } from '../../../testing/clocks/manual-clock.ts';
import { START } from '../../../testing/rigs/builders.ts';
import { createController, type Reconcile } from '../../kube/controller.ts';
import { createWorkqueue } from '../../kube/workqueue.ts';
import { Failure } from '../../lib/errors.ts';
import { createLogger } from '../../lib/log.ts';
import { createMetrics } from '../../lib/metrics.ts';
import { type DurationMs, MINUTE, plus, SECOND, seconds } from '../../lib/time.ts';
import { createControllerTelemetry } from './controller-telemetry.ts';

/** A queue with two workers and what it counts; `reconcile` does its work. */
async function start(reconcile: Reconcile) {
  const clock = createManualClock(START);
  const metrics = createMetrics();
  const { a: telemetry } = createControllerTelemetry(metrics, clock, { a: 2, b: 1 });
  const lines: string[] = [];
  const log = createLogger({ level: 'debug', format: 'json', clock, write: (line) => void lines.push(line) });
  const random = (): number => 0.5;
  const queue = createWorkqueue({
    clock,
    random,
    onBug: (_, error) => assert.fail(String(error)),
    observer: telemetry.queue,
  });
  const ended = new AbortController();
  const running = queue.run(
    createController({ queue, signal: ended.signal, clock, random, log, telemetry }, reconcile),
    2,
    ended.signal,
  );
  await settle();
  return {
    clock,
    queue,
    lines: () => lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>),
    /** The whole line that begins with this. */
    value: async (series: string): Promise<number> => {
      const line = (await metrics.text()).body.split('\n').find((one) => one.startsWith(`${series} `));
      assert.ok(line, `no ${series}`);
      return Number(line.slice(series.length));
    },
    stop: async (): Promise<void> => {
      ended.abort();
      await running;
    },
  };
}

describe('a reconciliation', () => {
  const refused = new Failure({ next: 'backoff', reason: 'Refused', message: 'no' });
  for (const [outcome, result, reconcile, errors, panics] of [
    ['that is done', 'success', async () => ({ op: 'done', wakeAt: undefined }), 0, 0],
    ['with a known next time', 'requeue_after', async () => ({ op: 'done', wakeAt: plus(START, MINUTE) }), 0, 0],
    ['that is not finished', 'requeue', async () => ({ op: 'retry' }), 0, 0],
    ['that fails', 'error', async () => Promise.reject(refused), 1, 0],
    ['that ends by a bug', 'error', async () => Promise.reject(new TypeError('bug')), 1, 1],
  ] satisfies readonly (readonly [string, string, Reconcile, number, number])[]) {
    test(`${outcome} is counted as ${result}`, async () => {
      const { queue, value, stop } = await start(reconcile);
      const counts = async (): Promise<readonly number[]> => [
        await value(`controller_runtime_reconcile_total{controller="a",result="${result}"}`),
        await value('controller_runtime_reconcile_errors_total{controller="a"}'),
        await value('controller_runtime_reconcile_panics_total{controller="a"}'),
        await value('controller_runtime_reconcile_time_seconds_count{controller="a"}'),
      ];
      assert.deepEqual(await counts(), [0, 0, 0, 0]);
      queue.add('n/x');
      await settle();
      assert.deepEqual(await counts(), [1, errors, panics, 1]);
      const retried = await value('workqueue_retries_total{name="a",controller="a"}');
      assert.equal(retried, result === 'requeue' || result === 'error' ? 1 : 0);
      assert.equal(await value(`controller_runtime_reconcile_total{controller="b",result="${result}"}`), 0);
      await stop();
    });
  }

  test('writes lines that name its controller, its object and itself', async () => {
    const { queue, lines, stop } = await start(async (_, { log }) => {
      log.info('Wrote secrets', { created: 1 });
      return { op: 'done', wakeAt: undefined };
    });
    queue.add('ns/x');
    queue.add('/y');
    await settle();
    const id = '800000000000';
    const line = { ts: '2023-10-04T20:45:52.000Z', controller: 'a', reconcileID: id };
    const x = { ...line, namespace: 'ns', name: 'x' };
    assert.deepEqual(
      lines().filter(({ name }) => name === 'x'),
      [
        { ...x, level: 'info', msg: 'Wrote secrets', created: 1 },
        { ...x, level: 'debug', msg: 'Reconciled', result: 'success', seconds: 0 },
      ],
    );
    assert.deepEqual(
      lines().filter(({ name, level }) => name === 'y' && level === 'debug'),
      [{ ...line, name: 'y', level: 'debug', msg: 'Reconciled', result: 'success', seconds: 0 }],
    );
    await stop();
  });
});

describe('a queue', () => {
  const done = { op: 'done', wakeAt: undefined } as const;
  const queueOf = (name: string): string => `${name}{name="a",controller="a"}`;

  test('counts a key once while it waits, and how long it waited and was worked on', async () => {
    const ends: (() => void)[] = [];
    const { clock, queue, value, stop } = await start(async () => {
      await new Promise<void>((resolve) => void ends.push(resolve));
      return done;
    });
    for (const key of ['n/1', 'n/2', 'n/3', 'n/3', 'n/3']) queue.add(key);
    await settle();
    assert.equal(await value(queueOf('workqueue_adds_total')), 3);
    assert.equal(await value(queueOf('workqueue_depth')), 1);
    assert.equal(await value('controller_runtime_active_workers{controller="a"}'), 2);
    assert.equal(await value('controller_runtime_max_concurrent_reconciles{controller="a"}'), 2);
    await clock.advance(seconds(4));
    assert.equal(await value(queueOf('workqueue_unfinished_work_seconds')), 8);
    assert.equal(await value(queueOf('workqueue_longest_running_processor_seconds')), 4);
    ends.shift()?.();
    await settle();
    await clock.advance(SECOND);
    for (const end of ends.splice(0)) end();
    await settle();
    assert.equal(await value(queueOf('workqueue_queue_duration_seconds_sum')), 4);
    assert.equal(await value(queueOf('workqueue_work_duration_seconds_sum')), 4 + 5 + 1);
    assert.equal(await value(queueOf('workqueue_work_duration_seconds_count')), 3);
    for (const name of ['workqueue_depth', 'workqueue_unfinished_work_seconds'])
      assert.equal(await value(queueOf(name)), 0, name);
    assert.equal(await value('controller_runtime_active_workers{controller="a"}'), 0);
    await stop();
  });

  test('counts a key that is added while it is worked on as one that waits', async () => {
    const ends: (() => void)[] = [];
    const { clock, queue, value, stop } = await start(async () => {
      await new Promise<void>((resolve) => void ends.push(resolve));
      return done;
    });
    queue.add('n/1');
    await settle();
    for (let turn = 0; turn < 3; turn += 1) queue.add('n/1');
    assert.equal(await value(queueOf('workqueue_depth')), 1);
    await clock.advance(2_000 as DurationMs);
    ends.shift()?.();
    await settle();
    assert.equal(await value(queueOf('workqueue_depth')), 0);
    assert.equal(await value(queueOf('workqueue_adds_total')), 2);
    assert.equal(await value(queueOf('workqueue_queue_duration_seconds_sum')), 2);
    for (const end of ends) end();
    await stop();
  });
});
