// Logins in memory: one for each identity and registry, one flight at a time, and a memory for refusals.
//
// Guarantees: never two calls for one key at once; a key that was refused is not asked again before its time, however
// many CRs want it; keys are digests, so the cache knows no credential.

import { Failure, failureFrom } from '../lib/errors.ts';
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

/** The part of a login that the cache looks at. */
export interface Cached {
  readonly expiresAt: EpochMs;
  readonly renewAt: EpochMs;
}

/** What a refusal comes to. */
type Words = Pick<Failure, 'next' | 'reason' | 'message'>;

/** A failure to log in, with the time before which nobody need ask again. */
export class LoginError extends Failure {
  override readonly name = 'LoginError';
  readonly retryAt: EpochMs;

  constructor({ next, reason, message, cause }: Words & { readonly cause?: unknown }, retryAt: EpochMs) {
    super({ next, reason, message, cause });
    this.retryAt = retryAt;
  }
}

export interface Terms {
  /** Not from memory, and in spite of an earlier refusal. */
  readonly force?: boolean;
  /** Not from memory. */
  readonly fresh?: boolean;
  /** Not one from memory that ends at this instant or before. */
  readonly after?: EpochMs | undefined;
}

export interface LoginCache<Login extends Cached> {
  /** The login held for `key`, ended or not. */
  peek(key: string): Login | undefined;
  /**
   * A login whose renewal is not due: from memory, from the flight under way, or by `fetch`.
   *
   * @throws LoginError
   */
  get(key: string, fetch: () => Promise<Login>, terms?: Terms): Promise<Login>;
  /** The next `get` asks, whatever is held and whatever was refused. */
  forget(key: string): void;
}

/** After a denial: new IAM keys take some seconds to be known everywhere (docs/rules.md, rule 7). */
const DENIED_DELAYS: readonly DurationMs[] = [seconds(5), seconds(15), seconds(45)];
const LAST_DELAY = (5 * MINUTE) as DurationMs;
const FIRST_DELAY = SECOND;

interface Refusal {
  /** Words and nothing else: the SDK hangs its whole answer on its errors, some 40 KB for each key. */
  readonly words: Words;
  readonly attempts: number;
  /** On the clock that never goes back: setting the wall clock must not lengthen it. */
  readonly until: DurationMs;
}

export function createLoginCache<Login extends Cached>(clock: Clock, random: Random): LoginCache<Login> {
  const logins = new Map<string, Login>();
  const flights = new Map<string, Promise<Login>>();
  const refusals = new Map<string, Refusal>();

  /** What has ended serves nobody: keys come and go, and the maps must not grow with them. */
  const sweep = (now: EpochMs): void => {
    for (const [key, login] of logins) if (login.expiresAt <= now) logins.delete(key);
    for (const [key, { until }] of refusals) if (until + LAST_DELAY <= clock.monotonic()) refusals.delete(key);
  };

  const refuse = (key: string, thrown: unknown): LoginError => {
    const failure = failureFrom(thrown);
    const before = refusals.get(key)?.attempts ?? 0;
    // Refused by the cache of what this login is fetched with: that one counts, and knows when it may be asked again.
    const isBelow = failure instanceof LoginError;
    const delay = isBelow ? untilRetry(failure, clock.now()) : delayOf(failure, before, random);
    const attempts = isBelow ? before : before + 1;
    const until = (clock.monotonic() + delay) as DurationMs;
    const { next, reason, message } = failure;
    refusals.set(key, { words: { next, reason, message }, attempts, until });
    // Here too: while nobody gets a login, keys that are refused still come and go.
    sweep(clock.now());
    return new LoginError(failure, plus(clock.now(), delay));
  };

  const standingRefusal = (key: string): LoginError | undefined => {
    const refusal = refusals.get(key);
    const wait = (refusal?.until ?? 0) - clock.monotonic();
    return refusal && wait > 0 ? new LoginError(refusal.words, plus(clock.now(), wait as DurationMs)) : undefined;
  };

  const fly = async (key: string, fetch: () => Promise<Login>): Promise<Login> => {
    try {
      const login = await fetch();
      sweep(clock.now());
      logins.set(key, login);
      refusals.delete(key);
      return login;
    } catch (thrown) {
      throw refuse(key, thrown);
    }
  };

  return {
    peek: (key) => logins.get(key),
    forget(key) {
      logins.delete(key);
      refusals.delete(key);
    },
    async get(key, fetch, { force = false, fresh = force, after = 0 as EpochMs } = {}) {
      const flight = flights.get(key);
      if (flight) return await flight;
      const now = clock.now();
      const held = logins.get(key);
      if (!fresh && held && held.renewAt > now && held.expiresAt > after) return held;
      const standing = force ? undefined : standingRefusal(key);
      if (standing) throw standing;
      // Afterwards, even if `fetch` throws before it waits: a flight that stayed would be the last one of its key.
      const started = fly(key, fetch).finally(() => flights.delete(key));
      flights.set(key, started);
      return await started;
    },
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
