// A plan -> writes -> what became of each namespace. Conflicts and missing namespaces are outcomes here, not surprises.

import pLimit from 'p-limit';
import { REASON } from '../api/names.ts';
import { missingNamespace, type Problem } from '../core/desired.ts';
import { type Action, conflict, isOwned, type Payload, type Plan, type SeenSecret } from '../core/plan.ts';
import type { PullSecretObject } from '../core/resource.ts';
import { ApiError, isConflict, isNamespaceTerminating, isNotFound, isOtherObject } from '../kube/api-error.ts';
import { failureFrom } from '../lib/errors.ts';
import type { DurationMs } from '../lib/time.ts';
import type { SecretWriter } from './secret-writer.ts';

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
  /** A failure that nobody but ourselves will notice the end of: to be tried again. */
  readonly failed: boolean;
}

type Outcome = 'created' | 'updated' | 'deleted' | 'terminating' | 'retry' | Problem;

/** Writes of one CR waiting at once: one CR of thousands of namespaces delays a request of another by that many at most. */
const AT_ONCE = 32;

/** What writes, and until when a further write may begin: those in hand are finished, the others wait for the next start. */
export interface Hand {
  readonly writer: SecretWriter;
  /** Uid of an owner whose Secrets will be ours, or gone, soon: they are no conflict, but to be waited for. */
  readonly formerUid: string | undefined;
  readonly signal: AbortSignal;
}

export async function applyPlan(
  hand: Hand,
  owner: PullSecretObject,
  secretName: string,
  { actions, prune }: Pick<Plan, 'actions' | 'prune'>,
  payload: Payload | undefined,
): Promise<Applied> {
  const { writer, signal } = hand;
  const limit = pLimit(AT_ONCE);
  const results: { readonly namespace: string; readonly outcome: Outcome }[] = [];
  let retryAfter: DurationMs | undefined;
  const run = (namespace: string, work: () => Promise<Outcome>): Promise<void> =>
    limit(async () => {
      try {
        results.push({ namespace, outcome: signal.aborted ? 'retry' : await work() });
      } catch (thrown) {
        if (!isThrottled(thrown)) throw thrown;
        retryAfter = longer(retryAfter, thrown.delay);
        results.push({ namespace, outcome: 'retry' });
      }
    });
  await Promise.all([
    ...(payload
      ? actions.map((action) => run(action.namespace, () => write(hand, owner, secretName, action, payload)))
      : []),
    ...prune.map((seen) => run(seen.namespace, () => remove(writer, seen))),
  ]);
  const having = (outcome: Outcome): readonly string[] =>
    results
      .filter((result) => result.outcome === outcome)
      .map(({ namespace }) => namespace)
      .sort();
  const problems = results.flatMap(({ outcome }) => (typeof outcome === 'string' ? [] : outcome));
  return {
    created: having('created'),
    updated: having('updated'),
    deleted: having('deleted'),
    terminating: having('terminating'),
    retry: having('retry'),
    retryAfter,
    problems,
    failed: problems.some(({ reason }) => reason !== REASON.secretConflict && reason !== REASON.namespaceNotFound),
  };
}

async function write(
  hand: Hand,
  owner: PullSecretObject,
  name: string,
  action: Action,
  payload: Payload,
): Promise<Outcome> {
  const { writer } = hand;
  const { namespace, named } = action;
  try {
    if (action.op === 'update') return await updated(writer, owner, action.seen, payload);
    if (action.op === 'adopt') {
      await writer.adopt(owner, action.seen, payload);
      return 'updated';
    }
    if (action.op === 'replace') await writer.delete(action.seen);
    await writer.create(owner, namespace, name, payload);
    return action.op === 'replace' ? 'updated' : 'created';
  } catch (thrown) {
    if (isNamespaceTerminating(thrown)) return 'terminating';
    if (action.op === 'create' && isConflict(thrown)) return await takeOver(hand, owner, name, action, payload);
    if (isNotFound(thrown)) return lost(action);
    if (isOtherObject(thrown)) return 'retry';
    if (isThrottled(thrown)) throw thrown;
    return problem(
      namespace,
      named,
      action.op === 'update' || action.op === 'adopt' ? REASON.updateSecretError : REASON.createSecretError,
      thrown,
    );
  }
}

async function updated(
  writer: SecretWriter,
  owner: PullSecretObject,
  seen: SeenSecret,
  payload: Payload,
): Promise<Outcome> {
  await writer.update(owner, seen, payload);
  return 'updated';
}

/** Something of that name is there and our watch does not show it: our own without its labels, or somebody else's. */
async function takeOver(
  { writer, formerUid }: Hand,
  owner: PullSecretObject,
  name: string,
  action: Action,
  payload: Payload,
): Promise<Outcome> {
  const { namespace, named } = action;
  try {
    const seen = await writer.read(namespace, name);
    if (!seen || seen.deleting) return 'retry';
    if (formerUid !== undefined && isOwned(seen, formerUid)) return 'retry';
    if (!isOwned(seen, owner.uid)) return conflict(namespace, named, seen);
    // With our labels the watch will show it: another operator has just made it, perhaps of a later login.
    if (seen.managed && seen.ownerUidLabel === owner.uid) return 'retry';
    return await updated(writer, owner, seen, payload);
  } catch (thrown) {
    if (isNotFound(thrown) || isOtherObject(thrown)) return 'retry';
    if (isThrottled(thrown)) throw thrown;
    return problem(namespace, named, REASON.getSecretError, thrown);
  }
}

async function remove(writer: SecretWriter, seen: SeenSecret): Promise<Outcome> {
  try {
    await writer.delete(seen);
    return 'deleted';
  } catch (thrown) {
    if (isThrottled(thrown)) throw thrown;
    return problem(seen.namespace, false, REASON.deleteSecretError, thrown);
  }
}

function isThrottled(thrown: unknown): thrown is ApiError {
  return thrown instanceof ApiError && thrown.status === 429;
}

function longer(one: DurationMs | undefined, other: DurationMs | undefined): DurationMs | undefined {
  return one === undefined || (other !== undefined && other > one) ? other : one;
}

function lost({ op, namespace, named }: Action): Outcome {
  return op === 'update' || op === 'adopt' ? 'retry' : missingNamespace(namespace, named);
}

function problem(namespace: string, named: boolean, reason: string, thrown: unknown): Problem {
  return { namespace, named, reason, message: failureFrom(thrown).message };
}
