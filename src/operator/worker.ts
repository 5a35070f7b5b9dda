// One key of one queue -> its work done, what went wrong told, and when the key comes again.

import type { Work, Workqueue } from '../kube/workqueue.ts';
import { failureFrom } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { Metrics } from '../lib/metrics.ts';
import { type Clock, type EpochMs, plus } from '../lib/time.ts';

/** What the queue does next with the key. `retry`: again, later each time. `wakeAt`: at that instant, if there is one. */
export type Result = { readonly op: 'retry' } | { readonly op: 'done'; readonly wakeAt: EpochMs | undefined };

export interface WorkParts {
  readonly queue: Workqueue;
  /** Name in the metrics. */
  readonly controller: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** @returns work that never rejects: what `reconcile` throws is logged, and the key is tried again */
export function createWork(
  { queue, controller, clock, log, metrics }: WorkParts,
  reconcile: (key: string) => Promise<Result>,
): Work {
  return async (key) => {
    const started = clock.monotonic();
    let result = 'success';
    try {
      const next = await reconcile(key);
      if (next.op === 'retry') {
        queue.retry(key);
      } else {
        queue.forget(key);
        if (next.wakeAt !== undefined) queue.addAt(key, next.wakeAt);
      }
    } catch (thrown) {
      result = 'error';
      const failure = failureFrom(thrown);
      log.warn('Could not reconcile; trying again', { key, reason: failure.reason, message: failure.message }, thrown);
      if (failure.delay === undefined) queue.retry(key);
      else queue.addAt(key, plus(clock.now(), failure.delay));
    }
    metrics.reconciles.inc({ controller, result });
    metrics.reconcileSeconds.observe({ controller }, (clock.monotonic() - started) / 1_000);
  };
}
