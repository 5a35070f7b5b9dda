// A renewed login on its way into many Secrets: each write waits for its place in the line, and nothing else does.
//
// Only a Secret that holds exactly what this process last wrote into it, a login that is still good, may wait. Creations,
// repairs and changes of the key are never held up.

import { REASON } from '../api/names.ts';
import type { Problem } from '../core/desired.ts';
import type { Action, Payload, SeenSecret } from '../core/plan.ts';
import { type Clock, type DurationMs, type EpochMs, plus, read, SECOND } from '../lib/time.ts';
import { createContention } from './contention.ts';
import type { Pacer } from './pacer.ts';

export interface Admitted {
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
export interface Outcome {
  readonly created: readonly string[];
  readonly updated: readonly string[];
}

export interface Rollout {
  /** @param actions  of a plan for `payload` */
  admit(uid: string, actions: readonly Action[], payload: Payload): Admitted;
  /**
   * Takes note of what was written.
   *
   * @returns the namespaces updated since this was last told, sorted: empty while some wait, so that a renewal in many
   *          steps is told once
   */
  collect(uid: string, admitted: Admitted, outcome: Outcome): readonly string[];
  /** Whether a Secret holds what this process wrote last, or before the renewal under way while that has not ended. */
  isGood(uid: string, seen: Pick<SeenSecret, 'contentDigest'>): boolean;
  forget(uid: string): void;
}

interface State {
  readonly payload: Pick<Payload, 'contentDigest' | 'inputs' | 'endsAt'>;
  /** What the Secrets held before, and until when the last of them must be written; undefined: nothing that could wait. */
  readonly former: { readonly contentDigest: string; readonly endsAt: EpochMs; readonly latest: EpochMs } | undefined;
  /** By namespace, on the clock that never goes back: a wall clock that is set back keeps nobody waiting. */
  readonly places: Map<string, number>;
  readonly updated: string[];
}

/** Renewals take no more than this part of the life that the old login has left (docs/rules.md, rule 12). */
const PART_OF_REST = 0.1;
/** Places that come due this soon after each other are one round. */
const ROUND = SECOND;

export function createRollout(pacer: Pacer, clock: Clock): Rollout {
  const contention = createContention(clock);
  const states = new Map<string, State>();

  const begin = (uid: string, payload: Payload): State => {
    const before = states.get(uid);
    if (before?.payload.contentDigest === payload.contentDigest) return before;
    const isRenewal = before?.payload.inputs === payload.inputs;
    const now = clock.now();
    const state: State = {
      payload: { contentDigest: payload.contentDigest, inputs: payload.inputs, endsAt: payload.endsAt },
      former: isRenewal ? { ...before.payload, latest: latestStart(now, before.payload.endsAt) } : undefined,
      places: new Map(),
      updated: [],
    };
    states.set(uid, state);
    return state;
  };

  const placeOf = ({ former, places }: State, namespace: string): number => {
    const known = places.get(namespace);
    if (known !== undefined) return known;
    const { now, monotonic } = read(clock);
    // The object itself had to wait for its turn: its first Secret need not wait again.
    const place = monotonic + (places.size === 0 || !former ? 0 : pacer.next(former.latest) - now);
    places.set(namespace, place);
    return place;
  };

  return {
    admit(uid, actions, payload) {
      const before = states.get(uid);
      const state = begin(uid, payload);
      const admitted: Action[] = [];
      const repairs: string[] = [];
      const waiting: string[] = [];
      const contested: Problem[] = [];
      let soonest = Number.POSITIVE_INFINITY;
      for (const action of actions) {
        const { namespace } = action;
        const renews = isRenewal(uid, action, state);
        // By a clock read after that of the place: what may be done now is not a millisecond away.
        const wait = renews
          ? placeOf(state, namespace) - clock.monotonic()
          : contention.wait(placeName(uid, namespace));
        if (wait <= 0) {
          admitted.push(action);
          // What is wrong although this very content was to be there before.
          if (!renews && before === state) repairs.push(namespace);
        } else {
          soonest = Math.min(soonest, wait);
          if (renews) waiting.push(namespace);
          else contested.push(contest(action));
        }
      }
      const nextAt = Number.isFinite(soonest) ? plus(clock.now(), Math.max(soonest, ROUND) as DurationMs) : undefined;
      return { actions: admitted, repairs, waiting, contested, nextAt };
    },
    collect(uid, { repairs, waiting }, { created, updated }) {
      const done = new Set([...created, ...updated]);
      for (const namespace of repairs) if (done.has(namespace)) contention.repaired(placeName(uid, namespace));
      const state = states.get(uid);
      if (!state) return updated;
      state.updated.push(...updated);
      return waiting.length > 0 ? [] : state.updated.splice(0).sort();
    },
    isGood(uid, { contentDigest }) {
      const { payload, former } = states.get(uid) ?? {};
      if (contentDigest === payload?.contentDigest) return true;
      return contentDigest === former?.contentDigest && former.endsAt > clock.now();
    },
    forget: (uid) => void states.delete(uid),
  };
}

function placeName(uid: string, namespace: string): string {
  return `${uid}/${namespace}`;
}

function contest({ namespace, named }: Action): Problem {
  const message =
    `the secret in namespace ${namespace} is changed or deleted again and again; it is restored less and less often, ` +
    'every five minutes at last. Its managedFields say who else writes it';
  return { namespace, named, reason: REASON.secretContested, message };
}

/** The last instant at which the renewal of a login that ends at `endsAt` may begin to be written. */
export function latestStart(now: EpochMs, endsAt: EpochMs): EpochMs {
  return (now + Math.max(0, endsAt - now) * PART_OF_REST) as EpochMs;
}

function isRenewal(uid: string, action: Action, { former }: State): boolean {
  if (!former || (action.op !== 'update' && action.op !== 'replace')) return false;
  const { contentDigest, managed, ownerUidLabel } = action.seen;
  return contentDigest === former.contentDigest && managed && ownerUidLabel === uid;
}
