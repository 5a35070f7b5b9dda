// Objects that CRs refer to, read when they are needed and not watched: one read serves whoever asks within five minutes.

import { type ObjectKey, objectKey, type ResourceDescriptor } from '../api/meta.ts';
import type { KubeClient } from '../kube/client.ts';
import type { JsonRecord } from '../lib/json.ts';
import { type Clock, type DurationMs, MINUTE } from '../lib/time.ts';

export interface Read {
  /** Undefined: there is no such object. */
  readonly object: JsonRecord | undefined;
  /** How long this read is still good for. */
  readonly fresh: DurationMs;
}

export interface SharedReads {
  /** @throws Failure when it could not be read; that serves nobody else */
  read(resource: ResourceDescriptor, namespace: string, name: string, signal: AbortSignal): Promise<Read>;
  /** It changed: it is read again at the next need. */
  forget(resource: ResourceDescriptor, key: ObjectKey): void;
}

/** What is not watched is read again after this time (docs/rules.md, rule 8). */
const FRESH_FOR = (5 * MINUTE) as DurationMs;

/** Beyond this all are read anew: names come and go, and must not add up. */
const MOST_HELD = 10_000;

interface Held {
  readonly object: JsonRecord | undefined;
  /** On the clock that never goes back. */
  readonly staleAt: number;
}

export function createSharedReads(client: KubeClient, clock: Clock): SharedReads {
  const reads = new Map<string, Promise<Held>>();
  const keyOf = ({ plural }: ResourceDescriptor, key: ObjectKey): string => `${plural}/${key}`;

  const begin = async (
    resource: ResourceDescriptor,
    namespace: string,
    name: string,
    signal: AbortSignal,
  ): Promise<Held> => {
    const staleAt = clock.monotonic() + FRESH_FOR;
    return { object: await client.find(resource, namespace, name, signal), staleAt };
  };

  return {
    async read(resource, namespace, name, signal) {
      const key = keyOf(resource, objectKey(namespace, name));
      const held = await reads.get(key)?.catch(() => undefined);
      if (held && held.staleAt > clock.monotonic()) return readOf(held, clock);
      if (reads.size >= MOST_HELD) reads.clear();
      const started = begin(resource, namespace, name, signal);
      reads.set(key, started);
      started.catch(() => reads.delete(key));
      return readOf(await started, clock);
    },
    forget: (resource, key) => void reads.delete(keyOf(resource, key)),
  };
}

function readOf({ object, staleAt }: Held, clock: Clock): Read {
  return { object, fresh: Math.max(0, staleAt - clock.monotonic()) as DurationMs };
}
