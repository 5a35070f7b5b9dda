// Keeps a store equal to one kind of object on the API server: list in pages, then watch, for ever.
//
// Guarantees: the store only ever shows whole lists. No change is lost silently: an unreadable one causes a new list.
// The reflector notices a dead peer five seconds after the end of the stream was due. It lists anew from an API server
// that was restored to an older state during an outage.
//
// Assumptions: one reflector per store; versions are the API server's, never made up.

import type { ResourceDescriptor } from '../api/meta.ts';
import { Failure, failureFrom } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { backoff, type Clock, type DurationMs, MINUTE, type Random, SECOND, seconds, sleep } from '../lib/time.ts';
import { isExpired, isForbidden, isNotFound, isRefused } from './api-error.ts';
import { createFeed, type FeedOptions } from './reflector-feed.ts';
import { type ReflectorEvent, type ReflectorState, step } from './reflector-state.ts';
import type { OnTurn } from './requests.ts';
import type { Stored } from './store.ts';

export interface ReflectorOptions<Item extends Stored> extends FeedOptions<Item> {
  /**
   * The operator may have no right to read the kind (`right`), or the kind may be missing too (`kind`): it is an empty
   * list then, checked once a minute.
   */
  readonly optional?: 'right' | 'kind';
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Is notified of every event; it must not throw. */
  readonly onReflectorEvent?: (event: ReflectorEvent) => void;
}

export interface Reflector {
  /** Runs until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when the first whole list is in the store; never rejects. */
  readonly synced: Promise<void>;
  readonly isSynced: () => boolean;
  /** Why the last attempt failed; undefined while all is well. */
  readonly trouble: () => Failure | undefined;
  /** Monotonic instant of the last attempt to list or to watch; now, while it has not started or waits for a permit. */
  readonly lastAttempt: () => DurationMs;
}

/** The reflector requests a random end of a watch in this range (docs/design/rules.md, rule 13). */
const WATCH_SECONDS = { least: 30, most: 50 };
/** An end this late never comes: the peer is dead (docs/design/rules.md, rule 13). */
const GRACE_SECONDS = 5;
/** The longest a healthy reflector goes without an attempt. */
export const LONGEST_WATCH: DurationMs = seconds(WATCH_SECONDS.most + GRACE_SECONDS);
/**
 * A watch that ends sooner than this without an event did not end properly: reconnecting at once would be a hot loop.
 */
const SHORT_WATCH = SECOND;
const FIRST_PAUSE = SECOND;
const LAST_PAUSE = seconds(30);
/**
 * The longest pause while the API server does not know the kind: one command installs CRDs, and its user waits for
 * them.
 */
const LAST_PAUSE_UNKNOWN = seconds(5);
/** Between two checks for a missing optional kind. */
const ABSENT_PAUSE = MINUTE;

export function createReflector<Item extends Stored>(options: ReflectorOptions<Item>): Reflector {
  const { clock, resource, namespace } = options;
  const log = options.log.with({ resource: resource.plural, ...(namespace === undefined ? {} : { in: namespace }) });
  const failures = createFailures(options, log);
  let isSynced = false;
  /** Undefined: it has not started, or waits for a permit. */
  let lastAttempt: DurationMs | undefined;
  const synced = Promise.withResolvers<void>();
  const attempt = asking(options, log, (turn) => {
    lastAttempt = turn === 'sent' ? clock.monotonic() : undefined;
  });

  return {
    synced: synced.promise,
    isSynced: () => isSynced,
    trouble: failures.trouble,
    lastAttempt: () => lastAttempt ?? clock.monotonic(),
    async run(signal) {
      let state: ReflectorState = { op: 'list' };
      let attempts = 0;
      const advance = (event: ReflectorEvent): 'none' | 'backoff' => {
        if (event.op === 'listed' || event.op === 'absent') {
          isSynced = true;
          synced.resolve();
        }
        const next = step(state, event);
        if (next.healthy || event.op === 'listed') failures.end();
        if (next.healthy) attempts = 0;
        options.onReflectorEvent?.(event);
        state = next.state;
        return next.pause;
      };
      while (!signal.aborted) {
        const at = { state, begun: clock.monotonic() };
        const event = await attempt(at, advance, signal).catch((thrown: unknown) => failures.judge(thrown, signal));
        if (advance(event) === 'none') continue;
        await sleep(clock, failures.pauseAfter(attempts), signal);
        attempts += 1;
      }
    },
  };
}

/**
 * One list, check or watch to its end, which it returns.
 *
 * @param onEvent  is notified of each event of a watch before its end
 * @throws Failure
 */
type Ask = (
  at: { readonly state: ReflectorState; readonly begun: DurationMs },
  onEvent: (event: ReflectorEvent) => void,
  signal: AbortSignal,
) => Promise<ReflectorEvent>;

function asking<Item extends Stored>(options: ReflectorOptions<Item>, log: Logger, onTurn: OnTurn): Ask {
  const { client, resource, namespace, labelSelector, fieldSelector, clock, random } = options;
  const feed = createFeed(options, log);
  const asked = { namespace, labelSelector, fieldSelector, onTurn };

  return async ({ state, begun }, onEvent, signal) => {
    if (state.op === 'list') return await feed.list(onTurn, signal);
    if (state.op === 'check') {
      // The smallest list, no older than the held version: whether the operator can read its objects does not matter.
      await client.list(resource, { ...asked, limit: 1, notOlderThan: state.version }, signal);
      return { op: 'reached' };
    }
    const timeoutSeconds = WATCH_SECONDS.least + Math.floor(random() * (WATCH_SECONDS.most - WATCH_SECONDS.least + 1));
    const deadline = seconds(timeoutSeconds + GRACE_SECONDS);
    const terms = { ...asked, resourceVersion: state.version, timeoutSeconds, deadline };
    let events = 0;
    for await (const line of client.watch(resource, terms, signal)) {
      const event = feed.line(line);
      if (event.op !== 'event') return event;
      events += 1;
      onEvent(event);
    }
    return { op: events === 0 && clock.monotonic() - begun < SHORT_WATCH ? 'broken' : 'ended' };
  };
}

/** What failed attempts mean: the trouble of the reflector, and how long it pauses. */
function createFailures<Item extends Stored>({ resource, optional, random }: ReflectorOptions<Item>, log: Logger) {
  let trouble: Failure | undefined;
  let askedToWait = 0;
  let lastPause = LAST_PAUSE;

  /**
   * An optional kind does not exist, or the operator may not read it. Its objects went with it, or go with the next
   * list.
   */
  const absent = (): ReflectorEvent => {
    askedToWait = ABSENT_PAUSE;
    return { op: 'absent' };
  };

  return {
    judge(thrown: unknown, signal: AbortSignal): ReflectorEvent {
      if (optional === 'kind' && isNotFound(thrown)) return absent();
      if (!signal.aborted) {
        const failure = isNotFound(thrown) ? notServed(resource) : failureFrom(thrown);
        const { reason, message, delay } = failure;
        if (trouble?.message !== message)
          log.warn('Could not list or watch; trying again', { reason, message }, thrown);
        trouble = failure;
        askedToWait = delay ?? 0;
      }
      lastPause = isNotFound(thrown) ? LAST_PAUSE_UNKNOWN : LAST_PAUSE;
      if (optional && isForbidden(thrown)) return absent();
      if (isExpired(thrown)) return { op: 'expired' };
      return { op: isRefused(thrown) ? 'down' : 'broken' };
    },
    end(): void {
      trouble = undefined;
    },
    trouble: (): Failure | undefined => trouble,
    /** What the API server asked for counts once. */
    pauseAfter(attempts: number): DurationMs {
      const pause = Math.max(backoff(attempts, FIRST_PAUSE, lastPause, random), askedToWait) as DurationMs;
      askedToWait = 0;
      return pause;
    },
  };
}

/** A list always exists unless its kind does not. */
function notServed({ plural, group }: ResourceDescriptor): Failure {
  return new Failure({
    next: 'backoff',
    reason: 'NotServed',
    message: `the API server does not know ${plural}${group && `.${group}`}: are the CRDs installed?`,
  });
}
