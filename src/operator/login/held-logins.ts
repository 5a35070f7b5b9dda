// The logins that each object holds, and those that a Secret gave back, whether this process had put them there or not.
//
// Guarantees: a login out of a Secret serves only the object whose status proves it; nothing is kept of an object that
// is gone.

import { readDockerConfig } from '../../core/docker-config.ts';
import { isLater, isUsable, type Login, latestStart, onBothClocks } from '../../core/login.ts';
import type { Registry } from '../../core/registries.ts';
import type { PullSecretObject } from '../../core/resource.ts';
import type { LoginFailure } from '../../core/status.ts';
import { proveLogin } from '../../core/stored-login.ts';
import { digest } from '../../lib/digest.ts';
import type { Pacer } from '../../lib/pacer.ts';
import { type Clock, type DurationMs, type EpochMs, plus, read } from '../../lib/time.ts';

export interface LoginProblem extends LoginFailure {
  readonly retryAt: EpochMs;
  /** The caught exception, for the log only; undefined when there was none. */
  readonly cause: unknown;
}

export interface Held {
  readonly login: Login;
  readonly inputs: string;
  /** When its due renewal may begin, on the monotonic clock. */
  readonly startAt?: DurationMs;
  /** Why its renewal failed when it was last tried; undefined when it was not, or has succeeded. */
  readonly problem?: LoginProblem;
  /** Digests of the logins held before, the last ones only. */
  readonly former?: readonly string[];
}

/** What an object holds for some registries. */
export interface LoginsHeld {
  /** By registry, sorted; ended ones too. */
  readonly held: readonly Login[];
  /** Digest of what `held` was obtained with. */
  readonly inputs: string;
}

export interface HeldLogins {
  get(uid: string, registry: string): Held | undefined;
  put(uid: string, held: Held): void;
  /** What the object holds for these registries, without any request. */
  held(uid: string, registries: readonly Registry[]): LoginsHeld;
  /**
   * When the renewal of a login that is due may begin: one after the other; an ended login, or another identity's, does
   * not wait.
   */
  startOf(uid: string, mine: Held): EpochMs;
  /** Whether the object held a login with this digest and replaced it. */
  wasHeld(uid: string, registry: string, digest: string): boolean;
  /**
   * For a Secret whose label names `object`: takes the logins in it that the object's status proves.
   *
   * @param content  base64 of `.dockerconfigjson`
   * @param inputs   annotation with the digest of the inputs of that content
   */
  restore(object: PullSecretObject, content: string, inputs: string): void;
  forget(uid: string): void;
}

export interface HeldLoginsParts {
  readonly pacer: Pacer;
  readonly clock: Clock;
  /** Whether there is an object with this uid. */
  readonly isThere: (uid: string) => boolean;
}

/** One login replaces another every few hours, or when a key changes; a status is never that far behind. */
const MOST_FORMER = 4;

export function createHeldLogins({ pacer, clock, isThere }: HeldLoginsParts): HeldLogins {
  const byUid = new Map<string, Map<string, Held>>();
  const passwords = createPasswords();

  const put = (uid: string, held: Held): void => {
    if (!isThere(uid)) return;
    const logins = byUid.get(uid) ?? new Map<string, Held>();
    const before = logins.get(held.login.registry);
    const isOther = before !== undefined && before.login.digest !== held.login.digest;
    const former = [...(before?.former ?? []), ...(isOther ? [before.login.digest] : [])].slice(-MOST_FORMER);
    passwords.take(held.login);
    if (before) passwords.giveBack(before.login);
    byUid.set(uid, logins.set(held.login.registry, { ...held, former }));
  };

  return {
    get: (uid, registry) => byUid.get(uid)?.get(registry),
    put,
    held(uid, registries) {
      const mine = byUid.get(uid);
      const found = registries.flatMap(({ registry }) => mine?.get(registry) ?? []);
      const inputs = [...new Set(found.map((one) => one.inputs))].sort();
      return {
        held: found.map(({ login }) => login),
        inputs: inputs.length === 1 ? (inputs[0] ?? '') : digest(...inputs),
      };
    },
    startOf(uid, mine) {
      const { now, monotonic } = read(clock);
      if (!isUsable(mine.login, now)) return now;
      const startAt =
        mine.startAt ?? ((monotonic + pacer.next(latestStart(now, mine.login.expiresAt)) - now) as DurationMs);
      put(uid, { ...mine, startAt });
      return plus(now, (startAt - monotonic) as DurationMs);
    },
    restore(object, content, inputs) {
      const mine = byUid.get(object.uid);
      const wanted = (object.status.logins ?? []).filter(
        ({ registry, digest }) => mine?.get(registry)?.login.digest !== digest,
      );
      if (wanted.length === 0) return;
      const entries = readDockerConfig(content);
      for (const status of wanted) {
        const proved = proveLogin(status, entries);
        const older = mine?.get(status.registry)?.login;
        if (!proved || (older && !isLater(proved, older))) continue;
        const login = { ...proved, password: passwords.sameAs(proved) };
        put(object.uid, { login: onBothClocks(login, read(clock)), inputs });
      }
    },
    wasHeld: (uid, registry, former) => byUid.get(uid)?.get(registry)?.former?.includes(former) ?? false,
    forget(uid) {
      for (const { login } of byUid.get(uid)?.values() ?? []) passwords.giveBack(login);
      byUid.delete(uid);
    },
  };
}

interface Passwords {
  /** The text that is held for the same password already, or this one. */
  sameAs(login: Login): string;
  take(login: Login): void;
  giveBack(login: Login): void;
}

/**
 * Objects with the same AWS key hold the same token in their Secrets: one copy of its text, some kilobytes, is enough,
 * also in a replica that only watches what another one fetched.
 */
function createPasswords(): Passwords {
  const taken = new Map<string, { readonly password: string; count: number }>();
  return {
    sameAs: ({ digest, password }) => taken.get(digest)?.password ?? password,
    take({ digest, password }) {
      const entry = taken.get(digest);
      if (entry) entry.count += 1;
      else taken.set(digest, { password, count: 1 });
    },
    giveBack({ digest }) {
      const entry = taken.get(digest);
      if (!entry) return;
      entry.count -= 1;
      if (entry.count === 0) taken.delete(digest);
    },
  };
}
