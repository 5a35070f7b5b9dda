// A renewed login on its way into many Secrets: each write waits for its place in the line, and nothing else does.
//
// Only a Secret that holds exactly what this process wrote into it may wait, as long as that is good; of one object some may hold one
// content and some another, when logins come soon after each other. Creations, repairs and changes of the key are never held up.

import { REASON } from '../../api/names.ts';
import type { Problem, Target } from '../../core/desired.ts';
import { latestStart } from '../../core/login.ts';
import type { Action, Payload, SeenSecret } from '../../core/plan.ts';
import type { Pacer } from '../../lib/pacer.ts';
import { type Clock, type DurationMs, type EpochMs, plus, read, SECOND, seconds } from '../../lib/time.ts';
import { createRepairBackoff } from './repair-backoff.ts';

export interface Due {
  /** To be written now. */
  readonly actions: readonly Action[];
  /** Namespaces of those actions that restore what was written before. */
  readonly repairs: readonly string[];
  /** Namespaces whose Secret waits, with the login it has. In order of the plan. */
  readonly waiting: readonly string[];
  /** Secrets that were repaired so often that the next repair waits. */
  readonly contested: readonly Problem[];
  /** When the next of either may be written; undefined when none waits. */
  readonly nextAt: EpochMs | undefined;
}

/** What became of the admitted actions, by namespace. */
export interface WriteOutcomes {
  readonly created: readonly string[];
  readonly updated: readonly string[];
  /** Was not as we thought, or the API server was too busy for it. */
  readonly retry: readonly string[];
}

export interface Rollout {
  /**
   * @param actions    of a plan for `payload`
   * @param contested  namespaces of which the status says that somebody else changes their Secret
   */
  takeDue(uid: string, actions: readonly Action[], payload: Payload, contested: ReadonlySet<string>): Due;
  /**
   * Takes note of what was written.
   *
   * @returns the namespaces updated since this was last told, sorted: empty while some wait, so that a renewal in many
   *          steps is told once
   */
  recordWrites(uid: string, due: Due, outcome: WriteOutcomes): readonly string[];
  /**
   * Of the Secrets that are as wanted, though told as contested, those that do not count as left alone yet: written too lately,
   * or what became of that has yet to be seen.
   */
  settling(
    uid: string,
    targets: readonly Target[],
    isUnseen: (namespace: string) => boolean,
  ): { readonly problems: readonly Problem[]; readonly until: EpochMs };
  /** Whether the Secret in a namespace was to be tried again so often in a row that the next time has to be told. */
  isLate(uid: string, namespace: string): boolean;
  /** Whether a Secret holds what this process wrote last, or before the renewals under way while that has not ended. */
  holdsUsableLogin(uid: string, seen: Pick<SeenSecret, 'contentDigest'>): boolean;
  forget(uid: string): void;
}

/** What Secrets held before, and until when the last of them must be written. */
interface Former {
  readonly endsAt: EpochMs;
  readonly latest: EpochMs;
}

interface State {
  readonly payload: Pick<Payload, 'contentDigest' | 'inputs' | 'endsAt'>;
  /** By digest of the content. Only what a Secret still holds is kept, so no more than the object has Secrets. */
  readonly former: Map<string, Former>;
  /**
   * Of Secrets that are not written yet, by namespace, on the clock that never goes back: a wall clock that is set back keeps nobody
   * waiting. With what comes meanwhile a Secret keeps its place.
   */
  readonly places: Map<string, number>;
  readonly updated: Set<string>;
}

/** Places that come due this soon after each other are one round. */
const ROUND = SECOND;
/** Who changes Secrets at once has done so by then. */
const SETTLED_AFTER = seconds(2);
/** Rounds in a row that say nothing of a Secret which was not as we thought: such is over in no time, nearly always. */
const SILENT_ROUNDS = 4;

export function createRollout(pacer: Pacer, clock: Clock): Rollout {
  const repairBackoff = createRepairBackoff(clock);
  const states = new Map<string, State>();
  /** By object and namespace: rounds in a row that ended with the Secret to be tried again. */
  const silent = new Map<string, Map<string, number>>();

  const count = (uid: string, { actions }: Due, retry: ReadonlySet<string>, done: ReadonlySet<string>): void => {
    const before = silent.get(uid);
    const after = new Map<string, number>();
    for (const { namespace } of actions) {
      const rounds = before?.get(namespace) ?? 0;
      if (retry.has(namespace)) after.set(namespace, rounds + 1);
      // What was told stays told until it is written.
      else if (rounds >= SILENT_ROUNDS && !done.has(namespace)) after.set(namespace, rounds);
    }
    if (after.size === 0) silent.delete(uid);
    else silent.set(uid, after);
  };

  const begin = (uid: string, payload: Payload): State => {
    const before = states.get(uid);
    if (before?.payload.contentDigest === payload.contentDigest) return before;
    const isRenewal = before?.payload.inputs === payload.inputs;
    const former = new Map(isRenewal ? before.former : []);
    if (isRenewal) {
      const { contentDigest, endsAt } = before.payload;
      former.set(contentDigest, { endsAt, latest: latestStart(clock.now(), endsAt) });
    }
    former.delete(payload.contentDigest);
    const state: State = {
      payload: { contentDigest: payload.contentDigest, inputs: payload.inputs, endsAt: payload.endsAt },
      former,
      places: new Map(isRenewal ? before.places : []),
      updated: isRenewal ? before.updated : new Set(),
    };
    states.set(uid, state);
    return state;
  };

  const placeOf = ({ places }: State, namespace: string, { latest }: Former): number => {
    const known = places.get(namespace);
    if (known !== undefined) return known;
    const { now, monotonic } = read(clock);
    // The object itself had to wait for its turn: its first Secret need not wait again.
    const place = monotonic + (places.size === 0 ? 0 : pacer.next(latest) - now);
    places.set(namespace, place);
    return place;
  };

  return {
    takeDue(uid, actions, payload, fought) {
      const before = states.get(uid);
      const state = begin(uid, payload);
      forgetUnheld(state, actions);
      const due: Action[] = [];
      const repairs: string[] = [];
      const waiting: string[] = [];
      const contested: Problem[] = [];
      let soonest = Number.POSITIVE_INFINITY;
      for (const action of actions) {
        const { namespace } = action;
        const renews = renewedBy(uid, action, state);
        // By a clock read after that of the place: what may be done now is not a millisecond away.
        const wait = renews
          ? placeOf(state, namespace, renews) - clock.monotonic()
          : repairBackoff.wait(placeName(uid, namespace));
        if (wait <= 0) {
          due.push(action);
          // What is wrong although this very content was to be there before.
          if (!renews && (before === state || fought.has(namespace))) repairs.push(namespace);
        } else {
          soonest = Math.min(soonest, wait);
          if (renews) waiting.push(namespace);
          else contested.push(contest(action));
        }
      }
      const nextAt = Number.isFinite(soonest) ? plus(clock.now(), Math.max(soonest, ROUND) as DurationMs) : undefined;
      return { actions: due, repairs, waiting, contested, nextAt };
    },
    recordWrites(uid, due, { created, updated, retry }) {
      const { repairs, waiting } = due;
      const done = new Set([...created, ...updated]);
      count(uid, due, new Set(retry), done);
      for (const namespace of repairs) if (done.has(namespace)) repairBackoff.repaired(placeName(uid, namespace));
      const state = states.get(uid);
      if (!state) return updated;
      for (const namespace of done) state.places.delete(namespace);
      for (const namespace of updated) state.updated.add(namespace);
      if (waiting.length > 0) return [];
      const told = [...state.updated].sort();
      state.updated.clear();
      return told;
    },
    holdsUsableLogin(uid, { contentDigest }) {
      const state = states.get(uid);
      if (contentDigest === state?.payload.contentDigest) return true;
      const former = state?.former.get(contentDigest);
      return former !== undefined && former.endsAt > clock.now();
    },
    settling(uid, targets, isUnseen) {
      const isSettling = ({ namespace }: Target): boolean =>
        isUnseen(namespace) || repairBackoff.sinceRepair(placeName(uid, namespace)) < SETTLED_AFTER;
      return { problems: targets.filter(isSettling).map(contest), until: plus(clock.now(), SETTLED_AFTER) };
    },
    isLate: (uid, namespace) => (silent.get(uid)?.get(namespace) ?? 0) >= SILENT_ROUNDS,
    forget(uid) {
      states.delete(uid);
      silent.delete(uid);
    },
  };
}

function placeName(uid: string, namespace: string): string {
  return `${uid}/${namespace}`;
}

function contest({ namespace, named }: Target): Problem {
  const message =
    `the secret in namespace ${namespace} is changed or deleted again and again; it is restored less and less often, ` +
    'every five minutes at last. Its managedFields say who else writes it';
  return { namespace, named, reason: REASON.secretContested, message };
}

/** @returns what the Secret held before, when it is as it was left; undefined when it is not, or is not there */
function renewedBy(uid: string, action: Action, { former }: State): Former | undefined {
  if (action.op !== 'update' && action.op !== 'replace') return undefined;
  const { contentDigest, managed, ownerUidLabel } = action.seen;
  return managed && ownerUidLabel === uid ? former.get(contentDigest) : undefined;
}

/** What no Secret that is to be written holds is not renewed any more, and a Secret that is as wanted, or gone, has no place. */
function forgetUnheld({ former, places }: State, actions: readonly Action[]): void {
  const held = new Set(actions.flatMap((action) => ('seen' in action ? action.seen.contentDigest : [])));
  for (const digest of former.keys()) if (!held.has(digest)) former.delete(digest);
  const namespaces = new Set(actions.map(({ namespace }) => namespace));
  for (const namespace of places.keys()) if (!namespaces.has(namespace)) places.delete(namespace);
}
