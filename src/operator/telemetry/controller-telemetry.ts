// Metrics of one controller and its queue, under the names of controller-runtime and client-go.

import type { ObjectKey } from '../../api/meta.ts';
import { type ControllerTelemetry, RESULTS } from '../../kube/controller.ts';
import type { Metrics } from '../../lib/metrics.ts';
import type { Clock, DurationMs } from '../../lib/time.ts';
import { METRIC } from './metric-catalogue.ts';

/** @param controllers  name and number of workers of each, all of them: a metric is registered once */
export function createControllerTelemetry<Name extends string>(
  metrics: Metrics,
  clock: Clock,
  controllers: Readonly<Record<Name, number>>,
): Readonly<Record<Name, ControllerTelemetry>> {
  const names = Object.keys(controllers) as Name[];
  const each = names.map((controller) => ({ controller }));
  const eachQueue = names.map((name) => ({ name, controller: name }));

  const reconciled = metrics.counter(
    METRIC.reconciles,
    each.flatMap(({ controller }) => RESULTS.map((result) => ({ controller, result }))),
  );
  const failed = metrics.counter(METRIC.reconcileErrors, each);
  metrics.counter(METRIC.terminalErrors, each);
  const panicked = metrics.counter(METRIC.panics, each);
  const reconcileTime = metrics.histogram(METRIC.reconcileTime, each);
  const added = metrics.counter(METRIC.queueAdds, eachQueue);
  const retried = metrics.counter(METRIC.queueRetries, eachQueue);
  const waited = metrics.histogram(METRIC.queueWait, eachQueue);
  const worked = metrics.histogram(METRIC.queueWork, eachQueue);

  metrics.observe(METRIC.workers, () =>
    names.map((controller) => ({ labels: { controller }, value: controllers[controller] })),
  );
  const secondsSince = (instant = clock.monotonic()): number => (clock.monotonic() - instant) / 1_000;
  const timings = new Map(names.map((name): [Name, Timings] => [name, { waiting: new Map(), working: new Map() }]));
  observeTimings(metrics, timings, secondsSince);

  const telemetryOf = (controller: Name, { waiting, working }: Timings): ControllerTelemetry => {
    const mine = { controller };
    const queue = { name: controller, controller };
    return {
      controller,
      queue: {
        onCreated: () => [waiting, working].forEach((times) => times.clear()),
        onAdd(key) {
          if (waiting.has(key)) return;
          waiting.set(key, clock.monotonic());
          added(queue);
        },
        onStart(key) {
          waited(queue, secondsSince(waiting.get(key)));
          waiting.delete(key);
          working.set(key, clock.monotonic());
        },
        onEnd(key) {
          worked(queue, secondsSince(working.get(key)));
          working.delete(key);
        },
        onRetry: () => retried(queue),
      },
      onReconciled(result, took) {
        reconciled({ controller, result });
        reconcileTime(mine, took / 1_000);
        if (result === 'error') failed(mine);
      },
      onBug: () => panicked(mine),
    };
  };
  const all = [...timings].map(([name, timing]) => [name, telemetryOf(name, timing)]);
  return Object.fromEntries(all) as Record<Name, ControllerTelemetry>;
}

/** Monotonic instants since when a key waits, or is reconciled. A key that is added again meanwhile is in both. */
type Timings = Readonly<Record<'waiting' | 'working', Map<ObjectKey, DurationMs>>>;

function observeTimings(
  metrics: Metrics,
  timings: ReadonlyMap<string, Timings>,
  secondsSince: (instant: DurationMs) => number,
): void {
  metrics.observe(METRIC.activeWorkers, () =>
    [...timings].map(([controller, { working }]) => ({ labels: { controller }, value: working.size })),
  );
  const queues = (read: (timing: Timings) => number) => () =>
    [...timings].map(([name, timing]) => ({ labels: { name, controller: name }, value: read(timing) }));
  const unfinished = ({ working }: Timings): readonly number[] => [...working.values()].map(secondsSince);
  metrics.observe(
    METRIC.queueDepth,
    queues(({ waiting }) => waiting.size),
  );
  metrics.observe(
    METRIC.queueUnfinished,
    queues((timing) => unfinished(timing).reduce((sum, seconds) => sum + seconds, 0)),
  );
  metrics.observe(
    METRIC.queueLongest,
    queues((timing) => Math.max(0, ...unfinished(timing))),
  );
}
