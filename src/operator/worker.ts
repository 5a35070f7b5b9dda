// One key of one queue -> its work done, what went wrong told, and when the key comes again.

import { splitKey } from '../api/meta.ts';
import type { Work, Workqueue, WorkqueueObserver } from '../kube/workqueue.ts';
import { Failure, failureFrom } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { type Clock, type DurationMs, type EpochMs, plus, type Random } from '../lib/time.ts';

/**
 * What the queue does next with the key. `retry`: again, later each time. `wakeAt`: at that instant at the latest, if there
 * is one.
 */
export type Result =
  | { readonly op: 'retry'; readonly wakeAt?: EpochMs | undefined }
  | { readonly op: 'done'; readonly wakeAt: EpochMs | undefined };

/** What came of a reconciliation, in controller-runtime's words. */
export const RESULTS = ['success', 'error', 'requeue', 'requeue_after'] as const;
export type ReconcileResult = (typeof RESULTS)[number];

export interface ControllerTelemetry {
  /** Name in metrics and log. */
  readonly controller: string;
  readonly queue: WorkqueueObserver;
  onReconciled(result: ReconcileResult, took: DurationMs): void;
  /** A reconciliation threw what is no Failure. */
  onBug(): void;
}

export interface WorkParts {
  readonly queue: Workqueue;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly telemetry: ControllerTelemetry;
}

/** @param log  its lines carry the controller, the object's namespace and name, and an id of this one reconciliation */
export type Reconcile = (key: string, log: Logger) => Promise<Result>;

/** @returns work that never rejects: what `reconcile` throws is logged, and the key is tried again */
export function createWork({ queue, clock, random, log, telemetry }: WorkParts, reconcile: Reconcile): Work {
  const settle = (key: string, next: Result): ReconcileResult => {
    if (next.wakeAt !== undefined) queue.addAt(key, next.wakeAt);
    if (next.op === 'retry') {
      queue.retry(key);
      return 'requeue';
    }
    queue.forget(key);
    return next.wakeAt === undefined ? 'success' : 'requeue_after';
  };

  const fail = (key: string, thrown: unknown, bound: Logger): ReconcileResult => {
    const failure = failureFrom(thrown);
    if (!(thrown instanceof Failure)) telemetry.onBug();
    const { reason, message, delay } = failure;
    bound.warn('Could not reconcile; trying again', { reason, message }, thrown);
    if (delay === undefined) queue.retry(key);
    else queue.addAt(key, plus(clock.now(), delay));
    return 'error';
  };

  return async (key) => {
    const started = clock.monotonic();
    const bound = log.with({ controller: telemetry.controller, ...splitKey(key), reconcileID: makeId(random) });
    const result = await reconcile(key, bound).then(
      (next) => settle(key, next),
      (thrown: unknown) => fail(key, thrown, bound),
    );
    const took = (clock.monotonic() - started) as DurationMs;
    telemetry.onReconciled(result, took);
    bound.debug('Reconciled', { result, seconds: Math.round(took) / 1_000 });
  };
}

/** Twelve hexadecimal digits: enough to find the lines of one reconciliation among those of a week. */
function makeId(random: Random): string {
  return Math.floor(random() * 2 ** 48)
    .toString(16)
    .padStart(12, '0');
}
