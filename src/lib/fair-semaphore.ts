// Permits for what may take long and is asked for by many: bounded in all, by place and by group, and taken in turns by group.
//
// Guarantees: nobody waits here, whoever gets no permit is woken when it is worth asking again; one group, or one place that does not answer,
// never holds all the permits; what is slow leaves the others' permits and counts to bounds of its own.

import { type Clock, type DurationMs, SECOND } from './time.ts';

/** How many permits there are. Numbers of what is held at once, each more than 0. */
export interface Bounds {
  readonly atOnce: number;
  /** Of those, at one place. */
  readonly perPlace: number;
  /** Of those, by one group. */
  readonly perGroup: number;
  /** What has been held for over a second, beside those. Undefined: what is slow stays among them. */
  readonly slow?: {
    readonly inAll: number;
    readonly perGroup: number;
    /** By one group at one place. */
    readonly perPlaceOfGroup: number;
  };
}

/** What is under way, for metrics. */
export interface Load {
  /** Permits in use, those of what is slow among them. */
  readonly inUse: number;
  readonly slow: number;
  /** Those who wait for one. */
  readonly waiting: number;
}

export interface FairSemaphore extends Load {
  /**
   * @param place  what is asked, such as a host: one that hangs keeps no other from being asked
   * @param group  on whose behalf, such as a namespace
   * @returns what gives the permit back, to be called once; undefined: there is none now
   */
  tryAcquire(place: string, group: string): (() => void) | undefined;
  /** `waiter` is woken, once, when a permit may be had for it. */
  wait(place: string, group: string, waiter: string): void;
}

export interface FairSemaphoreOptions {
  readonly clock: Clock;
  readonly bounds: Bounds;
  /** @returns false: the waiter is not there any more, and another one may have its turn */
  readonly wake: (waiter: string) => boolean;
}

/** What takes longer is slow. */
const SLOW_AFTER = SECOND;
/** While somebody waits, it is looked this often whether a permit is free that a woken one did not want after all. */
const LOOK_AGAIN = (SECOND / 4) as DurationMs;

export function createFairSemaphore({ clock, bounds, wake }: FairSemaphoreOptions): FairSemaphore {
  const quick = createCounts();
  const slow = createCounts();
  /** By group, in order of their turns; then by place. */
  const waiting = new Map<string, Map<string, Set<string>>>();
  let waiters = 0;
  let isLooking = false;

  const lookAgain = (): void => {
    if (isLooking || waiters === 0) return;
    isLooking = true;
    clock.after(LOOK_AGAIN, () => {
      isLooking = false;
      wakeNext();
      lookAgain();
    });
  };

  const mayBegin = (place: string, group: string): boolean => {
    if (quick.all() >= bounds.atOnce) return false;
    if (quick.at(`place ${place}`) >= bounds.perPlace || quick.at(`group ${group}`) >= bounds.perGroup) return false;
    const own = slow.at(`group ${group}`);
    if (!bounds.slow || own === 0) return true;
    const { inAll, perGroup, perPlaceOfGroup } = bounds.slow;
    return slow.all() < inAll && own < perGroup && slow.at(JSON.stringify([place, group])) < perPlaceOfGroup;
  };

  /** Wakes as many as there may be permits for, a group after the other. */
  const wakeNext = (): void => {
    let free = bounds.atOnce - quick.all();
    for (const [group, places] of Array.from(waiting)) {
      if (free <= 0) return;
      if (!wakeOne(group, places)) continue;
      free -= 1;
      // Its next one comes after those of all other groups.
      if (waiting.delete(group) && places.size > 0) waiting.set(group, places);
    }
  };

  const wakeOne = (group: string, places: Map<string, Set<string>>): boolean => {
    for (const [place, names] of places) {
      if (!mayBegin(place, group)) continue;
      for (const waiter of names) {
        names.delete(waiter);
        waiters -= 1;
        if (names.size === 0) places.delete(place);
        if (places.size === 0) waiting.delete(group);
        if (wake(waiter)) return true;
      }
    }
    return false;
  };

  return {
    tryAcquire(place, group) {
      if (!mayBegin(place, group)) return undefined;
      const names = [`place ${place}`, `group ${group}`, JSON.stringify([place, group])];
      let counts = quick;
      quick.add(names, 1);
      const cancel = clock.after(SLOW_AFTER, () => {
        if (!bounds.slow || slow.all() >= bounds.slow.inAll) return;
        quick.add(names, -1);
        counts = slow;
        slow.add(names, 1);
        wakeNext();
      });
      return () => {
        cancel();
        counts.add(names, -1);
        wakeNext();
      };
    },
    wait(place, group, waiter) {
      const places = waiting.get(group) ?? new Map<string, Set<string>>();
      const names = places.get(place) ?? new Set<string>();
      if (!names.has(waiter)) waiters += 1;
      waiting.set(group, places.set(place, names.add(waiter)));
      lookAgain();
    },
    get inUse() {
      return quick.all() + slow.all();
    },
    get slow() {
      return slow.all();
    },
    get waiting() {
      return waiters;
    },
  };
}

/** Counts by name, and of all. */
function createCounts() {
  const counts = new Map<string, number>();
  let all = 0;
  return {
    all: () => all,
    at: (name: string) => counts.get(name) ?? 0,
    add(names: readonly string[], by: 1 | -1): void {
      all += by;
      for (const name of names) {
        const count = (counts.get(name) ?? 0) + by;
        if (count === 0) counts.delete(name);
        else counts.set(name, count);
      }
    },
  };
}
