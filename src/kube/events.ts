// Kubernetes Events about the operator's objects: what it did and what is wrong, repeats folded; no caller waits.

import { EVENTS } from '../api/meta.ts';
import { digest } from '../lib/digest.ts';
import { setLatest } from '../lib/latest.ts';
import type { Logger } from '../lib/log.ts';
import { redact } from '../lib/redact.ts';
import { type Clock, type DurationMs, type EpochMs, formatMicroTime, HOUR, MINUTE } from '../lib/time.ts';
import { isGone } from './api-error.ts';
import type { KubeWriter } from './client.ts';

export interface Regarding {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly uid: string;
}

export interface EventNote {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  /** The operation, in one CamelCase word. */
  readonly action: string;
  readonly note: string;
  /** What repeats of it are known by, where its note differs at each; absent: its note. */
  readonly sameIf?: string;
}

export interface EventRecorder {
  /** Returns at once; the request runs by itself, and a failure of it is only logged. */
  record(regarding: Regarding, event: EventNote): void;
  /** Resolves when no request is in flight. */
  flush(): Promise<void>;
}

export interface EventRecorderOptions {
  readonly client: Pick<KubeWriter, 'create' | 'patch'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Name of this process, as `reportingInstance`. */
  readonly instance: string;
  readonly controller: string;
  readonly signal: AbortSignal;
}

interface Series {
  /** When its Event was created, which is in the name of that; undefined while there is none. */
  createdAt: EpochMs | undefined;
  count: number;
  lastSent: DurationMs;
  /** For how long no repeat is sent after that. */
  rest: DurationMs;
}

/** A repeat within this time is folded into the first Event's series; the API server keeps Events for an hour. */
const FOLD_FOR = HOUR;
/** Repeats are counted here and sent at most this often, as client-go's recorder does (`refreshTime`). */
const SEND_EVERY = (30 * MINUTE) as DurationMs;
/** The same when the last request failed. */
const AFTER_FAILURE = (5 * MINUTE) as DurationMs;
/**
 * Different events, and objects, that are remembered; what was seen longest ago is forgotten first. More than the
 * objects of a large cluster that all fail: one that is forgotten at each attempt is a new Event each time.
 */
const REMEMBERED = 10_000;
/** Events in flight at once; as many as client-go's broadcaster holds. */
const UNDER_WAY = 1_000;
/**
 * Per object: so many at once, and then one more each time this has passed (client-go's spam filter: 25, one in 300 s).
 */
const AT_ONCE = 25;
const ONE_MORE_EVERY = (5 * MINUTE) as DurationMs;
/** Dropped events are logged at most this often. */
const TELL_EVERY = MINUTE;
/** `NoteLengthLimit` of Kubernetes, which counts bytes. */
const NOTE_BYTES = 1_024;
/** Characters of an object's name in that of its Events. */
const NAME_LENGTH = 200;

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, clock, log, signal } = options;
  const remembered = new Map<string, Series>();
  const underWay = new Set<Promise<void>>();
  const mayTell = createShares(log);

  const send = (work: Promise<unknown>): void => {
    const settled: Promise<void> = work
      .then(
        () => {},
        (error: unknown) => {
          if (!signal.aborted) log.warn('Could not record an event', {}, error);
        },
      )
      .finally(() => underWay.delete(settled));
    underWay.add(settled);
  };

  const create = async (regarding: Regarding, event: EventNote, series: Series): Promise<void> => {
    const at = clock.now();
    const body = eventOf(regarding, event, at, options);
    series.count = 1;
    await client.create(EVENTS, body.metadata.namespace, body, signal);
    series.createdAt = at;
  };

  /** @returns false when there is no Event to repeat: it was never created, or has expired */
  const repeat = async (regarding: Regarding, event: EventNote, { createdAt, count }: Series): Promise<boolean> => {
    if (createdAt === undefined) return false;
    const name = nameOf(regarding, event, createdAt);
    const body = { series: { count, lastObservedTime: formatMicroTime(clock.now()) } };
    try {
      await client.patch(EVENTS, { namespace: namespaceOf(regarding), name }, body, signal);
      return true;
    } catch (thrown) {
      if (isGone(thrown)) return false;
      throw thrown;
    }
  };

  const tell = async (regarding: Regarding, event: EventNote, series: Series): Promise<void> => {
    series.rest = AFTER_FAILURE;
    if (!(await repeat(regarding, event, series))) await create(regarding, event, series);
    series.rest = SEND_EVERY;
  };

  return {
    record(regarding, event) {
      const key = noteKeyOf(regarding, event);
      const now = clock.monotonic();
      const last = remembered.get(key);
      const running = last && now - last.lastSent < FOLD_FOR ? last : undefined;
      const series: Series = running ?? { createdAt: undefined, count: 0, lastSent: now, rest: AFTER_FAILURE };
      series.count += 1;
      if (running) setLatest(remembered, key, running, REMEMBERED);
      if (running && now - running.lastSent < running.rest) return;
      if (!mayTell(regarding.uid, now, underWay.size < UNDER_WAY)) return;
      series.lastSent = now;
      if (!running) setLatest(remembered, key, series, REMEMBERED);
      send(tell(regarding, event, series));
    },
    async flush() {
      await Promise.all(underWay);
    },
  };
}

/** A user who changes an object again and again causes new events each time: each object has its share. */
function createShares(log: Logger): (uid: string, now: DurationMs, isFree: boolean) => boolean {
  /** By object, in order of its last event: the rest of its share, and when that was computed. */
  const shares = new Map<string, { readonly left: number; readonly at: DurationMs }>();
  let dropped = 0;
  let toldAt = Number.NEGATIVE_INFINITY;

  return (uid, now, isFree) => {
    const { left, at } = shares.get(uid) ?? { left: AT_ONCE, at: now };
    const share = Math.min(AT_ONCE, left + (now - at) / ONE_MORE_EVERY);
    const isAllowed = share >= 1 && isFree;
    setLatest(shares, uid, { left: isAllowed ? share - 1 : share, at: now }, REMEMBERED);
    if (isAllowed) return true;
    dropped += 1;
    if (now - toldAt < TELL_EVERY) return false;
    log.warn('Dropped events: an object, or all of them, had more than can be told', { events: dropped });
    dropped = 0;
    toldAt = now;
    return false;
  };
}

function eventOf(
  regarding: Regarding,
  event: EventNote,
  now: EpochMs,
  { controller, instance }: Pick<EventRecorderOptions, 'controller' | 'instance'>,
) {
  const { type, reason, action, note } = event;
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name: nameOf(regarding, event, now), namespace: namespaceOf(regarding) },
    eventTime: formatMicroTime(now),
    reportingController: controller,
    reportingInstance: instance,
    type,
    reason,
    action,
    note: cutBytes(redact(note), NOTE_BYTES),
    regarding,
  };
}

function noteKeyOf({ uid }: Regarding, { type, reason, note, sameIf = note }: EventNote): string {
  return digest(uid, type, reason, sameIf);
}

/** The API server accepts an Event about a cluster-scoped object only in the namespace `default`. */
function namespaceOf({ namespace }: Regarding): string {
  return namespace ?? 'default';
}

/** A prefix of a valid name may end with a character that must not be last. */
function nameOf(regarding: Regarding, event: EventNote, now: EpochMs): string {
  const name = regarding.name.slice(0, NAME_LENGTH).replace(/[-.]+$/, '');
  return `${name}.${digest(noteKeyOf(regarding, event), String(now)).slice(7, 23)}`;
}

/** The longest beginning of `text` within `most` bytes that cuts no character. */
function cutBytes(text: string, most: number): string {
  return new TextDecoder().decode(Buffer.from(text).subarray(0, most), { stream: true });
}
