// Leader election on a Lease of coordination.k8s.io/v1: one of several processes leads, and knows when it does not.
//
// Guarantees: a term ends, for the process itself, before another process may take the Lease. No second term begins
// before the work of the first has ended. The Lease is given back only after the work has ended.
//
// It cannot stop a request that is on its way: that two leaders at once do no harm is the work's own affair.

import { within } from '../lib/deadline.ts';
import type { Logger } from '../lib/log.ts';
import { type Clock, type DurationMs, type Random, seconds, sleep } from '../lib/time.ts';
import { type LeaseAccessOptions, leaseAccess } from './lease-access.ts';
import { actionOf, isLeading, type LeaseState, type LeaseTimes, stepLease } from './lease-state.ts';

/** A time in which this process leads. */
export interface Term {
  /** Aborts when nothing new may begin: the process stops, or leads no longer. */
  readonly signal: AbortSignal;
  /** Aborts when the process leads no longer: what is under way must end too. */
  readonly lost: AbortSignal;
  /**
   * Whether the process still leads, by the clock and not by a timer: a process that was stopped for a while asks here
   * before any timer has told it. False aborts both signals.
   */
  holds(this: void): boolean;
}

export interface LeaderElection {
  /**
   * Contends for the Lease until `signal` aborts, and calls `work` for each term. `work` ends by itself soon after its
   * term's signal has aborted; meanwhile the Lease is renewed.
   */
  run(work: (term: Term) => Promise<void>, signal: AbortSignal): Promise<void>;
  isLeading(): boolean;
}

export interface LeaderElectionOptions extends LeaseAccessOptions {
  readonly random: Random;
}

/** So much longer than the retry period a pause may be: replicas that begin together do not stay together. */
const JITTER = 0.2;
/** Giving the Lease back must not hold up the end of the process; without it the others wait for its duration. */
const RELEASE_PATIENCE = seconds(3);
/** Characters of another holder's name that are shown. */
const LONGEST_NAME = 253;

export function createLeaderElection(options: LeaderElectionOptions): LeaderElection {
  const { identity, times, clock, random, log } = options;
  const lease = leaseAccess(options);
  let current: LeaseState = { op: 'unknown' };
  const leads = (): boolean => isLeading(current, clock.monotonic(), times);
  const patience = patienceOf(times);
  /** A write of this process may have had its effect. */
  let mayHold = false;
  const rest = (): DurationMs => untilDeadline(current, clock, times);

  /** One attempt. @returns the pause after it */
  const attempt = async (signal: AbortSignal): Promise<DurationMs> => {
    const before = current;
    if (actionOf(before) !== 'read') mayHold = true;
    const next = stepLease(before, await lease.perform(before, signal), identity, clock.monotonic(), times);
    current = next.state;
    if (current.op === 'followed' && holderOf(before) !== current.lease.holder)
      log.info('Another replica leads', { holder: current.lease.holder.slice(0, LONGEST_NAME) });
    return next.pause ?? withJitter(times, random);
  };

  const release = async (): Promise<void> => {
    mayHold = false;
    await within(RELEASE_PATIENCE, undefined, clock, (late) => lease.release(late));
  };

  /** Renews until the Lease is lost, or `over` aborts. */
  const hold = async (lose: (why: string) => void, over: AbortSignal): Promise<void> => {
    // A pause is between two beginnings: an attempt without an answer must leave time for another one.
    let nextAt = clock.monotonic() + withJitter(times, random);
    while (!over.aborted) {
      await sleep(clock, Math.min(nextAt - clock.monotonic(), rest()) as DurationMs, over);
      if (over.aborted) return;
      if (!leads()) return lose('the Lease was not renewed in time');
      nextAt = clock.monotonic() + (await within(Math.min(rest(), patience) as DurationMs, over, clock, attempt));
      if (!over.aborted && !leads())
        return lose('renewedAt' in current ? 'the Lease was not renewed in time' : 'the Lease was taken or deleted');
    }
  };

  const serve = async (work: (term: Term) => Promise<void>, signal: AbortSignal): Promise<void> => {
    const { term, lose } = beginTerm(leads, log, signal);
    const { lost } = term;
    const over = new AbortController();
    log.info('This replica leads', { identity });
    const held = hold(lose, AbortSignal.any([over.signal, lost]));
    try {
      await work(term);
    } finally {
      over.abort();
      await held;
      if ('renewedAt' in current) current = { op: 'unknown' };
      // After a loss it is another's, or will be: whoever takes it reads it first.
      if (!lost.aborted) await release();
    }
  };

  return {
    isLeading: leads,
    async run(work, signal) {
      while (!signal.aborted) {
        const pause = await within(patience, signal, clock, attempt);
        if (signal.aborted) break;
        if (leads()) await serve(work, signal);
        else await sleep(clock, pause, signal);
      }
      // It was told to stop while it took the Lease.
      if (mayHold) await release();
    },
  };
}

interface BegunTerm {
  readonly term: Term;
  readonly lose: (why: string) => void;
}

function beginTerm(leads: () => boolean, log: Logger, signal: AbortSignal): BegunTerm {
  const lost = new AbortController();
  const lose = (why: string): void => {
    if (lost.signal.aborted) return;
    log.warn('This replica leads no longer', { why });
    lost.abort();
  };
  const holds = (): boolean => {
    if (!lost.signal.aborted && !leads()) lose('the Lease was not renewed in time');
    return !lost.signal.aborted;
  };
  return { term: { signal: AbortSignal.any([signal, lost.signal]), lost: lost.signal, holds }, lose };
}

function holderOf(state: LeaseState): string | undefined {
  return 'lease' in state ? state.lease.holder : undefined;
}

/** For one attempt: an answer that never comes must leave time for another one. */
function patienceOf({ renewDeadline }: LeaseTimes): DurationMs {
  return (renewDeadline / 2) as DurationMs;
}

function withJitter({ retryPeriod }: LeaseTimes, random: Random): DurationMs {
  return (retryPeriod * (1 + JITTER * random())) as DurationMs;
}

/** How long the process may still act as the leader. */
function untilDeadline(state: LeaseState, clock: Clock, { renewDeadline }: LeaseTimes): DurationMs {
  const renewedAt = 'renewedAt' in state ? state.renewedAt : Number.NEGATIVE_INFINITY;
  return Math.max(0, renewedAt + renewDeadline - clock.monotonic()) as DurationMs;
}
