// Sends one action of a plan; whatever happens becomes an outcome. Conflicts and missing namespaces are expected.

import { REASON } from '../../api/names.ts';
import { missingNamespace, type Problem, type Target } from '../../core/desired.ts';
import { type KnownObjects, opensMore, whyLeft } from '../../core/offers.ts';
import { type Action, isOwned, type Payload, terminating } from '../../core/plan.ts';
import type { PullSecretObject } from '../../core/resource.ts';
import type { SeenSecret } from '../../core/seen-secret.ts';
import { ApiError, isConflict, isGone, isNamespaceTerminating, isOtherObject } from '../../kube/api-error.ts';
import { Failure, failureFrom } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { SecretWriter } from './secret-writer.ts';
import { SlowWrite } from './slow-writes.ts';

/**
 * `retry`: the Secret is not as the plan saw it, or the API server is busy. `delayed`: an update failed, and the Secret
 * holds a usable login.
 */
export type ActionOutcome =
  | 'created'
  | 'updated'
  | 'deleted'
  | 'terminating'
  | 'retry'
  | Problem
  | { readonly delayed: Problem };

export interface ActionContext {
  readonly writer: SecretWriter;
  /**
   * Uid of an owner whose Secrets soon become this object's or are deleted: the operator waits for them, and reports no
   * conflict.
   */
  readonly formerUid: string | undefined;
  readonly known: KnownObjects;
  /** Whether a Secret that must be updated holds a usable login all the same. */
  readonly holdsUsableLogin: (seen: SeenSecret) => boolean;
  /** Namespaces whose Secret was in the way before: it is read before any request is sent. */
  readonly obstructed: ReadonlySet<string>;
  /** Whether the operator has retried the Secret of a namespace so often that the status must say why. */
  readonly isLate: (namespace: string) => boolean;
  /** For bugs: the status says that the log has the details. */
  readonly log: Logger;
}

/** The Secrets of one object, of one name, in all its namespaces. */
export interface Actions {
  run(action: Action, payload: Payload): Promise<ActionOutcome>;
  remove(seen: SeenSecret): Promise<ActionOutcome>;
}

interface Writing extends ActionContext {
  readonly owner: PullSecretObject;
  /** Of the Secrets. */
  readonly name: string;
}

/** Actions on an existing Secret; a replaced one is gone before it is written. */
const CHANGES: ReadonlySet<Action['op']> = new Set(['update', 'adopt']);

/** @param onBusy  is notified of each 429 of the API server, which may name a delay, and of each slow write */
export function createActions(
  context: ActionContext,
  owner: PullSecretObject,
  name: string,
  onBusy: (failure: ApiError | SlowWrite, namespace: string) => void,
): Actions {
  const writing: Writing = { ...context, owner, name };
  const { writer, isLate } = context;

  return {
    async run(action, payload) {
      const late = isLate(action.namespace);
      try {
        const outcome = await attempt(writing, action, payload);
        return outcome === 'retry' && late ? failed(writing, action, elusive(action)) : outcome;
      } catch (thrown) {
        if (!isTransientlyBusy(thrown)) throw thrown;
        onBusy(thrown, action.namespace);
        return late ? failed(writing, action, refused(writing, action, thrown)) : 'retry';
      }
    },
    async remove(seen) {
      try {
        await writer.delete(seen);
        return 'deleted';
      } catch (thrown) {
        if (isTransientlyBusy(thrown)) onBusy(thrown, seen.namespace);
        return problemOf(writing, { namespace: seen.namespace, named: false }, REASON.deleteSecretError, thrown);
      }
    },
  };
}

/** @throws the failures of a busy API server, and slow writes */
async function attempt(writing: Writing, action: Action, payload: Payload): Promise<ActionOutcome> {
  try {
    if (action.op === 'create' && writing.obstructed.has(action.namespace)) {
      const found = await inspect(writing, action, payload);
      if (found !== 'retry') return found;
    }
    return await send(writing, action, payload);
  } catch (thrown) {
    if (isNamespaceTerminating(thrown)) return 'terminating';
    if (action.op === 'create' && isConflict(thrown)) return await inspect(writing, action, payload);
    if (isGone(thrown)) return lost(action);
    if (isOtherObject(thrown)) return 'retry';
    if (isTransientlyBusy(thrown)) throw thrown;
    const told = refused(writing, action, thrown);
    return isUnanswered(thrown) ? failed(writing, action, told) : told;
  }
}

async function send(writing: Writing, action: Action, payload: Payload): Promise<ActionOutcome> {
  const { writer, owner, name } = writing;
  const { namespace } = action;
  switch (action.op) {
    case 'update':
      return await update(writing, action, action.seen, payload);
    case 'adopt':
      return (await writer.adopt(owner, action.seen, payload)) ? 'updated' : opensMore(action, action.seen);
    case 'replace':
      await writer.delete(action.seen);
      await writer.create(owner, namespace, name, payload);
      return 'updated';
    case 'create':
      await writer.create(owner, namespace, name, payload);
      return 'created';
  }
}

async function update(writing: Writing, action: Action, seen: SeenSecret, payload: Payload): Promise<ActionOutcome> {
  if (await writing.writer.update(writing.owner, seen, payload)) return 'updated';
  // With the newest login in it, it is a label or an annotation that is changed back.
  return seen.contentDigest === payload.contentDigest ? undone(action) : failed(writing, action, undone(action));
}

/**
 * A Secret of that name exists and the watch does not show it: it is the operator's without its labels, or another
 * owner's.
 */
async function inspect(writing: Writing, action: Action, payload: Payload): Promise<ActionOutcome> {
  const { writer, owner, name, formerUid, known } = writing;
  const { namespace, named } = action;
  try {
    const seen = await writer.read(namespace, name);
    const found = seen && whoseIs(seen, owner.uid, formerUid);
    if (!found || found === 'soon ours') return 'retry';
    if (found === 'ours') return await update(writing, action, seen, payload);
    if (found === 'leaving') return terminating(namespace, named, name);
    // One that is offered is soon shown by the watch.
    return whyLeft(owner, action, seen, known) ?? 'retry';
  } catch (thrown) {
    if (isGone(thrown) || isOtherObject(thrown)) return 'retry';
    if (isTransientlyBusy(thrown)) throw thrown;
    return problemOf(writing, action, REASON.getSecretError, thrown);
  }
}

/** A Secret that holds a usable login meanwhile is no problem yet. */
function failed({ holdsUsableLogin }: Writing, action: Action, told: Problem): ActionOutcome {
  return action.op === 'update' && holdsUsableLogin(action.seen) ? { delayed: told } : told;
}

function refused(writing: Writing, action: Action, thrown: unknown): Problem {
  const reason = CHANGES.has(action.op) ? REASON.updateSecretError : REASON.createSecretError;
  return problemOf(writing, action, reason, thrown);
}

function problemOf({ log }: Writing, { namespace, named }: Target, reason: string, thrown: unknown): Problem {
  if (!(thrown instanceof Failure)) log.error('A write failed unexpectedly', { reason, in: namespace }, thrown);
  return { namespace, named, reason, message: failureFrom(thrown).message };
}

/** The namespace is gone, and with it the Secret in it. */
function lost({ op, namespace, named }: Action): ActionOutcome {
  return CHANGES.has(op) ? 'retry' : missingNamespace(namespace, named);
}

/** Of a Secret that no watch has shown yet. */
function whoseIs(
  seen: SeenSecret,
  uid: string,
  formerUid: string | undefined,
): 'ours' | 'soon ours' | 'leaving' | "another's" {
  if (formerUid !== undefined && isOwned(seen, formerUid)) return 'soon ours';
  if (!isOwned(seen, uid)) return seen.deleting ? 'leaving' : "another's";
  // With the operator's labels the watch will show it: another operator has just created it, perhaps with a later
  // login.
  return seen.managed && seen.ownerUidLabel === uid ? 'soon ours' : 'ours';
}

function elusive({ namespace, named }: Action): Problem {
  const message = `the secret in namespace ${namespace} is another one, or in another version, each time it is to be written; its managedFields say who else writes it`;
  return { namespace, named, reason: REASON.secretContested, message };
}

function undone({ namespace, named }: Action): Problem {
  const message = `the secret in namespace ${namespace} is as before after it was written: an admission webhook or policy of the cluster changes back what is written into it`;
  return { namespace, named, reason: REASON.secretContested, message };
}

/** The API server did not answer, or not with a valid answer. */
function isUnanswered(thrown: unknown): boolean {
  return thrown instanceof ApiError ? thrown.status >= 500 : thrown instanceof Failure;
}

/** The API server did not refuse the write: it goes on, or may be tried again soon. */
function isTransientlyBusy(thrown: unknown): thrown is ApiError | SlowWrite {
  return thrown instanceof SlowWrite || (thrown instanceof ApiError && thrown.status === 429);
}
