// Which of one object's logins are held, failed or in flight. No attempt waits here.

import type { ObjectKey } from '../../api/meta.ts';
import type { Login } from '../../core/login.ts';
import { withExtraHosts } from '../../core/registries.ts';
import { forcedBy, keyOf, type PullSecretObject, type Wish } from '../../core/resource.ts';
import { type Clock, type DurationMs, type EpochMs, MINUTE, plus } from '../../lib/time.ts';
import type { CredentialResolver } from './credentials.ts';
import type { LoginProblem } from './held-logins.ts';
import type { RefusedIdentity } from './key-source.ts';
import type { LoginBook, LoginRequest, Logins } from './login-book.ts';

/** The logins of one object. */
export interface LoginsToWrite extends Logins {
  /** As they are written: with the further hosts that each opens. */
  readonly widened: readonly Login[];
}

export interface LoginResult extends LoginsToWrite {
  readonly lookAgainAt: EpochMs | undefined;
  /** What the user should know about the keys, though they are good. */
  readonly remark: string | undefined;
  /**
   * What is in flight: registries, or all of them while a referenced object is read. The operator wakes the object
   * afterwards.
   */
  readonly pending: readonly string[];
  /** For how long something has been in flight; undefined: nothing is, or for so long that it is among the failures. */
  readonly pendingFor: DurationMs | undefined;
}

export interface ObjectLogins {
  /** Starts the requests and reads that are needed. */
  get(object: PullSecretObject, wish: Wish, after: LoginRequest['after'], signal: AbortSignal): LoginResult;
  /** The object with this key is gone. */
  forget(key: ObjectKey): void;
}

/** A login in flight for longer, most likely because it waits for its turn at AWS, is reported like a failed one. */
export const LOGIN_PATIENCE = MINUTE;

export function createObjectLogins(credentials: CredentialResolver, logins: LoginBook, clock: Clock): ObjectLogins {
  /** Since when each object has waited for a request or a read, on the monotonic clock. */
  const awaited = new Map<ObjectKey, DurationMs>();

  const ask: ObjectLogins['get'] = (object, wish, after, signal) => {
    const { uid, namespace, name } = object;
    const resolved = credentials.resolve(object, wish.access);
    if (!resolved?.ok) {
      const names = wish.registries.map(({ registry }) => registry);
      const held = logins.held(uid, wish.registries);
      return {
        ...held,
        widened: withExtraHosts(held.held, wish.extra),
        failures: resolved ? names.map((registry) => failureOf(registry, resolved)) : [],
        lookAgainAt: resolved?.lookAgainAt,
        pending: resolved ? [] : names,
        renewalStarts: new Map(),
        fresh: new Set(),
        remark: undefined,
        pendingFor: undefined,
      };
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

  /** Those without an answer or a refusal for so long that the status must say so. */
  const overdue = (pending: readonly string[]): LoginResult['failures'] =>
    pending.map((registry) => ({
      registry,
      message: 'no answer for a minute: too much of this namespace waits for AWS, or for the API server, already',
      needsChange: false,
      retryAt: plus(clock.now(), LOGIN_PATIENCE),
      cause: undefined,
    }));

  return {
    get(object, wish, after, signal) {
      const key = keyOf(object);
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

function failureOf(registry: string, { message, needsChange, lookAgainAt, cause }: RefusedIdentity): LoginProblem {
  return { registry, message, needsChange, retryAt: lookAgainAt, cause };
}
