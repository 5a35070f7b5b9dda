// What objects refer to, read when needed and not watched: one read serves all objects for five minutes. What does not
// exist is looked for again soon: a user who applies an object often creates its Secret next.
//
// Guarantees: no attempt waits for a read; the operator wakes the object when the read ends. A few reads run at once,
// namespaces in turn. An answer is not kept once no object refers to it.

import { type ObjectKey, objectKey, type ResourceDescriptor } from '../../api/meta.ts';
import type { KubeReader } from '../../kube/client.ts';
import { createFairSemaphore, type Load } from '../../lib/fair-semaphore.ts';
import type { JsonRecord } from '../../lib/json.ts';
import { type Clock, type DurationMs, MINUTE, seconds } from '../../lib/time.ts';
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

/** What an object needs of one that it refers to. */
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
   * A user that is new, asks something else or has another mark gets an answer that is not older than that.
   *
   * @param user  the object to wake when the answer comes; it has one question at a time, and the answer to its former
   *              one may be dropped
   * @param mark  by which the user requests a fresh look
   * @returns undefined: the read is under way, or waits for its turn
   */
  read<Part>(question: Reference<Part>, user: string, mark: string | undefined): ReferenceRead<Part> | undefined;
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
/**
 * Seconds after which one that does not exist is read again, then as any other: a user creates what was forgotten
 * within minutes, or not soon.
 */
const MISSING_FOR = [5, 15, 45] as const;
/**
 * When what does not exist is looked for again, for users. Without an instant: each look would change the status of
 * each object that waits, and each restart would begin anew.
 */
export const LOOKS_AGAIN = `the operator looks again after ${MISSING_FOR.slice(0, -1).join(', ')} and ${MISSING_FOR.at(-1)} seconds, and then every five minutes`;
/** A user's Secret may have a megabyte, held several times until `pick` has taken its part. */
const AT_ONCE = 2;

interface Entry {
  /** Users to wake; undefined: they have been woken. */
  asleep: Set<string> | undefined;
  outcome: { readonly ok: true; readonly part: unknown } | { readonly ok: false; readonly thrown: unknown } | undefined;
  /** On the monotonic clock, as the next. */
  readonly begunAt: number;
  staleAt: number;
  /** Reads in a row that found nothing, this one included. */
  misses: number;
}

/** What a user wants to know, and since when. */
interface Asked {
  readonly about: string;
  readonly mark: string | undefined;
  /** On the monotonic clock. */
  readonly at: number;
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
  const asks = createAsks(clock);

  const fill = async (entry: Entry, question: Reference<unknown>): Promise<void> => {
    await answer(entry, question, client, clock, signal);
    const asleep = entry.asleep ?? [];
    entry.asleep = undefined;
    for (const user of asleep) wake(user);
  };

  const begin = (question: Reference<unknown>, user: string, misses: number): void => {
    const { resource, namespace, name, about } = question;
    const permit = permits.tryAcquire('', namespace);
    if (!permit) return permits.wait('', namespace, user);
    permits.leave('', namespace, user);
    const object = objectOf(resource, objectKey(namespace, name));
    const entry = newEntry(user, misses, clock);
    entries.set(object, (entries.get(object) ?? new Map<string, Entry>()).set(about, entry));
    void fill(entry, question).finally(permit.giveBack);
  };
  const isGood = ({ outcome, staleAt, begunAt }: Entry, since: number): boolean =>
    outcome !== undefined && staleAt > clock.monotonic() && since <= begunAt;

  return {
    read<Part>(question: Reference<Part>, user: string, mark: string | undefined) {
      const { resource, namespace, name, about } = question;
      const object = objectOf(resource, objectKey(namespace, name));
      const asked = JSON.stringify([object, about]);
      users.keep(user, [asked]);
      const since = asks.since(user, asked, mark);
      const held = entries.get(object)?.get(about);
      // It may have waited for what another user has asked meanwhile.
      if (held && (held.asleep || isGood(held, since))) permits.leave('', namespace, user);
      // Whoever asks anew is told of the looks from the first on.
      else begin(question, user, held && since <= held.begunAt ? held.misses : 0);
      held?.asleep?.add(user);
      if (!held || !isGood(held, since)) return undefined;
      // The result of `pick` for the same `about`.
      return { ...(held.outcome as ReferenceRead<Part>), fresh: (held.staleAt - clock.monotonic()) as DurationMs };
    },
    // A read under way began before the change: its users are woken, and read again.
    forget: (resource, key) => void entries.delete(objectOf(resource, key)),
    leave(user) {
      asks.leave(user);
      users.keep(user, []);
    },
    get size() {
      return entries.size;
    },
    load: permits,
  };
}

function objectOf({ plural }: ResourceDescriptor, key: ObjectKey): string {
  return `${plural}/${key}`;
}

function newEntry(user: string, misses: number, clock: Clock): Entry {
  const begunAt = clock.monotonic();
  return { asleep: new Set([user]), outcome: undefined, begunAt, staleAt: Number.POSITIVE_INFINITY, misses };
}

/** Reads the object, and puts what comes of it into the entry. */
async function answer(
  entry: Entry,
  { resource, namespace, name, pick }: Reference<unknown>,
  client: SharedReadsOptions['client'],
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  try {
    const object = await client.find(resource, namespace, name, signal);
    const soon = object ? undefined : MISSING_FOR[entry.misses];
    entry.misses = object ? 0 : entry.misses + 1;
    entry.outcome = { ok: true, part: object && pick(object) };
    entry.staleAt = clock.monotonic() + (soon === undefined ? FRESH_FOR : seconds(soon));
  } catch (thrown) {
    entry.outcome = { ok: false, thrown };
    entry.staleAt = clock.monotonic() + FAILED_FOR;
  }
}

interface Asks {
  /** Since when the user wants to know this, on the monotonic clock. */
  since(user: string, about: string, mark: string | undefined): number;
  leave(user: string): void;
}

function createAsks(clock: Clock): Asks {
  const byUser = new Map<string, Asked>();
  return {
    since(user, about, mark) {
      const before = byUser.get(user);
      // The mark goes when it has been handled.
      if (before?.about === about && (mark === undefined || mark === before.mark)) return before.at;
      const at = clock.monotonic();
      byUser.set(user, { about, mark, at });
      return at;
    },
    leave: (user) => void byUser.delete(user),
  };
}
