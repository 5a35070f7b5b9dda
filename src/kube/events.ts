// Kubernetes Events about our objects: what was done and what is wrong, repeats folded, never in anybody's way.

import { EVENTS } from '../api/meta.ts';
import { digest } from '../lib/digest.ts';
import type { Logger } from '../lib/log.ts';
import { redact } from '../lib/redact.ts';
import { type Clock, type DurationMs, formatMicroTime, HOUR, MINUTE } from '../lib/time.ts';
import type { KubeClient } from './client.ts';

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
  /** What was being done, in one CamelCase word. */
  readonly action: string;
  readonly note: string;
}

export interface EventRecorder {
  /** Returns at once; the request goes out by itself, and a failure of it is only logged. */
  record(regarding: Regarding, event: EventNote): void;
  /** Resolves when nothing is on its way. */
  flush(): Promise<void>;
}

export interface EventRecorderOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** Name of this process, as `reportingInstance`. */
  readonly instance: string;
  readonly controller: string;
  readonly signal: AbortSignal;
}

interface Series {
  /** Name of the Event; undefined while it is being created. */
  name: string | undefined;
  count: number;
  lastSent: DurationMs;
}

/** A repeat within this time is folded into the first one's series; the API server keeps Events for an hour. */
const FOLD_FOR = HOUR;
/** Repeats are counted here and sent at most this often. */
const SEND_SERIES_EVERY = (5 * MINUTE) as DurationMs;
/** Different events remembered; the oldest is forgotten first. */
const REMEMBERED = 2_000;
/** `note` is at most 1 kB (events.k8s.io/v1). */
const NOTE_LENGTH = 1_000;

export function createEventRecorder({
  client,
  clock,
  log,
  instance,
  controller,
  signal,
}: EventRecorderOptions): EventRecorder {
  const remembered = new Map<string, Series>();
  const underWay = new Set<Promise<void>>();

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

  const create = async (
    regarding: Regarding,
    { type, reason, action, note }: EventNote,
    series: Series,
  ): Promise<void> => {
    // An Event about a cluster-scoped object must stand in the namespace `default`.
    const namespace = regarding.namespace ?? 'default';
    const now = clock.now();
    const name = `${regarding.name.slice(0, 200)}.${digest(regarding.uid, reason, note, String(now)).slice(7, 23)}`;
    await client.create(
      EVENTS,
      namespace,
      {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: { name, namespace },
        eventTime: formatMicroTime(now),
        reportingController: controller,
        reportingInstance: instance,
        type,
        reason,
        action,
        note: redact(note).slice(0, NOTE_LENGTH),
        regarding,
      },
      signal,
    );
    series.name = name;
  };

  const repeat = async (regarding: Regarding, series: Series): Promise<void> => {
    if (series.name === undefined) return;
    const body = { series: { count: series.count, lastObservedTime: formatMicroTime(clock.now()) } };
    await client.patch(EVENTS, { namespace: regarding.namespace ?? 'default', name: series.name }, body, signal);
  };

  return {
    record(regarding, event) {
      const key = digest(regarding.uid, event.type, event.reason, event.note);
      const series = remembered.get(key);
      const now = clock.monotonic();
      if (series && now - series.lastSent < FOLD_FOR) {
        series.count += 1;
        if (now - series.lastSent < SEND_SERIES_EVERY) return;
        series.lastSent = now;
        send(repeat(regarding, series));
        return;
      }
      const fresh: Series = { name: undefined, count: 1, lastSent: now };
      remembered.delete(key);
      remembered.set(key, fresh);
      const [oldest] = remembered.keys();
      if (remembered.size > REMEMBERED && oldest !== undefined) remembered.delete(oldest);
      send(create(regarding, event, fresh));
    },
    async flush() {
      await Promise.all(underWay);
    },
  };
}
