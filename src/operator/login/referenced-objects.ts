// Objects that CRs refer to, read when they are needed and not watched: one read serves whoever asks within five minutes.
//
// Guarantees: nobody waits for a read, whoever asks is woken when there is something to know; a few are read at once, in turns by namespace;
// what no CR refers to any more is not kept.

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
      /** How long this read is still good for. */
      readonly fresh: DurationMs;
    }
  /** It could not be read: it is tried again after `fresh`. */
  | { readonly ok: false; readonly thrown: unknown; readonly fresh: DurationMs };

/** What is read of an object. */
export interface Reference<Part> {
  readonly resource: ResourceDescriptor;
  readonly namespace: string;
  readonly name: string;
  /** Names the part: two questions about one object that ask for the same say the same. */
  readonly about: string;
  /** All that is kept of the object, which may be large, and full of what is nobody's business. */
  readonly pick: (object: JsonRecord) => Part;
}

export interface SharedReads {
  /**
   * @param user  who asks: woken when the answer is there; it has one question at a time, and the answer to its former one may be let go
   * @returns undefined: it is being read, or waits for its turn
   */
  read<Part>(question: Reference<Part>, user: string): ReferenceRead<Part> | undefined;
  /** It changed: it is read again at the next need. */
  forget(resource: ResourceDescriptor, key: ObjectKey): void;
  /** `user` refers to nothing any more. */
  leave(user: string): void;
  /** Answers that are kept. */
  readonly size: number;
  readonly load: Load;
}

export interface SharedReadsOptions {
  readonly client: Pick<KubeReader, 'find'>;
  readonly clock: Clock;
  /** @returns false: there is no such user any more */
  readonly wake: (user: string) => boolean;
  readonly signal: AbortSignal;
}

/** What is not watched is read again after this time (docs/design/rules.md, rule 8). */
const FRESH_FOR = (5 * MINUTE) as DurationMs;
/** A read that failed is tried again after this: the API server does not answer, most often. */
const FAILED_FOR = (MINUTE / 6) as DurationMs;
/** A Secret of anybody may have a megabyte, which is held some times until what matters has been picked out of it. */
const AT_ONCE = 2;

interface Entry {
  /** Users to be woken; undefined: they have been. */
  waiting: Set<string> | undefined;
  outcome: { readonly ok: true; readonly part: unknown } | { readonly ok: false; readonly thrown: unknown } | undefined;
  /** On the monotonic clock. */
  staleAt: number;
}

export function createSharedReads({ client, clock, wake, signal }: SharedReadsOptions): SharedReads {
  /** By object, then by what was asked about it. */
  const entries = new Map<string, Map<string, Entry>>();
  // A tenant with hundreds of references never takes both places.
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
      // What `pick` made for the same `about`.
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
    // What is under way was begun before the change: its users are woken, and ask again.
    forget: (resource, key) => void entries.delete(objectOf(resource, key)),
    leave: (user) => users.keep(user, []),
    get size() {
      return entries.size;
    },
    load: permits,
  };
}
