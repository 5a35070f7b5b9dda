// Leader election on a Lease of coordination.k8s.io/v1: one of several processes leads, and knows when it no longer does.
//
// Guarantees: a term ends, for the process itself, before another process may take the Lease. No second term begins
// before the work of the first has ended. The Lease is given back only after the work has ended.
//
// It cannot stop a request that is on its way: that two leaders at once do no harm is the work's own affair.

import { LEASES } from '../api/meta.ts';
import { Failure, failureFrom } from '../lib/errors.ts';
import { type JsonRecord, recordOf, stringOf } from '../lib/json.ts';
import type { Logger } from '../lib/log.ts';
import { type Clock, type DurationMs, formatMicroTime, type Random, seconds, sleep } from '../lib/time.ts';
import { isNotFound, isOtherObject } from './api-error.ts';
import type { KubeReader, KubeWriter } from './client.ts';
import {
  actionOf,
  isLeading,
  type LeaseEvent,
  type LeaseState,
  type LeaseTimes,
  type SeenLease,
  secondsOf,
  stepLease,
} from './lease-state.ts';

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
  holds(): boolean;
}

export interface LeaderElection {
  /**
   * Contends for the Lease until `signal` aborts, and calls `work` for each term. `work` ends by itself soon after its
   * term's signal has aborted; meanwhile the Lease is renewed.
   */
  run(work: (term: Term) => Promise<void>, signal: AbortSignal): Promise<void>;
  isLeading(): boolean;
}

export interface LeaderElectionOptions {
  /** Its requests must not wait for those of others. */
  readonly client: Pick<KubeReader, 'find'> & Pick<KubeWriter, 'create' | 'patch'>;
  readonly namespace: string;
  /** Of the Lease. */
  readonly name: string;
  /** Unlike that of any other process, past ones too. */
  readonly identity: string;
  readonly times: LeaseTimes;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** So much longer than the retry period a pause may be: replicas that begin together do not stay together. */
const JITTER = 0.2;
/** Giving the Lease back must not hold up the end of the process; without it the others wait for its duration. */
const RELEASE_PATIENCE = seconds(3);
/** Characters of another holder's name that are shown. */
const LONGEST_NAME = 253;
/** The API server refuses a larger `leaseTransitions` (int32). */
const MOST_TRANSITIONS = 2 ** 31 - 1;

export function createLeaderElection(options: LeaderElectionOptions): LeaderElection {
  const { identity, times, clock, random, log } = options;
  const lease = leaseAccess(options);
  let current: LeaseState = { op: 'unknown' };
  const leads = (): boolean => isLeading(current, clock.monotonic(), times);
  const pauseOf = (pause: DurationMs | undefined): DurationMs =>
    pause ?? ((times.retryPeriod * (1 + JITTER * random())) as DurationMs);

  /** How long the process may still act as the leader. */
  const restOf = (state: LeaseState): DurationMs => {
    const renewedAt = 'renewedAt' in state ? state.renewedAt : Number.NEGATIVE_INFINITY;
    return Math.max(0, renewedAt + times.renewDeadline - clock.monotonic()) as DurationMs;
  };

  /** One attempt. @returns the pause after it */
  const attempt = async (signal: AbortSignal): Promise<DurationMs> => {
    const event = await lease.perform(current, signal);
    const before = current;
    const next = stepLease(current, event, identity, clock.monotonic(), times);
    current = next.state;
    if (current.op === 'followed' && holderOf(before) !== current.lease.holder)
      log.info('Another replica leads', { holder: current.lease.holder.slice(0, LONGEST_NAME) });
    return pauseOf(next.pause);
  };

  /** Renews until the Lease is lost, or `over` aborts. */
  const hold = async (lose: (why: string) => void, over: AbortSignal): Promise<void> => {
    let pause = pauseOf(undefined);
    while (!over.aborted) {
      await sleep(clock, Math.min(pause, restOf(current)) as DurationMs, over);
      if (over.aborted) return;
      if (!leads()) return lose('it was not renewed in time');
      pause = await within(clock, restOf(current), over, attempt);
      if (!over.aborted && !leads()) return lose(current.op === 'held' ? 'it was not renewed in time' : 'it was taken');
    }
  };

  const serve = async (work: (term: Term) => Promise<void>, signal: AbortSignal): Promise<void> => {
    const [lost, over] = [new AbortController(), new AbortController()];
    const lose = (why: string): void => {
      if (lost.signal.aborted) return;
      log.warn('This replica leads no longer', { why });
      lost.abort();
    };
    const holds = (): boolean => {
      if (!lost.signal.aborted && !leads()) lose('it was not renewed in time');
      return !lost.signal.aborted;
    };
    log.info('This replica leads', { identity });
    const held = hold(lose, AbortSignal.any([over.signal, lost.signal]));
    try {
      await work({ signal: AbortSignal.any([signal, lost.signal]), lost: lost.signal, holds });
    } finally {
      over.abort();
      await held;
      if ('renewedAt' in current) current = { op: 'unknown' };
      // After a loss it is another's, or will be: whoever takes it reads it first.
      if (!lost.signal.aborted) await within(clock, RELEASE_PATIENCE, undefined, lease.release);
    }
  };

  return {
    isLeading: leads,
    async run(work, signal) {
      while (!signal.aborted) {
        const pause = await within(clock, times.renewDeadline, signal, attempt);
        if (signal.aborted) return;
        if (leads()) await serve(work, signal);
        else await sleep(clock, pause, signal);
      }
    },
  };
}

function holderOf(state: LeaseState): string | undefined {
  return 'lease' in state ? state.lease.holder : undefined;
}

/** Runs `work` with a signal that aborts with `outer`, and once it has taken so long. */
async function within<Result>(
  clock: Clock,
  longest: DurationMs,
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const late = new AbortController();
  const cancel = clock.after(longest, () => late.abort());
  try {
    return await work(outer ? AbortSignal.any([outer, late.signal]) : late.signal);
  } finally {
    cancel();
  }
}

/** What is written of `spec`; times are wall-clock, for people. */
interface WrittenSpec {
  readonly holderIdentity: string;
  readonly leaseDurationSeconds: number;
  readonly renewTime: string;
  readonly acquireTime?: string;
  readonly leaseTransitions?: number;
  readonly strategy?: null;
  readonly preferredHolder?: null;
}

/** The Lease on the API server. */
interface LeaseAccess {
  /** What the state asks for next. Never rejects. */
  perform(state: LeaseState, signal: AbortSignal): Promise<LeaseEvent>;
  /** Gives it back if this process holds it: the next one takes it at once. Never rejects. */
  release(signal: AbortSignal): Promise<void>;
}

function leaseAccess({ client, namespace, name, identity, times, clock, log }: LeaderElectionOptions): LeaseAccess {
  const tell = telling(log);
  const find = async (signal: AbortSignal): Promise<SeenLease | undefined> => {
    const raw = await client.find(LEASES, namespace, name, signal);
    return raw && leaseOf(raw);
  };
  const change = async (
    { uid, resourceVersion }: SeenLease,
    spec: WrittenSpec,
    signal: AbortSignal,
  ): Promise<JsonRecord> =>
    await client.patch(LEASES, { namespace, name }, { metadata: { uid, resourceVersion }, spec }, signal);

  /** As `identity` writes it, whether it takes the Lease or renews it. */
  const ours = (before: SeenLease | undefined): WrittenSpec => {
    const now = formatMicroTime(clock.now());
    const durationSeconds = secondsOf(times.duration);
    const renewal = { holderIdentity: identity, leaseDurationSeconds: durationSeconds, renewTime: now };
    if (before?.holder === identity) return renewal;
    const transitions = before ? (before.transitions % MOST_TRANSITIONS) + 1 : 0;
    // Those of a coordinated election would give it to another one.
    const others = before ? { strategy: null, preferredHolder: null } : {};
    return { ...renewal, acquireTime: now, leaseTransitions: transitions, ...others };
  };

  const write = async (before: SeenLease | undefined, signal: AbortSignal): Promise<LeaseEvent> => {
    const at = clock.monotonic();
    const spec = ours(before);
    const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name }, spec };
    const answer = await (before ? change(before, spec, signal) : client.create(LEASES, namespace, body, signal));
    const { leaseTransitions: transitions = before?.transitions ?? 0 } = spec;
    const { uid, resourceVersion } = leaseOf(answer);
    return {
      op: 'written',
      lease: { uid, resourceVersion, holder: identity, durationSeconds: spec.leaseDurationSeconds, transitions },
      at,
    };
  };

  const ask = (state: LeaseState, signal: AbortSignal): Promise<LeaseEvent> =>
    actionOf(state) === 'read'
      ? find(signal).then((lease) => ({ op: 'read', lease }))
      : write('lease' in state ? state.lease : undefined, signal);

  return {
    async perform(state, signal) {
      try {
        const event = await ask(state, signal);
        tell(undefined);
        return event;
      } catch (thrown) {
        if (isOtherObject(thrown)) return { op: 'refused' };
        if (!signal.aborted) tell(thrown);
        // The Lease is gone, or its namespace.
        return { op: isNotFound(thrown) ? 'refused' : 'unanswered' };
      }
    },
    async release(signal) {
      try {
        const lease = await find(signal);
        if (lease?.holder !== identity) return;
        const renewTime = formatMicroTime(clock.now());
        await change(lease, { holderIdentity: '', leaseDurationSeconds: 1, renewTime }, signal);
        log.info('Gave the Lease back', { namespace, name });
      } catch (thrown) {
        log.warn('Could not give the Lease back: another replica takes it when it has run out', {}, thrown);
      }
    },
  };
}

/** @throws Failure for what is no object of the API server */
function leaseOf(raw: JsonRecord): SeenLease {
  const { uid, resourceVersion } = recordOf(raw['metadata']);
  const spec = recordOf(raw['spec']);
  const [known, version] = [stringOf(uid), stringOf(resourceVersion)];
  if (!known || !version)
    throw new Failure({
      next: 'backoff',
      reason: 'BadAnswer',
      message: 'the answer is no Lease: it has no uid or version',
    });
  return {
    uid: known,
    resourceVersion: version,
    holder: stringOf(spec['holderIdentity']) ?? '',
    durationSeconds: countOf(spec['leaseDurationSeconds']),
    transitions: countOf(spec['leaseTransitions']),
  };
}

/** 0 for what is no count. */
function countOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
}

/** Logs each new trouble once; undefined: all is well again. */
function telling(log: Logger): (thrown: unknown) => void {
  let last: string | undefined;
  return (thrown) => {
    if (thrown === undefined) {
      if (last !== undefined) log.info('The Lease can be read and written again');
      last = undefined;
      return;
    }
    const { reason, message } = failureFrom(thrown);
    if (message !== last) log.warn('Could not read or write the Lease; trying again', { reason, message }, thrown);
    last = message;
  };
}
