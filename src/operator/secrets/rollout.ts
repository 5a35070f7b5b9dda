// Which actions of a plan are due: it spreads the writes of a renewed login over many Secrets, and delays the repair of
// a Secret that another party changes again and again.
//
// Only a Secret with exactly what this process wrote into it may wait, and only while that is good. When logins follow
// each other soon, some of an object's Secrets may hold one content and some another. Creations, first
// repairs and changes of the key never wait.

import { REASON } from '../../api/names.ts';
import type { Problem, Target } from '../../core/desired.ts';
import { latestStart } from '../../core/login.ts';
import type { Action, Payload } from '../../core/plan.ts';
import type { SeenSecret } from '../../core/seen-secret.ts';
import type { Pacer } from '../../lib/pacer.ts';
import { type Clock, type DurationMs, type EpochMs, plus, read, SECOND } from '../../lib/time.ts';
import { createLateSecrets } from './late-secrets.ts';
import { createRepairBackoff, SETTLED_AFTER } from './repair-backoff.ts';

export interface Due {
  /** To write now. */
  readonly actions: readonly Action[];
  /** Namespaces of those actions that restore content written before. */
  readonly repairs: readonly string[];
  /** Namespaces whose Secret waits, with the login it has. In order of the plan. */
  readonly waiting: readonly string[];
  /** Secrets repaired so often that the next repair waits. */
  readonly contested: readonly Problem[];
  /** When the next of either may be written; undefined when none waits. */
  readonly nextAt: EpochMs | undefined;
}

/** Outcomes of the due actions, by namespace. */
export interface WriteOutcomes {
  readonly created: readonly string[];
  readonly updated: readonly string[];
  /** The Secret was not as the plan saw it, or the API server was too busy for it. */
  readonly retry: readonly string[];
  /** Of those to retry, the ones whose write goes on. */
  readonly slow: readonly SlowOutcome[];
}

export interface SlowOutcome {
  readonly namespace: string;
  /** Whether the write has changed the Secret in the end; it never rejects. */
  readonly landed: Promise<boolean>;
}

export interface Rollout {
  /**
   * @param actions    of a plan for `payload`
   * @param contested  namespaces whose Secret another writer changes, according to the status
   */
  takeDue(uid: string, actions: readonly Action[], payload: Payload, contested: ReadonlySet<string>): Due;
  /**
   * Records the writes.
   *
   * @returns the namespaces updated since the last report, sorted: empty while some wait, so that the operator reports
   *          a renewal in many steps once
   */
  recordWrites(uid: string, due: Due, outcome: WriteOutcomes): readonly string[];
  /**
   * Of the Secrets that are as wanted but contested, those that do not count as left alone yet: written too lately, or
   * the watch has yet to show what became of the write.
   *
   * @param told  namespaces whose Secret is contested in the status: all that is known of them after a restart
   */
  settling(
    uid: string,
    targets: readonly Target[],
    told: ReadonlySet<string>,
    isUnseen: (namespace: string) => boolean,
  ): { readonly problems: readonly Problem[]; readonly until: EpochMs };
  /** Whether so many attempts in a row ended with the Secret to be retried that the status must say so. */
  isLate(uid: string, namespace: string): boolean;
  /**
   * Whether a Secret holds the last content of this process, or, until it ends, one that the renewals under way
   * replace.
   */
  holdsUsableLogin(uid: string, seen: Pick<SeenSecret, 'contentDigest'>): boolean;
  forget(uid: string): void;
}

/** Former content of Secrets: its end, and until when the writing of its renewal must begin. */
interface Former {
  readonly endsAt: EpochMs;
  readonly latest: EpochMs;
}

interface State {
  readonly payload: Pick<Payload, 'contentDigest' | 'inputs' | 'endsAt' | 'template'>;
  /** Undefined between renewals: that is nearly always, and for every object. */
  renewal: Renewal | undefined;
}

/** The content of an object's Secrets gives way to another. */
interface Renewal {
  /**
   * By digest of the content. Only what a Secret still holds is kept, so no more entries than the object has Secrets.
   */
  readonly former: Map<string, Former>;
  /**
   * Slots of the Secrets not written yet, by namespace, on the monotonic clock: a wall clock that is set back delays no
   * Secret. A Secret keeps its slot when a newer login comes.
   */
  readonly starts: Map<string, number>;
  readonly updated: Set<string>;
}

/** Slots that come due this soon after each other share one reconciliation. */
const ROUND = SECOND;

export function createRollout(pacer: Pacer, clock: Clock): Rollout {
  const repairBackoff = createRepairBackoff(clock);
  const states = new Map<string, State>();
  const late = createLateSecrets();

  /** By the writer before the last repair: one of each change would cost a write of the status for each change. */
  const contestOf =
    (uid: string) =>
    (target: Target): Problem =>
      contest(target, repairBackoff.writer(secretKey(uid, target.namespace)));
  const waitOf = (uid: string, namespace: string, { renewal }: State, renews: Former | undefined): number =>
    renewal && renews
      ? // Read after the clock of the slot: what may be done now is not a millisecond away.
        startOf(renewal.starts, namespace, renews, pacer, clock) - clock.monotonic()
      : repairBackoff.wait(secretKey(uid, namespace));

  return {
    takeDue(uid, actions, payload, fought) {
      const before = states.get(uid);
      const state = nextState(before, payload, clock.now());
      states.set(uid, state);
      if (state.renewal) forgetUnheld(state.renewal, actions);
      const judged = actions.map((action) => {
        const renews = renewedBy(uid, action, state);
        return { action, renews: renews !== undefined, wait: waitOf(uid, action.namespace, state, renews) };
      });
      const wasWanted = (namespace: string): boolean => before === state || fought.has(namespace);
      return dueOf(judged, wasWanted, contestOf(uid), clock.now());
    },
    recordWrites(uid, due, { created, updated, retry, slow }) {
      const { repairs, waiting } = due;
      const done = new Set([...created, ...updated]);
      const writers = new Map(due.actions.map((action) => [action.namespace, otherWriter(action)]));
      late.count(uid, [...writers.keys()], new Set(retry), done);
      const repaired = (namespace: string): void =>
        repairBackoff.repaired(secretKey(uid, namespace), writers.get(namespace));
      repairs.filter((namespace) => done.has(namespace)).forEach(repaired);
      // A repair counts from its end, however slow it was: so the next one waits.
      for (const { namespace, landed } of slow)
        if (repairs.includes(namespace)) void landed.then((isDone) => isDone && repaired(namespace));
      const state = states.get(uid);
      const all = state?.renewal ? reportable(state.renewal, done, updated, waiting.length > 0) : [...updated].sort();
      if (state && isOver(due, done)) state.renewal = undefined;
      return all;
    },
    holdsUsableLogin(uid, { contentDigest }) {
      const state = states.get(uid);
      if (contentDigest === state?.payload.contentDigest) return true;
      const former = state?.renewal?.former.get(contentDigest);
      return former !== undefined && former.endsAt > clock.now();
    },
    settling(uid, targets, told, isUnseen) {
      const isSettling = ({ namespace }: Target): boolean =>
        repairBackoff.isSettling(secretKey(uid, namespace), told.has(namespace), () => isUnseen(namespace));
      return { problems: targets.filter(isSettling).map(contestOf(uid)), until: plus(clock.now(), SETTLED_AFTER) };
    },
    isLate: (uid, namespace) => late.isLate(uid, namespace),
    forget(uid) {
      states.delete(uid);
      late.forget(uid);
    },
  };
}

/** An action, whether it renews a login, and how long it has to wait. */
interface Judged {
  readonly action: Action;
  readonly renews: boolean;
  readonly wait: number;
}

/** @param wasWanted  the Secret is wrong, although the operator wanted this very content in it before */
function dueOf(
  judged: readonly Judged[],
  wasWanted: (namespace: string) => boolean,
  contestOf: (action: Action) => Problem,
  now: EpochMs,
): Due {
  const due = judged.filter(({ wait }) => wait <= 0);
  const later = judged.filter(({ wait }) => wait > 0);
  const soonest = later.reduce((least, { wait }) => Math.min(least, wait), Number.POSITIVE_INFINITY);
  return {
    actions: due.map(({ action }) => action),
    repairs: due.flatMap(({ action, renews }) => (!renews && wasWanted(action.namespace) ? action.namespace : [])),
    waiting: later.flatMap(({ action, renews }) => (renews ? action.namespace : [])),
    contested: later.flatMap(({ action, renews }) => (renews ? [] : contestOf(action))),
    nextAt: later.length === 0 ? undefined : plus(now, Math.max(soonest, ROUND) as DurationMs),
  };
}

/** The state once Secrets are to hold `payload`: the same when they were to before. */
function nextState(before: State | undefined, payload: Payload, now: EpochMs): State {
  const { contentDigest, inputs, endsAt, template } = payload;
  const holds = { contentDigest, inputs, endsAt, template };
  if (before?.payload.contentDigest === contentDigest && before.payload.template.digest === template.digest)
    return before;
  if (before?.payload.inputs !== inputs) return { payload: holds, renewal: undefined };
  const former = new Map(before.renewal?.former);
  const { endsAt: formerEnd } = before.payload;
  former.set(before.payload.contentDigest, { endsAt: formerEnd, latest: latestStart(now, formerEnd) });
  former.delete(contentDigest);
  const { starts, updated = new Set<string>() } = before.renewal ?? {};
  return { payload: holds, renewal: { former, starts: new Map(starts), updated } };
}

/** When the renewal of one Secret may begin, on the monotonic clock. */
function startOf(starts: Renewal['starts'], namespace: string, { latest }: Former, pacer: Pacer, clock: Clock): number {
  const known = starts.get(namespace);
  if (known !== undefined) return known;
  const { now, monotonic } = read(clock);
  // The object itself had to wait for its slot: its first Secret need not wait again.
  const startAt = monotonic + (starts.size === 0 ? 0 : pacer.next(latest) - now);
  starts.set(namespace, startAt);
  return startAt;
}

/** Whether no Secret is left to write: none holds former content. */
function isOver({ actions, waiting, contested }: Due, done: ReadonlySet<string>): boolean {
  return waiting.length + contested.length === 0 && actions.every(({ namespace }) => done.has(namespace));
}

/** The namespaces updated since the last report, sorted; empty while some wait. */
function reportable(
  { starts, updated }: Renewal,
  done: ReadonlySet<string>,
  now: readonly string[],
  someWait: boolean,
): readonly string[] {
  for (const namespace of done) starts.delete(namespace);
  for (const namespace of now) updated.add(namespace);
  if (someWait) return [];
  const all = [...updated].sort();
  updated.clear();
  return all;
}

/** Who changed the Secret since the operator wrote it; undefined when nobody is known to have, or it is gone. */
function otherWriter(action: Action): string | undefined {
  return action.op === 'create' ? undefined : action.seen.otherWriter;
}

function secretKey(uid: string, namespace: string): string {
  return `${uid}/${namespace}`;
}

function contest({ namespace, named }: Target, writer: string | undefined): Problem {
  const message =
    `the secret in namespace ${namespace} is changed or deleted again and again; it is restored less and less often, ` +
    `every five minutes at last. ${writer === undefined ? 'Its managedFields say who else writes it' : `It was last changed by a client that calls itself "${writer}"`}`;
  return { namespace, named, reason: REASON.secretContested, message };
}

/**
 * @returns the former content that the Secret still holds unchanged; undefined when it holds another, or does not exist
 */
function renewedBy(uid: string, action: Action, { renewal }: State): Former | undefined {
  if (action.op !== 'update' && action.op !== 'replace') return undefined;
  const { contentDigest, managed, ownerUidLabel } = action.seen;
  return managed && ownerUidLabel === uid ? renewal?.former.get(contentDigest) : undefined;
}

/**
 * Former content that no Secret to write holds needs no renewal, and a Secret that is as wanted, or gone, needs no
 * slot.
 */
function forgetUnheld({ former, starts }: Renewal, actions: readonly Action[]): void {
  const held = new Set(actions.flatMap((action) => ('seen' in action ? action.seen.contentDigest : [])));
  for (const digest of former.keys()) if (!held.has(digest)) former.delete(digest);
  const namespaces = new Set(actions.map(({ namespace }) => namespace));
  for (const namespace of starts.keys()) if (!namespaces.has(namespace)) starts.delete(namespace);
}
