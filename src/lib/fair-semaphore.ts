// A semaphore for calls that may hang: bounded in all, per place and per group; groups take turns.
//
// Guarantees: no call waits here; a caller without a permit is woken when asking again is worth it. One group, or one
// place that does not answer, never holds all the permits. A slow call leaves the other permits and counts to separate
// bounds. When even those are full, the longest slow call is cut for a group that has next to nothing.

import { type Clock, type DurationMs, SECOND } from './time.ts';

/** How many permits exist. Each number bounds what is held at once, and is more than 0. */
export interface Bounds {
  readonly atOnce: number;
  /** Of those, at one place. */
  readonly perPlace: number;
  /** Held by one group, slow ones included. */
  readonly perGroup: number;
  /** Permits held for over a second, beside those. Undefined: slow ones stay among the others. */
  readonly slow?: {
    readonly inAll: number;
    /** Held by one group at one place, once one of them is slow. */
    readonly perPlaceOfGroup: number;
    /** A permit held for longer may be cut for a group that has less. */
    readonly cutAfter: DurationMs;
  };
}

/** Permits in use, for metrics. */
export interface Load {
  /** All permits in use, slow ones included. */
  readonly inUse: number;
  readonly slow: number;
  /** Waiters for a permit. */
  readonly waiting: number;
}

export interface Permit {
  /** Gives the permit back; to be called once. */
  readonly giveBack: () => void;
  /** Aborts when another group needs the permit: the holder must give up its call. */
  readonly cut: AbortSignal;
}

export interface FairSemaphore extends Load {
  /**
   * @param place  the callee, such as a host: one that hangs does not keep others from being called
   * @param group  on whose behalf, such as a namespace
   * @returns undefined when no permit is free
   */
  tryAcquire(place: string, group: string): Permit | undefined;
  /** Wakes `waiter`, once, when a permit may be free for it. */
  wait(place: string, group: string, waiter: string): void;
  /**
   * `waiter` waits here no longer: it has a permit, or an answer without one. If it has been woken for one, the next
   * waiter is woken instead.
   */
  leave(place: string, group: string, waiter: string): void;
}

export interface FairSemaphoreOptions {
  readonly clock: Clock;
  readonly bounds: Bounds;
  /** @returns false when the waiter is gone, so that another one is woken */
  readonly wake: (waiter: string) => boolean;
}

interface Held {
  readonly place: string;
  readonly group: string;
  readonly since: DurationMs;
  isSlow: boolean;
  readonly cut: AbortController;
}

/** A permit held for longer is slow. */
const SLOW_AFTER = SECOND;
/** While there are waiters, how often to look for a permit that a woken waiter did not take. */
const LOOK_AGAIN = (SECOND / 4) as DurationMs;
/** What a group without slow permits may hold while those of other groups fill their bound. */
const WHILE_FULL = 2;

export function createFairSemaphore({ clock, bounds, wake }: FairSemaphoreOptions): FairSemaphore {
  const permits = createPermits(clock, bounds);
  const line = createLine(wake);
  const turns = createTurns();
  let isLooking = false;

  /**
   * While other groups wait, a group with a permit gets more only in turn: an object with forty regions would take all.
   */
  const mustWait = (group: string): boolean =>
    line.hasOthers(group) && !turns.has(group) && permits.quick((one) => one.group === group) > 0;

  const lookAgain = (): void => {
    if (isLooking || line.size() === 0) return;
    isLooking = true;
    clock.after(LOOK_AGAIN, () => {
      isLooking = false;
      // A woken waiter that did not ask does not want a permit.
      turns.clear();
      permits.moveAside();
      wakeNext();
      for (const group of line.groups()) if (!permits.mayBeginAny(group)) permits.cutFor(group);
      lookAgain();
    });
  };

  /** Wakes as many waiters as there may be permits for, one group after the other. */
  const wakeNext = (): void => {
    let free = bounds.atOnce - permits.quick() - turns.size();
    for (const group of Array.from(line.groups())) {
      if (free <= 0) return;
      const turn = permits.mayBeginAny(group) ? line.wakeOne(group, permits.mayBeginAt) : undefined;
      if (turn === undefined) continue;
      turns.begin(group, turn);
      free -= 1;
    }
  };

  return {
    tryAcquire(place, group) {
      permits.moveAside();
      if (mustWait(group) || !permits.mayBeginAny(group) || !permits.mayBeginAt(place, group)) return undefined;
      turns.end(group);
      return permits.take(place, group, wakeNext);
    },
    wait(place, group, waiter) {
      line.add(place, group, waiter);
      lookAgain();
      // It was its turn, and its group has all that it may have: another group may use the permit.
      if (turns.end(group, turnOf(place, waiter))) wakeNext();
    },
    leave(place, group, waiter) {
      line.remove(place, group, waiter);
      if (turns.end(group, turnOf(place, waiter))) wakeNext();
    },
    get inUse() {
      return permits.inUse();
    },
    get slow() {
      return permits.slow();
    },
    get waiting() {
      return line.size();
    },
  };
}

/** The permits in use, and what the bounds leave. */
function createPermits(clock: Clock, bounds: Bounds) {
  /** In the order in which they were taken; as many as the bounds allow, some tens. */
  const held = new Set<Held>();
  const count = (isCounted: (one: Held) => boolean): number => {
    let counted = 0;
    for (const one of held) if (isCounted(one)) counted += 1;
    return counted;
  };
  const slow = (): number => count((one) => one.isSlow);
  const quick = (isCounted: (one: Held) => boolean = () => true): number =>
    count((one) => !one.isSlow && isCounted(one));
  const ageOf = ({ since }: Held): number => clock.monotonic() - since;

  /** Permits held for over a second leave the bounds of the others, as far as the bound of slow ones allows. */
  const moveAside = (): void => {
    if (!bounds.slow) return;
    let room = bounds.slow.inAll - slow();
    for (const one of held) {
      if (room <= 0 || ageOf(one) < SLOW_AFTER) return;
      if (one.isSlow) continue;
      one.isSlow = true;
      room -= 1;
    }
  };

  return {
    /** Whether a group may get a permit at any place. */
    mayBeginAny(group: string): boolean {
      const own = count((one) => one.group === group);
      if (quick() >= bounds.atOnce || own >= bounds.perGroup) return false;
      if (!bounds.slow) return true;
      const suspects = new Set(Array.from(held, (one) => (one.isSlow ? one.group : undefined)));
      // Half of the permits are kept for groups without slow ones.
      if (suspects.has(group)) return quick((one) => suspects.has(one.group)) < bounds.atOnce / 2;
      return slow() < bounds.slow.inAll || own < WHILE_FULL;
    },
    mayBeginAt: (place: string, group: string): boolean => {
      if (quick((one) => one.place === place) >= bounds.perPlace) return false;
      const here = Array.from(held).filter((one) => one.place === place && one.group === group);
      return !bounds.slow || !here.some(({ isSlow }) => isSlow) || here.length < bounds.slow.perPlaceOfGroup;
    },
    take(place: string, group: string, onBack: () => void): Permit {
      const one: Held = { place, group, since: clock.monotonic(), isSlow: false, cut: new AbortController() };
      held.add(one);
      const giveBack = (): void => {
        held.delete(one);
        moveAside();
        onBack();
      };
      return { cut: one.cut.signal, giveBack };
    },
    moveAside,
    /** For a group that has next to nothing, cuts the oldest permit of the group that has most. */
    cutFor(group: string): void {
      if (!bounds.slow || count((one) => one.group === group) >= WHILE_FULL) return;
      const byGroup = Map.groupBy(held, (one) => one.group);
      const [most] = [...byGroup.values()].sort((one, other) => other.length - one.length);
      const oldest = most && most.length > WHILE_FULL ? most.find(({ cut }) => !cut.signal.aborted) : undefined;
      if (oldest && ageOf(oldest) >= bounds.slow.cutAfter) oldest.cut.abort();
    },
    inUse: (): number => held.size,
    slow,
    quick,
  };
}

/** The woken waiters, each at its place, that have not asked there yet. */
function createTurns() {
  const byGroup = new Map<string, Set<string>>();
  return {
    has: (group: string): boolean => byGroup.has(group),
    begin: (group: string, turn: string): void => void byGroup.set(group, (byGroup.get(group) ?? new Set()).add(turn)),
    /** @returns false when the group has none, or not this one */
    end(group: string, turn = byGroup.get(group)?.values().next().value): boolean {
      const woken = byGroup.get(group);
      if (turn === undefined || !woken?.delete(turn)) return false;
      if (woken.size === 0) byGroup.delete(group);
      return true;
    },
    clear: (): void => byGroup.clear(),
    size: (): number => [...byGroup.values()].reduce((sum, woken) => sum + woken.size, 0),
  };
}

function turnOf(place: string, waiter: string): string {
  return `${place}\n${waiter}`;
}

/** Those who wait for a permit, each once. */
function createLine(wake: FairSemaphoreOptions['wake']) {
  /** By group, in order of their turns; then by place. */
  const waiting = new Map<string, Map<string, Set<string>>>();
  let size = 0;
  const remove = (place: string, group: string, waiter: string): void => {
    const places = waiting.get(group);
    const names = places?.get(place);
    if (!names?.delete(waiter)) return;
    size -= 1;
    if (names.size === 0) places?.delete(place);
    if (places?.size === 0) waiting.delete(group);
  };

  return {
    add(place: string, group: string, waiter: string): void {
      const places = waiting.get(group) ?? new Map<string, Set<string>>();
      const names = places.get(place) ?? new Set<string>();
      if (!names.has(waiter)) size += 1;
      waiting.set(group, places.set(place, names.add(waiter)));
    },
    remove,
    /** @returns undefined when no waiter of the group wants a permit at a place where it may begin */
    wakeOne(group: string, mayBeginAt: (place: string, group: string) => boolean): string | undefined {
      const places = waiting.get(group) ?? new Map<string, Set<string>>();
      for (const [place, names] of places) {
        if (!mayBeginAt(place, group)) continue;
        for (const waiter of names) {
          remove(place, group, waiter);
          if (!wake(waiter)) continue;
          // The group's next waiter comes after those of all other groups.
          if (waiting.delete(group)) waiting.set(group, places);
          return turnOf(place, waiter);
        }
      }
      return undefined;
    },
    /** In order of their turns. */
    groups: (): Iterable<string> => waiting.keys(),
    /** Whether another group waits. */
    hasOthers: (group: string): boolean => waiting.size > (waiting.has(group) ? 1 : 0),
    size: (): number => size,
  };
}
