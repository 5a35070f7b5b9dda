// Which objects of each namespace are kept whole, as they come and go. Administrators own the cluster kind, which has
// no bound.

import type { ObjectKey } from '../../api/meta.ts';
import { isServed, keptBytes, mayKeep, quotaMessage, reducedForm, type Share, shareOf } from '../../core/quota.ts';
import { keyOf, type PullSecretObject } from '../../core/resource.ts';

export interface ObjectQuota {
  /**
   * The object as it is to be kept: whole, or reduced when the quota has no space for all of it, also after it has
   * grown.
   */
  reserve(object: PullSecretObject): PullSecretObject;
  /** Whether the quota of a waiting object's namespace has space. */
  hasRoom(object: PullSecretObject): boolean;
  /** Why an object waits. */
  reason(object: PullSecretObject): string;
  /** Notes that an object waits. */
  waits(object: PullSecretObject): void;
  /** @returns the key of the object that has waited longest for the quota that this object frees, if there is one */
  leave(object: PullSecretObject): ObjectKey | undefined;
  /** Every served object is known: the others may use what is left. */
  open(): void;
}

interface Kept {
  /** Bytes of each object, by uid: of those that are kept whole, and of those that are served. */
  readonly sizes: Map<string, number>;
  readonly waiting: Set<ObjectKey>;
  bytes: number;
}

/** @param objects  of one namespace, more than 0 */
export function createObjectQuota(objects: number): ObjectQuota {
  const most = shareOf(objects);
  const kept = new Map<string, Kept>();
  let isOpen = false;

  const keptIn = ({ namespace = '' }: PullSecretObject): Kept => {
    const mine = kept.get(namespace) ?? { sizes: new Map(), waiting: new Set(), bytes: 0 };
    kept.set(namespace, mine);
    return mine;
  };
  const usedBy = ({ sizes, bytes }: Kept): Share => ({ objects: sizes.size, bytes });
  /** Until all served objects have been seen the others get no quota: after each restart they would add up. */
  const full: Share = { objects: 0, bytes: 0 };

  return {
    reserve(object) {
      if (object.namespace === undefined) return object;
      const mine = keptIn(object);
      const before = mine.sizes.get(object.uid);
      const others = { objects: mine.sizes.size - (before === undefined ? 0 : 1), bytes: mine.bytes - (before ?? 0) };
      const isWhole = mayKeep(object, others, isOpen || isServed(object) ? most : full);
      const kept = isWhole ? object : reducedForm(object);
      mine.bytes = others.bytes;
      if (!isWhole && !isServed(object)) {
        mine.sizes.delete(object.uid);
        return kept;
      }
      const size = keptBytes(kept);
      mine.sizes.set(object.uid, size);
      mine.bytes += size;
      mine.waiting.delete(keyOf(object));
      return kept;
    },
    hasRoom(object) {
      const used = usedBy(keptIn(object));
      return isOpen && used.objects < most.objects && used.bytes < most.bytes;
    },
    reason: ({ namespace = '' }) => quotaMessage(namespace, most),
    waits: (object) => void keptIn(object).waiting.add(keyOf(object)),
    leave(object) {
      const mine = keptIn(object);
      mine.bytes -= mine.sizes.get(object.uid) ?? 0;
      const isRoom = mine.sizes.delete(object.uid);
      mine.waiting.delete(keyOf(object));
      if (mine.sizes.size + mine.waiting.size === 0) kept.delete(object.namespace ?? '');
      const [next] = isRoom ? mine.waiting : [];
      if (next !== undefined) mine.waiting.delete(next);
      return next;
    },
    open() {
      isOpen = true;
    },
  };
}
