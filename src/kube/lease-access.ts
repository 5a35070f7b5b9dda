// The Lease of a leader election on the API server: how it is read, taken, renewed and given back.

import { LEASES } from '../api/meta.ts';
import { Failure, failureFrom } from '../lib/errors.ts';
import { type JsonRecord, recordOf, stringOf } from '../lib/json.ts';
import type { Logger } from '../lib/log.ts';
import { type Clock, formatMicroTime } from '../lib/time.ts';
import { isNotFound, isOtherObject } from './api-error.ts';
import type { KubeReader, KubeWriter } from './client.ts';
import {
  actionOf,
  type LeaseEvent,
  type LeaseState,
  type LeaseTimes,
  type SeenLease,
  secondsOf,
} from './lease-state.ts';

export interface LeaseAccessOptions {
  /** Its requests must not wait for those of others. */
  readonly client: Pick<KubeReader, 'find'> & Pick<KubeWriter, 'create' | 'patch'>;
  readonly namespace: string;
  /** Of the Lease. */
  readonly name: string;
  /** Unlike that of any other process, past ones too. */
  readonly identity: string;
  readonly times: LeaseTimes;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The API server refuses a larger `leaseTransitions` (int32). */
const MOST_TRANSITIONS = 2 ** 31 - 1;

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
export interface LeaseAccess {
  /** What the state asks for next. Never rejects. */
  perform(state: LeaseState, signal: AbortSignal): Promise<LeaseEvent>;
  /** Gives it back if this process holds it: the next one takes it at once. Never rejects. */
  release(signal: AbortSignal): Promise<void>;
}

export function leaseAccess(options: LeaseAccessOptions): LeaseAccess {
  const { client, namespace, name, identity, clock, log } = options;
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

  const write = async (before: SeenLease | undefined, signal: AbortSignal): Promise<LeaseEvent> => {
    const at = clock.monotonic();
    const spec = ourSpec(before, options);
    const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name }, spec };
    const answer = await (before ? change(before, spec, signal) : client.create(LEASES, namespace, body, signal));
    const {
      leaseTransitions: transitions = before?.transitions ?? 0,
      leaseDurationSeconds: durationSeconds,
      renewTime,
    } = spec;
    const { uid, resourceVersion } = leaseOf(answer);
    return {
      op: 'written',
      lease: { uid, resourceVersion, holder: identity, durationSeconds, transitions, renewTime },
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
        tell(event.op === 'written' ? 'written' : 'read');
        return event;
      } catch (thrown) {
        if (isOtherObject(thrown)) return { op: 'refused' };
        if (!signal.aborted) tell(actionOf(state) === 'read' ? 'read' : 'written', thrown);
        // The Lease is gone, or its namespace.
        return { op: isNotFound(thrown) ? 'refused' : 'unanswered' };
      }
    },
    release: (signal) =>
      tryingTwice(log, async () => {
        const lease = await find(signal);
        if (lease?.holder !== identity) return;
        const renewTime = formatMicroTime(clock.now());
        await change(lease, { holderIdentity: '', leaseDurationSeconds: 1, renewTime }, signal);
        log.info('Gave the Lease back', { namespace, name });
      }),
  };
}

/** A renewal whose answer nobody waited for may come between the read and the write of the first attempt. */
async function tryingTwice(log: Logger, giveBack: () => Promise<void>): Promise<void> {
  try {
    await giveBack().catch(async (thrown: unknown) => {
      if (!isOtherObject(thrown)) throw thrown;
      await giveBack();
    });
  } catch (thrown) {
    log.warn('Could not give the Lease back: another replica takes it when it has run out', {}, thrown);
  }
}

/** As this process writes it, whether it takes the Lease or renews it. */
function ourSpec(before: SeenLease | undefined, { identity, times, clock }: LeaseAccessOptions): WrittenSpec {
  const now = formatMicroTime(clock.now());
  const renewal = {
    holderIdentity: identity,
    leaseDurationSeconds: secondsOf(times.duration),
    renewTime: now,
  };
  if (before?.holder === identity) return renewal;
  const leaseTransitions = before ? (before.transitions % MOST_TRANSITIONS) + 1 : 0;
  // Those of a coordinated election would give it to another one.
  const others = before ? { strategy: null, preferredHolder: null } : {};
  return { ...renewal, acquireTime: now, leaseTransitions, ...others };
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
    renewTime: stringOf(spec['renewTime']) ?? '',
  };
}

/** 0 for what is no count. */
function countOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
}

/**
 * Logs each new trouble once. A read that works does not end the trouble of writes: a right may be missing for these
 * alone.
 *
 * @param thrown  undefined: this went well
 */
function telling(log: Logger): (what: 'read' | 'written', thrown?: unknown) => void {
  let last: { readonly what: 'read' | 'written'; readonly message: string } | undefined;
  return (what, thrown) => {
    if (thrown === undefined) {
      if (last === undefined || (last.what === 'written' && what === 'read')) return;
      log.info('The Lease can be read and written again');
      last = undefined;
      return;
    }
    const { reason, message } = failureFrom(thrown);
    if (message !== last?.message)
      log.warn('Could not read or write the Lease; trying again', { reason, message }, thrown);
    last = { what, message };
  };
}
