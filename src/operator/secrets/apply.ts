// A plan -> writes -> what became of each namespace. Conflicts and missing namespaces are outcomes here, not surprises.

import { REASON } from '../../api/names.ts';
import { missingNamespace, type Problem, type Target } from '../../core/desired.ts';
import {
  type Action,
  conflict,
  isOwned,
  opensMore,
  type Payload,
  type Plan,
  type SeenSecret,
  terminating,
} from '../../core/plan.ts';
import type { PullSecretObject } from '../../core/resource.ts';
import { ApiError, isConflict, isNamespaceTerminating, isNotFound, isOtherObject } from '../../kube/api-error.ts';
import { Failure, failureFrom } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock, DurationMs } from '../../lib/time.ts';
import { createWeightedSemaphore } from '../../lib/weighted-semaphore.ts';
import type { SecretWriter } from './secret-writer.ts';
import { SlowWrite } from './slow-writes.ts';

/** Namespaces, each in one list. */
export interface Applied {
  readonly created: readonly string[];
  readonly updated: readonly string[];
  readonly deleted: readonly string[];
  /** Cannot hold a Secret any more: it is being deleted. */
  readonly terminating: readonly string[];
  /** Was not as we thought: to be looked at again at once. */
  readonly retry: readonly string[];
  /** The API server is busy and said how long to wait before `retry`. */
  readonly retryAfter: DurationMs | undefined;
  readonly problems: readonly Problem[];
  /** Updates that failed for now, of Secrets that hold a good login meanwhile. */
  readonly delayed: readonly Problem[];
  /** A failure that nobody but ourselves will notice the end of: to be tried again. */
  readonly failed: boolean;
}

type ActionOutcome =
  | 'created'
  | 'updated'
  | 'deleted'
  | 'terminating'
  | 'retry'
  | Problem
  | { readonly delayed: Problem };

/** Of a Secret that is there already. */
const CHANGES: ReadonlySet<Action['op']> = new Set(['update', 'adopt']);
/** Writes of one CR in flight at once: some of the 32 requests are left to the others, however slow those of this one are. */
const AT_ONCE = 24;
/** Beside those, of what takes longer than a second. */
const SLOW_AT_ONCE = 48;

/** What writes, and until when a further write may begin: those under way are finished, the others wait for the next start. */
export interface ApplyContext {
  readonly writer: SecretWriter;
  /** Uid of an owner whose Secrets will be ours, or gone, soon: they are no conflict, but to be waited for. */
  readonly formerUid: string | undefined;
  /** Whether a Secret that is not as it has to be opens all the same what it has to open, for now. */
  readonly isGood: (seen: SeenSecret) => boolean;
  /** Namespaces in which something was in the way before: it is looked at before anything is sent. */
  readonly obstructed: ReadonlySet<string>;
  /** Whether the Secret of a namespace has been tried again so often that what was in the way has to be told. */
  readonly isLate: (namespace: string) => boolean;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** For what nobody foresaw: the status says that the details are there. */
  readonly log: Logger;
}

export async function applyPlan(
  context: ApplyContext,
  owner: PullSecretObject,
  secretName: string,
  { actions, prune }: Pick<Plan, 'actions' | 'prune'>,
  payload: Payload | undefined,
): Promise<Applied> {
  const { signal, isLate, clock } = context;
  const writes = createWeightedSemaphore(AT_ONCE, SLOW_AT_ONCE, clock);
  const results: { readonly namespace: string; readonly outcome: ActionOutcome }[] = [];
  let retryAfter: DurationMs | undefined;
  const heed = ({ delay }: ApiError): void => void (retryAfter = longer(retryAfter, delay));
  const tryOnce = async (action: Action, wanted: Payload): Promise<ActionOutcome> => {
    try {
      const outcome = await write(context, owner, secretName, action, wanted);
      return outcome === 'retry' && isLate(action.namespace) ? failed(context, action, elusive(action)) : outcome;
    } catch (thrown) {
      if (!isToBeWaitedFor(thrown)) throw thrown;
      if (isThrottled(thrown)) heed(thrown);
      return isLate(action.namespace) ? failed(context, action, refused(context, action, thrown)) : 'retry';
    }
  };
  const run = (namespace: string, work: () => Promise<ActionOutcome>): Promise<void> =>
    writes.run(1, async () => {
      results.push({ namespace, outcome: signal.aborted ? 'retry' : await work() });
    });
  await Promise.all([
    ...(payload ? actions.map((action) => run(action.namespace, () => tryOnce(action, payload))) : []),
    ...prune.map((seen) => run(seen.namespace, () => remove(context, seen, heed))),
  ]);
  const having = (outcome: ActionOutcome): readonly string[] =>
    results
      .filter((result) => result.outcome === outcome)
      .map(({ namespace }) => namespace)
      .sort();
  const failures = results.flatMap(({ outcome }) => (typeof outcome === 'string' ? [] : outcome));
  const problems = failures.filter((failure) => 'reason' in failure);
  const delayed = failures.flatMap((failure) => ('delayed' in failure ? failure.delayed : []));
  return {
    created: having('created'),
    updated: having('updated'),
    deleted: having('deleted'),
    terminating: having('terminating'),
    retry: having('retry'),
    retryAfter,
    problems,
    delayed,
    failed:
      delayed.length > 0 ||
      problems.some(({ reason }) => reason !== REASON.secretConflict && reason !== REASON.namespaceNotFound),
  };
}

async function write(
  context: ApplyContext,
  owner: PullSecretObject,
  name: string,
  action: Action,
  payload: Payload,
): Promise<ActionOutcome> {
  try {
    if (action.op === 'create' && context.obstructed.has(action.namespace)) {
      const found = await takeOver(context, owner, name, action, payload);
      if (found !== 'retry') return found;
    }
    return await send(context, owner, name, action, payload);
  } catch (thrown) {
    if (isNamespaceTerminating(thrown)) return 'terminating';
    if (action.op === 'create' && isConflict(thrown)) return await takeOver(context, owner, name, action, payload);
    if (isNotFound(thrown)) return lost(action);
    if (isOtherObject(thrown)) return 'retry';
    if (isToBeWaitedFor(thrown)) throw thrown;
    const told = refused(context, action, thrown);
    return isTransient(thrown) ? failed(context, action, told) : told;
  }
}

async function send(
  context: ApplyContext,
  owner: PullSecretObject,
  name: string,
  action: Action,
  payload: Payload,
): Promise<ActionOutcome> {
  const { writer } = context;
  switch (action.op) {
    case 'update':
      return await update(context, owner, action, action.seen, payload);
    case 'adopt':
      return (await writer.adopt(owner, action.seen, payload))
        ? 'updated'
        : opensMore(action.namespace, action.named, name);
    case 'replace':
      await writer.delete(action.seen);
      await writer.create(owner, action.namespace, name, payload);
      return 'updated';
    case 'create':
      await writer.create(owner, action.namespace, name, payload);
      return 'created';
  }
}

function refused(context: ApplyContext, action: Action, thrown: unknown): Problem {
  return problem(context, action, CHANGES.has(action.op) ? REASON.updateSecretError : REASON.createSecretError, thrown);
}

/** What is good meanwhile is no problem yet. */
function failed({ isGood }: ApplyContext, action: Action, told: Problem): ActionOutcome {
  return action.op === 'update' && isGood(action.seen) ? { delayed: told } : told;
}

/** The API server did not answer, or not as it should. */
function isTransient(thrown: unknown): boolean {
  return thrown instanceof ApiError ? thrown.status >= 500 : thrown instanceof Failure;
}

function elusive({ namespace, named }: Action): Problem {
  const message = `the secret in namespace ${namespace} is another one, or in another version, each time it is to be written; its managedFields say who else writes it`;
  return { namespace, named, reason: REASON.secretContested, message };
}

function undone({ namespace, named }: Action): Problem {
  const message = `the secret in namespace ${namespace} is as before after it was written: an admission webhook or policy of the cluster changes back what is written into it`;
  return { namespace, named, reason: REASON.secretContested, message };
}

async function update(
  context: ApplyContext,
  owner: PullSecretObject,
  action: Action,
  seen: SeenSecret,
  payload: Payload,
): Promise<ActionOutcome> {
  return (await context.writer.update(owner, seen, payload)) ? 'updated' : failed(context, action, undone(action));
}

/** Something of that name is there and our watch does not show it: our own without its labels, or somebody else's. */
async function takeOver(
  context: ApplyContext,
  owner: PullSecretObject,
  name: string,
  action: Action,
  payload: Payload,
): Promise<ActionOutcome> {
  const { writer, formerUid } = context;
  const { namespace, named } = action;
  try {
    const seen = await writer.read(namespace, name);
    if (!seen) return 'retry';
    if (formerUid !== undefined && isOwned(seen, formerUid)) return 'retry';
    if (!isOwned(seen, owner.uid))
      return seen.deleting ? terminating(namespace, named, name) : conflict(namespace, named, seen);
    // With our labels the watch will show it: another operator has just made it, perhaps of a later login.
    if (seen.managed && seen.ownerUidLabel === owner.uid) return 'retry';
    return await update(context, owner, action, seen, payload);
  } catch (thrown) {
    if (isNotFound(thrown) || isOtherObject(thrown)) return 'retry';
    if (isToBeWaitedFor(thrown)) throw thrown;
    return problem(context, action, REASON.getSecretError, thrown);
  }
}

async function remove(
  context: ApplyContext,
  seen: SeenSecret,
  heed: (throttled: ApiError) => void,
): Promise<ActionOutcome> {
  try {
    await context.writer.delete(seen);
    return 'deleted';
  } catch (thrown) {
    if (isThrottled(thrown)) heed(thrown);
    return problem(context, { namespace: seen.namespace, named: false }, REASON.deleteSecretError, thrown);
  }
}

/** Not refused: it goes on, or may be tried again soon. */
function isToBeWaitedFor(thrown: unknown): thrown is Failure {
  return isThrottled(thrown) || thrown instanceof SlowWrite;
}

function isThrottled(thrown: unknown): thrown is ApiError {
  return thrown instanceof ApiError && thrown.status === 429;
}

function longer(one: DurationMs | undefined, other: DurationMs | undefined): DurationMs | undefined {
  return one === undefined || (other !== undefined && other > one) ? other : one;
}

function lost({ op, namespace, named }: Action): ActionOutcome {
  return CHANGES.has(op) ? 'retry' : missingNamespace(namespace, named);
}

function problem({ log }: ApplyContext, { namespace, named }: Target, reason: string, thrown: unknown): Problem {
  if (!(thrown instanceof Failure)) log.error('A write failed unexpectedly', { reason, in: namespace }, thrown);
  return { namespace, named, reason, message: failureFrom(thrown).message };
}
