// Host names to addresses, for every connection of the operator: a zone that does not answer blocks no other name.
//
// getaddrinfo (which reads /etc/hosts, and so a pod's hostAliases) holds a thread of a small pool until it returns, and
// cannot be cancelled. Guarantees: one look-up of a name at a time, shared by all callers. No caller waits longer than
// the deadline. Slow names get at most half of the threads, and rest after a look-up that exceeded the deadline.

import { lookup as getaddrinfo, type LookupAddress, type LookupOptions } from 'node:dns';
import { setLatest } from './latest.ts';
import { type Clock, type DurationMs, SECOND, seconds } from './time.ts';

type Callback = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void;

/** For the option `lookup` of connections. */
export type NameLookup = (hostname: string, options: LookupOptions, callback: Callback) => void;

export interface NameLookupOptions {
  readonly clock: Clock;
  /** Finds the addresses; by default the system's resolver. */
  readonly resolve?: NameLookup;
}

/**
 * Look-ups at once. libuv gives half of its threads to name look-ups (libuv, thread pool, slow I/O), and the process
 * asks for 32 threads, which cost 8 KB each until they are used (cli/engine.ts).
 */
const AT_ONCE = 16;
/** Of those, for names that were slow, or are. */
const SLOW_AT_ONCE = AT_ONCE / 2;
/** Of those, kept free for names that were found quickly before. */
const KEPT_FOR_QUICK = AT_ONCE / 4;
/** A look-up that takes longer is slow. */
const SLOW_AFTER = SECOND;
/** The longest that a caller waits; shorter than the timeout of a connection, so that the error blames the name. */
const DEADLINE = seconds(4);
/** After a look-up that exceeded the deadline, or failed as slowly, the name is not looked up again for this long. */
const REST = seconds(15);
/**
 * For connections to a host with several addresses: the next one is tried after this. Node's default of 250 ms gives up
 * every address farther away than that, one after the other. A lost first packet is resent after a second (RFC 6298).
 */
export const ADDRESS_TIMEOUT_MS = 2_000;
/** Names whose history is remembered; users choose names of regions. */
const MOST_NAMES = 500;

interface Flight {
  readonly hostname: string;
  readonly options: LookupOptions;
  readonly waiting: Set<Callback>;
  isBegun: boolean;
  isSlow: boolean;
}

interface History {
  readonly speed: 'quick' | 'slow';
  /** On the monotonic clock. */
  readonly restsUntil: number;
}

export function createNameLookup({ clock, resolve = getaddrinfo }: NameLookupOptions): NameLookup {
  const flights = new Map<string, Flight>();
  /** In order of their last look-up. */
  const histories = new Map<string, History>();
  let begun = 0;
  let slow = 0;

  const mayBegin = (hostname: string): boolean => hasThread(histories.get(hostname)?.speed, begun, slow);

  const beginNext = (): void => {
    for (const [key, flight] of flights) if (!flight.isBegun && mayBegin(flight.hostname)) begin(key, flight);
  };

  const begin = (key: string, flight: Flight): void => {
    const { hostname, options, waiting } = flight;
    const startedAt = clock.monotonic();
    flight.isBegun = true;
    begun += 1;
    const becomeSlow = (): void => {
      flight.isSlow = true;
      slow += 1;
    };
    if (histories.get(hostname)?.speed === 'slow') becomeSlow();
    const cancel = flight.isSlow ? () => {} : clock.after(SLOW_AFTER, becomeSlow);
    resolve(hostname, options, (error, ...addresses) => {
      cancel();
      begun -= 1;
      if (flight.isSlow) slow -= 1;
      flights.delete(key);
      const history = historyOf(startedAt, clock.monotonic(), error === null);
      if (history) setLatest(histories, hostname, history, MOST_NAMES);
      for (const callback of Array.from(waiting)) callback(error, ...addresses);
      beginNext();
    });
  };

  return (hostname, options, callback) => {
    const { family = 0, all = false, hints = 0 } = options;
    const key = JSON.stringify([hostname, family, all, hints]);
    const joined = flights.get(key);
    if (!joined && (histories.get(hostname)?.restsUntil ?? 0) > clock.monotonic()) {
      clock.after(0 as DurationMs, () => callback(noAnswer(hostname), ''));
      return;
    }
    const flight = joined ?? { hostname, options, waiting: new Set<Callback>(), isBegun: false, isSlow: false };
    flights.set(key, flight);
    const answer: Callback = (...outcome) => {
      cancel();
      flight.waiting.delete(answer);
      callback(...outcome);
    };
    const cancel = clock.after(DEADLINE, () => {
      answer(noAnswer(hostname), '');
      // Nothing waits any longer for a look-up that never began.
      if (!flight.isBegun && flight.waiting.size === 0) flights.delete(key);
    });
    flight.waiting.add(answer);
    if (!flight.isBegun && mayBegin(hostname)) begin(key, flight);
  };
}

/** Whether one of the threads is free for a name, while so many look-ups are under way. */
function hasThread(speed: History['speed'] | undefined, begun: number, slow: number): boolean {
  switch (speed) {
    case 'quick':
      return begun < AT_ONCE;
    case 'slow':
      return begun < AT_ONCE && slow < SLOW_AT_ONCE;
    case undefined:
      return begun < AT_ONCE - KEPT_FOR_QUICK;
  }
}

/** What a look-up shows of its name. A quick answer that a name does not exist says nothing about its zone. */
function historyOf(startedAt: number, endedAt: number, isFound: boolean): History | undefined {
  const took = endedAt - startedAt;
  if (took < SLOW_AFTER) return isFound ? { speed: 'quick', restsUntil: 0 } : undefined;
  return { speed: 'slow', restsUntil: took >= DEADLINE || !isFound ? endedAt + REST : 0 };
}

/** The error of the system when a name server does not answer (getaddrinfo(3), EAI_AGAIN). */
function noAnswer(hostname: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`the name server does not answer for ${hostname} in time`);
  error.code = 'EAI_AGAIN';
  return error;
}
