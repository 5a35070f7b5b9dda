// Logins and keys of roles in memory: one for each identity and registry, one flight at a time, and a memory for
// refusals.
//
// Guarantees: never two calls for one key at once; a refused key is not retried before its time, however many
// objects want it; unused keys are not kept; keys are digests, so the cache knows no credential.

import { Failure, failureFrom, wordsOfCause } from '../lib/errors.ts';
import type { IdentityKey } from '../lib/identity-key.ts';
import {
  backoff,
  type Clock,
  type DurationMs,
  type EpochMs,
  MINUTE,
  plus,
  type Random,
  SECOND,
  seconds,
} from '../lib/time.ts';
import { createUsers } from '../lib/users.ts';

/** The part of a login that the cache looks at. */
export interface Cached {
  readonly expiresAt: EpochMs;
  readonly renewAt: EpochMs;
}

/** The parts of a refusal that are kept. */
type Words = Pick<Failure, 'next' | 'reason' | 'message'>;

/** A failure to log in, with the time before which a retry is refused. */
export class LoginError extends Failure {
  override readonly name = 'LoginError';
  readonly retryAt: EpochMs;

  constructor({ next, reason, message, cause }: Words & { readonly cause?: unknown }, retryAt: EpochMs) {
    super({ next, reason, message, cause });
    this.retryAt = retryAt;
  }
}

export interface LookupTerms {
  /** Bypasses memory and an earlier refusal, which does not last longer for other callers if this fails too. */
  readonly force?: boolean;
  /** Rejects a login in memory that came before this instant of the monotonic clock. */
  readonly since?: DurationMs | undefined;
  /** Rejects a login in memory that ends at this instant or before. */
  readonly after?: EpochMs | undefined;
}

/** What the cache knows of a login without a call. */
export type CachedToken<Login> =
  | { readonly op: 'held'; readonly login: Login }
  | { readonly op: 'flying'; readonly flight: Promise<Login> }
  | { readonly op: 'refused'; readonly error: LoginError };

export interface TokenCache<Login extends Cached> {
  /** What is held, due or ended as it may be. */
  peek(key: IdentityKey): Login | undefined;
  /** Undefined: it must be fetched. */
  look(key: IdentityKey, terms?: LookupTerms): CachedToken<Login> | undefined;
  /**
   * Fetches a login for a key that has no flight.
   *
   * @returns the flight; it rejects with a LoginError
   */
  begin(key: IdentityKey, fetch: () => Promise<Login>, terms?: LookupTerms): Promise<Login>;
  /**
   * A login whose renewal is not due: from memory, from the flight under way, or by `fetch`.
   *
   * @throws LoginError
   */
  get(key: IdentityKey, fetch: () => Promise<Login>, terms?: LookupTerms): Promise<Login>;
  /**
   * The keys that `user` uses from now on. Logins and refusals of unused keys are dropped, those in use never are:
   * memory grows with the number of objects only.
   */
  keep(user: string, keys: readonly IdentityKey[]): void;
  /** The next `get` fetches, whatever is in memory or was refused. */
  forget(key: IdentityKey): void;
  /** Keys with a login. */
  readonly size: number;
}

/** After a denial: new IAM keys take some seconds to be known everywhere (docs/design/rules.md, rule 7). */
const DENIED_DELAYS: readonly DurationMs[] = [seconds(5), seconds(15), seconds(45)];
const LAST_DELAY = (5 * MINUTE) as DurationMs;
const FIRST_DELAY = SECOND;

interface RefusedCall {
  readonly words: Words & { readonly cause?: unknown };
  readonly attempts: number;
  /** On the monotonic clock: setting the wall clock must not lengthen it. */
  readonly until: DurationMs;
}

/** A login, with the monotonic times of its arrival and its renewal: setting the wall clock changes neither. */
interface Entry<Login> {
  readonly login: Login;
  readonly cameAt: DurationMs;
  readonly dueAt: DurationMs;
}

export function createTokenCache<Login extends Cached>(clock: Clock, random: Random): TokenCache<Login> {
  const logins = new Map<IdentityKey, Entry<Login>>();
  const flights = new Map<IdentityKey, Promise<Login>>();
  const refusals = createRefusals(clock, random);
  const forget = (key: IdentityKey): void => {
    logins.delete(key);
    refusals.delete(key);
  };
  const users = createUsers(forget);

  const fly = async (key: IdentityKey, fetch: () => Promise<Login>, isForced: boolean): Promise<Login> => {
    try {
      const login = await fetch();
      const cameAt = clock.monotonic();
      const dueAt = (cameAt + Math.max(0, login.renewAt - clock.now())) as DurationMs;
      // The user may have dropped the key in the meantime.
      if (users.has(key)) logins.set(key, { login, cameAt, dueAt });
      refusals.delete(key);
      return login;
    } catch (thrown) {
      throw refusals.add(key, failureFrom(thrown), isForced, users.has(key));
    }
  };

  const look: TokenCache<Login>['look'] = (key, terms = {}) => {
    const flight = flights.get(key);
    if (flight) return { op: 'flying', flight };
    if (terms.force) return undefined;
    const held = logins.get(key);
    if (held && isGood(held, terms, clock)) return { op: 'held', login: held.login };
    const error = refusals.standing(key);
    return error && { op: 'refused', error };
  };

  const begin: TokenCache<Login>['begin'] = (key, fetch, { force = false } = {}) => {
    // Afterwards, even if `fetch` throws before it waits: a flight that stayed would be the last one of its key.
    const started = fly(key, fetch, force).finally(() => flights.delete(key));
    flights.set(key, started);
    return started;
  };

  return {
    peek: (key) => logins.get(key)?.login,
    look,
    begin,
    async get(key, fetch, terms) {
      const found = look(key, terms);
      switch (found?.op) {
        case 'held':
          return found.login;
        case 'flying':
          return await found.flight;
        case 'refused':
          throw found.error;
        case undefined:
          return await begin(key, fetch, terms);
      }
    },
    keep: (user, keys) => users.keep(user, keys),
    forget,
    get size() {
      return logins.size;
    },
  };
}

/** Whether its renewal is not due, and the terms do not reject it. */
function isGood(
  entry: Entry<Cached>,
  { since = entry.cameAt, after = 0 as EpochMs }: LookupTerms,
  clock: Clock,
): boolean {
  const { login, cameAt, dueAt } = entry;
  const isDue = login.renewAt <= clock.now() || dueAt <= clock.monotonic();
  return !isDue && login.expiresAt > after && cameAt >= since;
}

function createRefusals(clock: Clock, random: Random) {
  const refusals = new Map<IdentityKey, RefusedCall>();
  return {
    /** @param isUsed  no refusal of an unused key is kept */
    add(key: IdentityKey, failure: Failure, isForced: boolean, isUsed: boolean): LoginError {
      const standing = refusals.get(key);
      const before = standing?.attempts ?? 0;
      // The cache of the underlying credentials refused it: that refusal counts, and has its own retry time.
      const isBelow = failure instanceof LoginError;
      const delay = isBelow ? untilRetry(failure, clock.now()) : delayOf(failure, before, random);
      // A caller that forces calls repeatedly must not make other callers of the same key wait longer.
      const isOthers = isForced && standing !== undefined && standing.until > clock.monotonic();
      const attempts = isBelow || isForced ? before : before + 1;
      const until = isOthers ? standing.until : ((clock.monotonic() + delay) as DurationMs);
      const { next, reason, message, cause } = failure;
      // For later logs: the words of the cause, not what the SDK attaches to its errors, some 40 KB for each key.
      const words = { next, reason, message, cause: wordsOfCause(cause) };
      if (isUsed) refusals.set(key, { words, attempts, until });
      return new LoginError(failure, plus(clock.now(), (until - clock.monotonic()) as DurationMs));
    },
    standing(key: IdentityKey): LoginError | undefined {
      const refusal = refusals.get(key);
      const wait = (refusal?.until ?? 0) - clock.monotonic();
      return refusal && wait > 0 ? new LoginError(refusal.words, plus(clock.now(), wait as DurationMs)) : undefined;
    },
    delete: (key: IdentityKey): boolean => refusals.delete(key),
  };
}

function untilRetry({ retryAt }: LoginError, now: EpochMs): DurationMs {
  return Math.max(0, retryAt - now) as DurationMs;
}

function delayOf(failure: Failure, attempts: number, random: Random): DurationMs {
  switch (failure.next) {
    case 'change':
      return DENIED_DELAYS[attempts] ?? LAST_DELAY;
    case 'after':
      return failure.delay ?? LAST_DELAY;
    case 'backoff':
    case 'stop':
      return backoff(attempts, FIRST_DELAY, LAST_DELAY, random);
  }
}
