// Leader elections against a real API server: each contender is what a process would be, with a connection of its own.

import type { ApiServerAccess } from '../../src/kube/access.ts';
import { createClient } from '../../src/kube/client.ts';
import { createLeaderElection, type LeaderElection, type Term } from '../../src/kube/lease.ts';
import type { LeaseTimes } from '../../src/kube/lease-state.ts';
import { createTransport } from '../../src/kube/transport.ts';
import { createLogger } from '../../src/lib/log.ts';
import { type Clock, type DurationMs, systemClock, systemRandom } from '../../src/lib/time.ts';

const ms = (length: number): DurationMs => length as DurationMs;
/** A tenth of the defaults. */
export const QUICK: LeaseTimes = { duration: ms(1_500), renewDeadline: ms(1_000), retryPeriod: ms(200) };

export interface Contender {
  readonly identity: string;
  readonly election: LeaderElection;
  /** Of the present term, or the last one. */
  readonly term: () => Term | undefined;
  /** Number of terms so far. */
  readonly terms: () => number;
  readonly log: () => string;
  /** Ends it; it gives the Lease back. */
  stop(): Promise<void>;
}

export interface ContenderOptions {
  readonly access: ApiServerAccess;
  readonly namespace: string;
  readonly lease: string;
  readonly identity: string;
  readonly times?: LeaseTimes;
  readonly clock?: Clock;
  /** What it does in a term; by default it waits for the end. */
  readonly work?: (term: Term) => Promise<void>;
}

/** Begins to contend at once. */
export function contend(options: ContenderOptions): Contender {
  const { access, namespace, lease: name, identity, times = QUICK, clock = systemClock, work = untilOver } = options;
  const transport = createTransport({ access, clock, userAgent: `test/${identity}` });
  const lines: string[] = [];
  const log = createLogger({ level: 'debug', format: 'json', write: (line) => void lines.push(line), clock });
  const client = createClient(transport, 'test');
  const election = createLeaderElection({ client, namespace, name, identity, times, clock, random: systemRandom, log });
  const stopping = new AbortController();
  let [current, count] = [undefined as Term | undefined, 0];
  const running = election.run((term) => {
    current = term;
    count += 1;
    return work(term);
  }, stopping.signal);
  return {
    identity,
    election,
    term: () => current,
    terms: () => count,
    log: () => lines.join(''),
    async stop() {
      stopping.abort();
      await running;
      transport.close();
    },
  };
}

export function untilOver({ signal }: Pick<Term, 'signal'>): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** A clock whose two readings are off by so much. */
export function clockOff(byMs: number): Clock {
  return {
    ...systemClock,
    now: () => (systemClock.now() + byMs) as ReturnType<Clock['now']>,
    monotonic: () => (systemClock.monotonic() + Math.abs(byMs)) as DurationMs,
  };
}
