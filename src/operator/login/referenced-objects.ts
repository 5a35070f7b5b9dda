// Objects that CRs refer to, read when needed and not watched: one read serves all CRs for five minutes.
//
// Guarantees: no attempt waits for a read; the operator wakes the CR when the read ends. A few reads run at once,
// namespaces in turn. An answer is not kept once no CR refers to it.

import { type ObjectKey, objectKey, type ResourceDescriptor } from '../../api/meta.ts';
import type { KubeReader } from '../../kube/client.ts';
import { createFairSemaphore, type Load } from '../../lib/fair-semaphore.ts';
import type { JsonRecord } from '../../lib/json.ts';
import { type Clock, type DurationMs, MINUTE } from '../../lib/time.ts';
import { createUsers } from '../../lib/users.ts';

export type ReferenceRead<Part> =
  | {
      readonly ok: true;
      /** Undefined: there is no such object. */
      readonly part: Part | undefined;
      /** How long this answer is still good. */
      readonly fresh: DurationMs;
    }
  /** The read failed: it is tried again after `fresh`. */
  | { readonly ok: false; readonly thrown: unknown; readonly fresh: DurationMs };

/** What a CR needs of an object. */
export interface Reference<Part> {
  readonly resource: ResourceDescriptor;
  readonly namespace: string;
  readonly name: string;
  /** Names the part: two reads of one object with the same `about` need the same part. */
  readonly about: string;
  /** The part to keep: the object may be large, and the rest of it is not the operator's concern. */
  readonly pick: (object: JsonRecord) => Part;
}

export interface SharedReads {
  /**
   * @param user  the object to wake when the answer comes; it has one question at a time, and the answer to its former
   *              one may be dropped
   * @returns undefined: the read is under way, or waits for its turn
   */
  read<Part>(question: Reference<Part>, user: string): ReferenceRead<Part> | undefined;
  /** It changed: the next use reads it again. */
  forget(resource: ResourceDescriptor, key: ObjectKey): void;
  /** `user` refers to nothing any more. */
  leave(user: string): void;
  /** Number of objects kept. */
  readonly size: number;
  readonly load: Load;
}

export interface SharedReadsOptions {
  readonly client: Pick<KubeReader, 'find'>;
  readonly clock: Clock;
  /** @returns false: there is no such user */
  readonly wake: (user: string) => boolean;
  readonly signal: AbortSignal;
}

/** The operator reads an unwatched object again after this time (docs/design/rules.md, rule 8). */
const FRESH_FOR = (5 * MINUTE) as DurationMs;
/** A failed read is tried again after this: most often the API server does not answer. */
const FAILED_FOR = (MINUTE / 6) as DurationMs;
/** A user's Secret may have a megabyte, held several times until `pick` has taken its part. */
const AT_ONCE = 2;

interface Entry {
  /** Users to wake; undefined: they have been woken. */
  waiting: Set<string> | undefined;
  outcome: { readonly ok: true; readonly part: unknown } | { readonly ok: false; readonly thrown: unknown } | undefined;
  /** On the monotonic clock. */
  staleAt: number;
}

export function createSharedReads({ client, clock, wake, signal }: SharedReadsOptions): SharedReads {
  /** By object, then by `about`. */
  const entries = new Map<string, Map<string, Entry>>();
  // A tenant with hundreds of references never takes both permits.
  const bounds = { atOnce: AT_ONCE, perPlace: AT_ONCE, perGroup: 1 };
  const permits = createFairSemaphore({ clock, bounds, wake });
  const users = createUsers<string>((name) => {
    const [object = '', about = ''] = JSON.parse(name) as string[];
    const parts = entries.get(object);
    parts?.delete(about);
    if (parts?.size === 0) entries.delete(object);
  });
  const objectOf = ({ plural }: ResourceDescriptor, key: ObjectKey): string => `${plural}/${key}`;

  const fill = async (entry: Entry, { resource, namespace, name, pick }: Reference<unknown>): Promise<void> => {
    try {
      const object = await client.find(resource, namespace, name, signal);
      entry.outcome = { ok: true, part: object && pick(object) };
    } catch (thrown) {
      entry.outcome = { ok: false, thrown };
      entry.staleAt = clock.monotonic() + FAILED_FOR;
    }
    const waiting = entry.waiting ?? [];
    entry.waiting = undefined;
    for (const user of waiting) wake(user);
  };

  return {
    read<Part>(question: Reference<Part>, user: string) {
      const { resource, namespace, name, about } = question;
      const object = objectOf(resource, objectKey(namespace, name));
      users.keep(user, [JSON.stringify([object, about])]);
      const held = entries.get(object)?.get(about);
      if (held?.waiting) {
        held.waiting.add(user);
        return undefined;
      }
      // The result of `pick` for the same `about`.
      if (held?.outcome && held.staleAt > clock.monotonic())
        return { ...(held.outcome as ReferenceRead<Part>), fresh: (held.staleAt - clock.monotonic()) as DurationMs };
      const permit = permits.tryAcquire('', namespace);
      if (!permit) {
        permits.wait('', namespace, user);
        return undefined;
      }
      const entry: Entry = {
        waiting: new Set([user]),
        outcome: undefined,
        staleAt: clock.monotonic() + FRESH_FOR,
      };
      const parts = entries.get(object) ?? new Map<string, Entry>();
      entries.set(object, parts.set(about, entry));
      void fill(entry, question).finally(permit.giveBack);
      return undefined;
    },
    // A read under way began before the change: its users are woken, and read again.
    forget: (resource, key) => void entries.delete(objectOf(resource, key)),
    leave: (user) => users.keep(user, []),
    get size() {
      return entries.size;
    },
    load: permits,
  };
}
