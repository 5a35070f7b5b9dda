// What there is of one object's logins: held, failed, or on their way. Nobody waits here.

import type { ObjectKey } from '../../api/meta.ts';
import type { Login } from '../../core/login.ts';
import { withExtraHosts } from '../../core/registries.ts';
import { forcedBy, type PullSecretObject, type Wish } from '../../core/resource.ts';
import { type Clock, type DurationMs, type EpochMs, MINUTE, plus } from '../../lib/time.ts';
import type { CredentialResolver } from './credentials.ts';
import type { LoginBook, Logins } from './login-book.ts';

/** By registry: its login has to end after this. */
export type Ends = ReadonlyMap<string, EpochMs>;

/** Nothing that is held has been overtaken. */
export const ANY: Ends = new Map();

/** What could be had of the logins. */
export interface LoginsToWrite extends Logins {
  /** As they are written: with the further hosts that they open. */
  readonly widened: readonly Login[];
}

export interface LoginResult extends LoginsToWrite {
  readonly lookAgainAt: EpochMs | undefined;
  /** Something about the keys that their user should know, though they are good. */
  readonly remark: string | undefined;
  /** What is on its way: registries, or all of them while what the object refers to is read. The object is woken when it is there. */
  readonly pending: readonly string[];
  /** For how long something has been on its way; undefined: nothing is, or for so long that it is among the failures. */
  readonly pendingFor: DurationMs | undefined;
}

export interface ObjectLogins {
  /** What has to be asked, or read, is on its way afterwards. */
  get(key: ObjectKey, object: PullSecretObject, wish: Wish, after: Ends, signal: AbortSignal): LoginResult;
  /** There is no object with this key any more, or nothing of it is on its way. */
  forget(key: ObjectKey): void;
}

/** A login that is on its way for longer, most likely because it waits for its turn at AWS, is told like one that failed. */
export const LOGIN_PATIENCE = MINUTE;

export function createObjectLogins(credentials: CredentialResolver, logins: LoginBook, clock: Clock): ObjectLogins {
  /** Since when something that an object needs has been on its way, on the monotonic clock. */
  const awaited = new Map<ObjectKey, DurationMs>();

  const ask = (object: PullSecretObject, wish: Wish, after: Ends, signal: AbortSignal): LoginResult => {
    const { uid, namespace, name } = object;
    const resolved = credentials.resolve(object, wish.access);
    if (!resolved?.ok) {
      const { message = '', denied = false, lookAgainAt, cause } = resolved ?? {};
      const names = wish.registries.map(({ registry }) => registry);
      const failures =
        lookAgainAt === undefined
          ? []
          : names.map((registry) => ({ registry, message, denied, retryAt: lookAgainAt, cause }));
      const { held, inputs } = logins.held(uid, wish.registries);
      const widened = withExtraHosts(held, wish.extra);
      const rest = { waiting: ANY, isFresh: false, remark: undefined, pendingFor: undefined };
      return { held, inputs, widened, failures, lookAgainAt, pending: resolved ? [] : names, ...rest };
    }
    const asked = forcedBy(object);
    const { keys, identity, lookAgainAt, remark } = resolved;
    // An object of the cluster kind is a group of its own.
    const group = namespace ?? `/${name}`;
    const request = { uid, group, wanted: wish, endpoints: wish.access, keys, identity, asked, after };
    const obtained = logins.obtain(request, signal);
    const widened = withExtraHosts(obtained.held, wish.extra);
    return { ...obtained, widened, lookAgainAt, remark, pendingFor: undefined };
  };

  /** What has not been answered, nor refused, for so long that it has to be told. */
  const overdue = (pending: readonly string[]): LoginResult['failures'] =>
    pending.map((registry) => ({
      registry,
      message: 'no answer for a minute: too much of this namespace waits for AWS, or for the API server, already',
      denied: false,
      retryAt: plus(clock.now(), LOGIN_PATIENCE),
      cause: undefined,
    }));

  return {
    get(key, object, wish, after, signal) {
      const obtained = ask(object, wish, after, signal);
      if (obtained.pending.length === 0) {
        awaited.delete(key);
        return obtained;
      }
      const since = awaited.get(key) ?? clock.monotonic();
      awaited.set(key, since);
      const pendingFor = (clock.monotonic() - since) as DurationMs;
      if (pendingFor < LOGIN_PATIENCE) return { ...obtained, pendingFor };
      return { ...obtained, failures: [...obtained.failures, ...overdue(obtained.pending)] };
    },
    forget: (key) => void awaited.delete(key),
  };
}
