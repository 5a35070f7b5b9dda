// Keeps a store equal to one kind of object on the API server: list in pages, then watch, for ever.
//
// Guarantees: the store only ever shows whole lists. No change is lost silently: an unreadable one causes a new list.
// The reflector notices a dead peer five seconds after the end of the stream was due. It lists anew from an API server
// that was restored to an older state during an outage.
//
// Assumptions: one reflector per store; versions are the API server's, never made up.

import { type ObjectKey, objectKey, type ResourceDescriptor } from '../api/meta.ts';
import { Failure, failureFrom } from '../lib/errors.ts';
import { type JsonRecord, recordOf, stringOf } from '../lib/json.ts';
import type { Logger } from '../lib/log.ts';
import { backoff, type Clock, type DurationMs, MINUTE, type Random, SECOND, seconds, sleep } from '../lib/time.ts';
import { isExpired, isForbidden, isNotFound, isRefused } from './api-error.ts';
import type { KubeReader } from './client.ts';
import type { Line } from './lines.ts';
import { oversizedIn } from './oversized.ts';
import { listInPages } from './pages.ts';
import { type ReflectorEvent, type ReflectorState, step } from './reflector-state.ts';
import type { OnTurn } from './requests.ts';
import type { Store, Stored } from './store.ts';

export interface ReflectorOptions<Item extends Stored> {
  readonly client: Pick<KubeReader, 'list' | 'watch'>;
  readonly resource: ResourceDescriptor;
  readonly labelSelector?: string;
  /** Such as `metadata.name=a`: a right to that one object is then enough. */
  readonly fieldSelector?: string;
  /**
   * The kind may be missing, or the operator may not read it: until then it is an empty list, checked once a minute.
   */
  readonly optional?: boolean;
  readonly store: Store<Item>;
  /**
   * The part of an object that is kept; called once for each object seen. Undefined: the store leaves the object out.
   */
  readonly reduce: (raw: JsonRecord) => Item | undefined;
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
/** Objects over the cap that the log names; more would only fill it. */
const MOST_REPORTED = 1_000;

/** The key of a raw object; `undefined` for something that is no object. */
function objectKeyOf(raw: JsonRecord): ObjectKey | undefined {
  const metadata = recordOf(raw['metadata']);
  const name = stringOf(metadata['name']);
  return name === undefined ? undefined : objectKey(stringOf(metadata['namespace']), name);
}

export function createReflector<Item extends Stored>(options: ReflectorOptions<Item>): Reflector {
  const { client, resource, labelSelector, fieldSelector, store, reduce, clock, random } = options;
  const log = options.log.with({ resource: resource.plural });
  const reported = new Set<string>();
  let isSynced = false;
  let trouble: Failure | undefined;
  /** Undefined: it has not started, or waits for a permit. */
  let lastAttempt: DurationMs | undefined;
  let askedToWait = 0;
  let lastPause = LAST_PAUSE;
  let resolveSynced: () => void = () => {};
  const synced = new Promise<void>((resolve) => {
    resolveSynced = resolve;
  });

  const onTurn: OnTurn = (turn) => {
    lastAttempt = turn === 'sent' ? clock.monotonic() : undefined;
  };

  const reportSkipped = (key: ObjectKey): void => {
    if (reported.has(key) || reported.size > MOST_REPORTED) return;
    reported.add(key);
    log.warn('Skipped an object of more than 4 MiB', { object: key });
  };

  const listAll = async (signal: AbortSignal): Promise<ReflectorEvent> => {
    const items = new Map<ObjectKey, Item>();
    const version = await listInPages(
      client,
      resource,
      {
        labelSelector,
        fieldSelector,
        onTurn,
        onSkipped: (head) => reportSkipped(oversizedIn(head)?.key ?? 'unknown'),
      },
      (raw) => take(items, raw),
      signal,
    );
    store.replace(items, version);
    return { op: 'listed', version };
  };

  const take = (items: Map<ObjectKey, Item>, raw: JsonRecord): void => {
    const key = objectKeyOf(raw);
    const item = reduce(raw);
    if (key !== undefined && item !== undefined) items.set(key, item);
  };

  /** An object over the cap counts as absent, here as in a list. */
  const skipLine = (head: string): ReflectorEvent => {
    const skipped = oversizedIn(head);
    if (skipped?.event === undefined) return { op: 'unreadable' };
    reportSkipped(skipped.key);
    store.apply(skipped.key, undefined, skipped.resourceVersion);
    return { op: 'event', version: skipped.resourceVersion };
  };

  const readLine = (line: Line): ReflectorEvent => {
    if (line.op === 'tooLong') return skipLine(line.head);
    const { type, object } = recordOf(parse(line.text));
    const raw = recordOf(object);
    if (type === 'ERROR') return { op: raw['code'] === 410 ? 'expired' : 'unreadable' };
    const version = stringOf(recordOf(raw['metadata'])['resourceVersion']);
    if (version === undefined) return { op: 'unreadable' };
    if (type === 'BOOKMARK') {
      store.reach(version);
      return { op: 'event', version };
    }
    const key = objectKeyOf(raw);
    if (key === undefined || (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED'))
      return { op: 'unreadable' };
    store.apply(key, type === 'DELETED' ? undefined : reduce(raw), version);
    return { op: 'event', version };
  };

  const settle = (): void => {
    if (isSynced) return;
    isSynced = true;
    resolveSynced();
  };

  const list = async (signal: AbortSignal): Promise<ReflectorEvent> => {
    try {
      const event = await listAll(signal);
      trouble = undefined;
      settle();
      return event;
    } catch (thrown) {
      return failed(thrown, signal);
    }
  };

  const failed = (thrown: unknown, signal: AbortSignal): ReflectorEvent => {
    if (options.optional && isNotFound(thrown)) return absent();
    if (!signal.aborted) {
      const failure = isNotFound(thrown) ? notServed(resource) : failureFrom(thrown);
      if (trouble?.message !== failure.message)
        log.warn('Could not list or watch; trying again', { reason: failure.reason, message: failure.message }, thrown);
      trouble = failure;
      askedToWait = failure.delay ?? 0;
    }
    lastPause = isNotFound(thrown) ? LAST_PAUSE_UNKNOWN : LAST_PAUSE;
    if (options.optional && isForbidden(thrown)) return absent();
    if (isExpired(thrown)) return { op: 'expired' };
    return { op: isRefused(thrown) ? 'down' : 'broken' };
  };

  /**
   * An optional kind does not exist, or the operator may not read it. Its objects went with it, or go with the next
   * list.
   */
  const absent = (): ReflectorEvent => {
    askedToWait = ABSENT_PAUSE;
    settle();
    return { op: 'absent' };
  };

  /**
   * The smallest list, no older than the held version: whether the operator can read its objects does not matter here.
   */
  const check = async (version: string, signal: AbortSignal): Promise<ReflectorEvent> => {
    try {
      await client.list(resource, { labelSelector, fieldSelector, limit: 1, notOlderThan: version, onTurn }, signal);
      return { op: 'reached' };
    } catch (thrown) {
      return failed(thrown, signal);
    }
  };

  /** Reads one watch to its end; each event moves the state, the end is returned. */
  const watch = async (
    from: string,
    advance: (event: ReflectorEvent) => void,
    signal: AbortSignal,
  ): Promise<ReflectorEvent> => {
    const begun = clock.monotonic();
    const timeoutSeconds = WATCH_SECONDS.least + Math.floor(random() * (WATCH_SECONDS.most - WATCH_SECONDS.least + 1));
    const deadline = seconds(timeoutSeconds + GRACE_SECONDS);
    let events = 0;
    try {
      for await (const line of client.watch(
        resource,
        { labelSelector, fieldSelector, resourceVersion: from, timeoutSeconds, deadline, onTurn },
        signal,
      )) {
        const event = readLine(line);
        if (event.op !== 'event') return event;
        events += 1;
        trouble = undefined;
        advance(event);
      }
    } catch (thrown) {
      return failed(thrown, signal);
    }
    const short = events === 0 && clock.monotonic() - begun < SHORT_WATCH;
    if (!short) trouble = undefined;
    return { op: short ? 'broken' : 'ended' };
  };

  return {
    synced,
    isSynced: () => isSynced,
    trouble: () => trouble,
    lastAttempt: () => lastAttempt ?? clock.monotonic(),
    async run(signal) {
      const at: { state: ReflectorState; attempts: number } = { state: { op: 'list' }, attempts: 0 };
      const advance = (event: ReflectorEvent): 'none' | 'backoff' => {
        options.onReflectorEvent?.(event);
        const next = step(at.state, event);
        at.state = next.state;
        if (next.healthy) at.attempts = 0;
        return next.pause;
      };
      const act = (state: ReflectorState): Promise<ReflectorEvent> => {
        if (state.op === 'list') return list(signal);
        return state.op === 'check' ? check(state.version, signal) : watch(state.version, advance, signal);
      };
      while (!signal.aborted) {
        const event = await act(at.state);
        if (advance(event) === 'none') continue;
        const pause = Math.max(backoff(at.attempts, FIRST_PAUSE, lastPause, random), askedToWait) as DurationMs;
        askedToWait = 0;
        await sleep(clock, pause, signal);
        at.attempts += 1;
      }
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

/** A line that is no JSON is unreadable, which its missing version shows; its text is not kept. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
