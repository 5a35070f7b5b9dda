// A controller: has one key reconciled by a worker of its queue, and decides when the key comes again.

import { splitKey } from '../api/meta.ts';
import { Failure, failureFrom } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { type Clock, type DurationMs, type EpochMs, plus, type Random } from '../lib/time.ts';
import type { Work, Workqueue, WorkqueueObserver } from './workqueue.ts';

/** What a reconciliation returns when it does not throw: see `Reconcile`. */
export type Result =
  | { readonly op: 'retry'; readonly wakeAt?: EpochMs | undefined }
  | { readonly op: 'done'; readonly wakeAt: EpochMs | undefined };

/** Outcome of a reconciliation, in controller-runtime's words: the label `result` of its metrics. */
export const RESULTS = ['success', 'error', 'requeue', 'requeue_after'] as const;
export type ReconcileResult = (typeof RESULTS)[number];

export interface ControllerTelemetry {
  /** Name in metrics and log. */
  readonly controller: string;
  readonly queue: WorkqueueObserver;
  readonly onReconciled: (result: ReconcileResult, took: DurationMs) => void;
  /** A reconciliation threw an error that is no Failure. */
  readonly onBug: () => void;
}

export interface ControllerParts {
  readonly queue: Workqueue;
  /** Ends attempts: one under way begins nothing new. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly telemetry: ControllerTelemetry;
}

/** One reconciliation of a key. */
export interface Attempt {
  /** Aborts when the operator stops. */
  readonly signal: AbortSignal;
  /** Its lines carry the controller, the object's namespace and name, and an id of this attempt. */
  readonly log: Logger;
}

/**
 * Brings the cluster to the state that the key's object wants. An event during an attempt brings the key once more
 * after it, whatever the attempt returns or throws, which decides about the rest:
 *
 * | returns or throws | the key comes again | its backoff | `result` in metrics |
 * |---|---|---|---|
 * | `done` without `wakeAt` | at the next event | begins anew | `success` |
 * | `done` with `wakeAt` | at that instant, or at the next event if that is earlier | begins anew | `requeue_after` |
 * | `retry` | after its backoff, or at `wakeAt` if that is earlier | grows | `requeue` |
 * | a Failure with `delay` | after that delay | stays as it is | `error` |
 * | a Failure without `delay` | after its backoff | grows | `error` |
 * | anything else, which is a bug | after its backoff | grows | `error`, and a panic |
 *
 * The controller logs whatever is thrown as a warning. The backoff is that of the workqueue.
 */
export type Reconcile = (key: string, attempt: Attempt) => Promise<Result>;

/** @returns the queue's work, which never rejects */
export function createController(parts: ControllerParts, reconcile: Reconcile): Work {
  const { queue, signal, clock, random, log, telemetry } = parts;
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
    const result = await reconcile(key, { signal, log: bound }).then(
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
