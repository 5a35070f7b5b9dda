// Leader election on a Lease: what each answer of the API server makes of this process, one table, no I/O.
//
// As client-go has it: whoever waits takes a Lease that it has not seen change for its whole duration, on its own
// monotonic clock. The clocks of two processes are never compared, so they may differ by any time; only their rates
// count, up to the ratio of `duration` to `renewDeadline`.

import type { DurationMs } from '../lib/time.ts';

export interface LeaseTimes {
  /** How long a Lease that is not renewed keeps others waiting. */
  readonly duration: DurationMs;
  /** How long a leader acts without having renewed; shorter than `duration`. */
  readonly renewDeadline: DurationMs;
  /** Between two attempts. */
  readonly retryPeriod: DurationMs;
}

/** A Lease as it was read; every text and number in it is some writer's. */
export interface SeenLease {
  readonly uid: string;
  readonly resourceVersion: string;
  /** Empty: nobody holds it. */
  readonly holder: string;
  /** Of its holder, in whole seconds; 0 when it has none. */
  readonly durationSeconds: number;
  readonly transitions: number;
  /** When its holder says that it renewed it: only compared, never read as a time. */
  readonly renewTime: string;
}

/** Instants are monotonic. */
export type LeaseState =
  /** What the API server has must be read. */
  | { readonly op: 'unknown' }
  /** There is none. */
  | { readonly op: 'missing' }
  /** Another process holds it; it has been in this version since then. */
  | { readonly op: 'followed'; readonly lease: SeenLease; readonly since: DurationMs }
  /** Just read, and nobody else has a claim to it. */
  | { readonly op: 'free'; readonly lease: SeenLease }
  /** This process holds it, and has renewed it by a request that began then. */
  | { readonly op: 'held'; readonly lease: SeenLease; readonly renewedAt: DurationMs }
  /** As `held`, but another writer has changed it since: whether it is still held must be read. */
  | { readonly op: 'doubted'; readonly lease: SeenLease; readonly renewedAt: DurationMs };

export type LeaseEvent =
  /** Undefined: there is none. */
  | { readonly op: 'read'; readonly lease: SeenLease | undefined }
  /** Our write was accepted; the request began `at`. */
  | { readonly op: 'written'; readonly lease: SeenLease; readonly at: DurationMs }
  /** Our write was refused: another writer came first, or the Lease is gone. */
  | { readonly op: 'refused' }
  /** No answer, or one that says nothing about the Lease. A write may have had its effect all the same. */
  | { readonly op: 'unanswered' };

/** What to do next in a state. */
export type LeaseAction = 'read' | 'create' | 'write';

export interface LeaseStep {
  readonly state: LeaseState;
  /** Before the next action; undefined: after the retry period. */
  readonly pause: DurationMs | undefined;
}

/** A longer duration in a Lease counts as this: nobody makes the others wait for ever. */
export const LONGEST_LEASE = 60_000 as DurationMs;

const AT_ONCE = 0 as DurationMs;
/** Before a renewal that another writer came before is tried again: one that always does must cause no hot loop. */
const SOON = 100 as DurationMs;
const UNKNOWN: LeaseState = { op: 'unknown' };

export function actionOf({ op }: LeaseState): LeaseAction {
  if (op === 'missing') return 'create';
  return op === 'free' || op === 'held' ? 'write' : 'read';
}

/** Whether the process may act as the leader; a check right before a write, since a process may sleep at any point. */
export function isLeading(state: LeaseState, now: DurationMs, { renewDeadline }: LeaseTimes): boolean {
  return (state.op === 'held' || state.op === 'doubted') && now - state.renewedAt < renewDeadline;
}

/**
 * | event      | `unknown`, `followed`  | `missing`, `free`      | `held`                | `doubted`             |
 * |------------|-----------------------|------------------------|-----------------------|-----------------------|
 * | read       | by what was read      | (does not happen)      | (does not happen)     | ours: held; else so   |
 * | written    | (does not happen)     | held                   | held anew             | (does not happen)     |
 * | refused    | (does not happen)     | unknown, after a pause | doubted, at once      | (does not happen)     |
 * | unanswered | same, after a pause   | unknown, after a pause | same, after a pause   | same, after a pause   |
 *
 * What was read: one without holder, of this process, or unchanged for its duration is `free`, to be taken at once; any
 * other is `followed`. None is `missing`, to be made at once, or when the one that was followed would have run out.
 *
 * A leader whose Lease was deleted, or taken, leads no longer: `doubted` becomes what was read.
 */
export function stepLease(
  state: LeaseState,
  event: LeaseEvent,
  identity: string,
  now: DurationMs,
  times: LeaseTimes,
): LeaseStep {
  switch (event.op) {
    case 'written':
      return { state: { op: 'held', lease: event.lease, renewedAt: event.at }, pause: undefined };
    case 'refused':
      return state.op === 'held'
        ? { state: { ...state, op: 'doubted' }, pause: AT_ONCE }
        : { state: UNKNOWN, pause: undefined };
    case 'unanswered':
      return { state: state.op === 'missing' || state.op === 'free' ? UNKNOWN : state, pause: undefined };
    case 'read':
      return afterRead(state, event.lease, identity, now, times);
  }
}

function afterRead(
  state: LeaseState,
  lease: SeenLease | undefined,
  identity: string,
  now: DurationMs,
  times: LeaseTimes,
): LeaseStep {
  if (!lease) return afterMissing(state, now, times);
  const isOurs = lease.holder === identity;
  if (isOurs && state.op === 'doubted' && lease.uid === state.lease.uid)
    return { state: { op: 'held', lease, renewedAt: state.renewedAt }, pause: SOON };
  if (isOurs || lease.holder === '') return { state: { op: 'free', lease }, pause: AT_ONCE };
  const since = state.op === 'followed' && isSameTerm(state.lease, lease) ? state.since : now;
  return waiting({ op: 'followed', lease, since }, now, times) ?? { state: { op: 'free', lease }, pause: AT_ONCE };
}

/** Whether its holder has not renewed it: a label or an annotation that somebody changes is no renewal. */
function isSameTerm(before: SeenLease, now: SeenLease): boolean {
  return (['uid', 'holder', 'renewTime', 'transitions'] as const).every((name) => before[name] === now[name]);
}

/** Who deletes a Lease does not end its holder's term: that one may not have noticed yet. */
function afterMissing(state: LeaseState, now: DurationMs, times: LeaseTimes): LeaseStep {
  return (state.op === 'followed' && waiting(state, now, times)) || { state: { op: 'missing' }, pause: AT_ONCE };
}

/** Undefined: the followed Lease has run out. */
function waiting(
  state: Extract<LeaseState, { readonly op: 'followed' }>,
  now: DurationMs,
  times: LeaseTimes,
): LeaseStep | undefined {
  const rest = state.since + validFor(state.lease, times) - now;
  if (rest <= 0) return undefined;
  return { state, pause: rest < times.retryPeriod ? (rest as DurationMs) : undefined };
}

/** Its holder's duration where that is longer than ours, within bounds. */
function validFor({ durationSeconds }: SeenLease, { duration }: LeaseTimes): DurationMs {
  const isLonger = durationSeconds > secondsOf(duration);
  return isLonger ? (Math.min(durationSeconds * 1_000, LONGEST_LEASE) as DurationMs) : duration;
}

/** As a Lease has it: whole seconds, rounded up. */
export function secondsOf(duration: DurationMs): number {
  return Math.ceil(duration / 1_000);
}
