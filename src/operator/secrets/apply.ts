// Performs all actions of a plan, a bounded number at once, and collects the outcome for each namespace.

import { REASON } from '../../api/names.ts';
import type { Problem } from '../../core/desired.ts';
import type { Payload, Plan } from '../../core/plan.ts';
import type { PullSecretObject } from '../../core/resource.ts';
import type { Clock, DurationMs } from '../../lib/time.ts';
import { createWeightedSemaphore } from '../../lib/weighted-semaphore.ts';
import { type ActionContext, type ActionOutcome, createActions } from './actions.ts';
import type { SlowOutcome } from './rollout.ts';
import { SlowWrite } from './slow-writes.ts';

/** Namespaces, each in one list. */
export interface Applied {
  readonly created: readonly string[];
  readonly updated: readonly string[];
  readonly deleted: readonly string[];
  /** They are being deleted, and accept no new Secret. */
  readonly terminating: readonly string[];
  /** The Secret was not as the plan saw it, or the API server was busy: reconcile again after a backoff. */
  readonly retry: readonly string[];
  /** Writes that go on, and whether each has changed its Secret in the end. */
  readonly slow: readonly SlowOutcome[];
  /** The API server is busy and said how long to wait before `retry`. */
  readonly retryAfter: DurationMs | undefined;
  readonly problems: readonly Problem[];
  /** Updates that failed for now, of Secrets that hold a usable login meanwhile. */
  readonly delayed: readonly Problem[];
  /** No watch event will report recovery from one of the failures: retry with backoff. */
  readonly failed: boolean;
}

/**
 * Writes of one object in flight at once: some of the 32 requests stay free for other objects, however slow these are.
 */
const AT_ONCE = 24;
/** Further writes of one object that have taken longer than a second. */
const SLOW_AT_ONCE = 48;

export interface ApplyContext extends ActionContext {
  /**
   * Once it aborts no further write begins: the operator finishes those under way, the others wait for the next start.
   */
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

type Result = readonly [namespace: string, outcome: ActionOutcome];

export async function applyPlan(
  context: ApplyContext,
  owner: PullSecretObject,
  secretName: string,
  { actions, prune }: Pick<Plan, 'actions' | 'prune'>,
  payload: Payload | undefined,
): Promise<Applied> {
  const { signal, clock } = context;
  const writes = createWeightedSemaphore(AT_ONCE, SLOW_AT_ONCE, clock);
  let retryAfter: DurationMs | undefined;
  const slow: SlowOutcome[] = [];
  const one = createActions(context, owner, secretName, (failure, namespace) => {
    if (failure instanceof SlowWrite) slow.push({ namespace, landed: failure.landed });
    else retryAfter = longer(retryAfter, failure.delay);
  });
  const inTurn = (namespace: string, work: () => Promise<ActionOutcome>): Promise<Result> =>
    writes.run(1, async () => [namespace, signal.aborted ? 'retry' : await work()] as const);
  const results = await Promise.all([
    ...(payload ? actions.map((action) => inTurn(action.namespace, () => one.run(action, payload))) : []),
    ...prune.map((seen) => inTurn(seen.namespace, () => one.remove(seen))),
  ]);
  return { ...summaryOf(results), slow, retryAfter };
}

function summaryOf(results: readonly Result[]): Omit<Applied, 'retryAfter' | 'slow'> {
  const having = (wanted: ActionOutcome): readonly string[] =>
    results.flatMap(([namespace, outcome]) => (outcome === wanted ? namespace : [])).sort();
  const failures = results.flatMap(([, outcome]) => (typeof outcome === 'string' ? [] : outcome));
  const problems = failures.filter((failure) => 'reason' in failure);
  const delayed = failures.flatMap((failure) => ('delayed' in failure ? failure.delayed : []));
  return {
    created: having('created'),
    updated: having('updated'),
    deleted: having('deleted'),
    terminating: having('terminating'),
    retry: having('retry'),
    problems,
    delayed,
    failed:
      delayed.length > 0 ||
      problems.some(({ reason }) => reason !== REASON.secretConflict && reason !== REASON.namespaceNotFound),
  };
}

function longer(one: DurationMs | undefined, other: DurationMs | undefined): DurationMs | undefined {
  return one === undefined || (other !== undefined && other > one) ? other : one;
}
