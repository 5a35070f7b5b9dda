// Which logins each CR holds: fetched and shared by this process, or found in its own Secret and proved by its status.
//
// Guarantees: a login that was found serves only the CR in whose status its digest stands; a login is let go only for one
// that was fetched; a changed identity never uses the login of the former one as its own.

import { readDockerConfig } from '../core/docker-config.ts';
import type { Login } from '../core/login.ts';
import { isLater, isUsable, later, makeLogin, needsLogin, type Token } from '../core/login.ts';
import type { Registry } from '../core/registries.ts';
import { type Access, inputsDigest, type PullSecretObject, type Wish } from '../core/resource.ts';
import type { LoginFailure } from '../core/status.ts';
import { proveLogin } from '../core/stored-login.ts';
import { createLoginCache, LoginError } from '../ecr/cache.ts';
import type { TokenRequest } from '../ecr/client.ts';
import { digest } from '../lib/digest.ts';
import { failureFrom } from '../lib/errors.ts';
import type { Clock, EpochMs, Random } from '../lib/time.ts';
import type { KeySource } from './credentials.ts';
import type { Pacer } from './pacer.ts';
import { latestStart } from './rollout.ts';

/** Where tokens come from. */
export interface LoginSource {
  /** @throws Failure */
  fetchToken(request: TokenRequest, signal: AbortSignal): Promise<Token>;
}

export interface LoginProblem extends LoginFailure {
  readonly retryAt: EpochMs;
  /** What was thrown, for the log only; undefined when nothing was. */
  readonly cause: unknown;
}

/** What could be had for one CR. */
export interface Logins {
  /** By registry, sorted; ended ones too. */
  readonly held: readonly Login[];
  readonly failures: readonly LoginProblem[];
  /** By registry: when the renewal that is due may begin; until then the old login is as good. */
  readonly waiting: ReadonlyMap<string, EpochMs>;
  /** One of them was fetched just now, by this very question. */
  readonly isFresh: boolean;
  /** Digest of what `held` was obtained with. */
  readonly inputs: string;
}

export interface LoginRequest {
  readonly uid: string;
  readonly wanted: Pick<Wish, 'registries' | 'extra'>;
  readonly endpoints: Pick<Access, 'useFips' | 'useDualstack'>;
  readonly keys: KeySource;
  readonly fingerprint: string;
  /** Somebody asks for a fresh login by this mark; the same mark is heeded until each registry has given one. */
  readonly asked: string | undefined;
  /** By registry: the login has to end after this instant, at which one ends that somebody else had. */
  readonly after: ReadonlyMap<string, EpochMs>;
}

export interface LoginBook {
  /** Fetches what is due; never throws: what could not be had is in `failures`. */
  obtain(request: LoginRequest, signal: AbortSignal): Promise<Logins>;
  /** What is held, without asking anybody. */
  held(uid: string, registries: readonly Registry[]): Pick<Logins, 'held' | 'inputs'>;
  /** Whether a login with this digest was held, and let go for another one. */
  wasHeld(uid: string, registry: string, digest: string): boolean;
  /**
   * A Secret was seen that says it was written for `object`: takes the logins in it that the object's status proves.
   *
   * @param content  base64 of `.dockerconfigjson`
   * @param inputs   annotation with the digest of what it was made from
   */
  adopt(object: PullSecretObject, content: string, inputs: string): void;
  forget(uid: string): void;
  /** The first list has been read: what only serves adoption is let go. */
  settled(): void;
}

interface Held {
  readonly login: Login;
  readonly inputs: string;
  /** When its renewal, which is due, may begin. */
  readonly place?: EpochMs;
  /** Digests of the logins that were held before, the last ones only. */
  readonly former?: readonly string[];
}

/** By registry: whether the fresh login that was asked for has been had. */
type Outcomes = Map<string, 'failed' | 'done'>;

/** One login replaces another every few hours, or when a key changes; a status is never that far behind. */
const MOST_FORMER = 4;

export interface LoginBookParts {
  readonly source: LoginSource;
  readonly pacer: Pacer;
  readonly clock: Clock;
  readonly random: Random;
  /** Whether there is an object with this uid: what comes late about one that is gone is not kept. */
  readonly isThere: (uid: string) => boolean;
}

export function createLoginBook({ source, pacer, clock, random, isThere }: LoginBookParts): LoginBook {
  const cache = createLoginCache<Login>(clock, random);
  const byUid = new Map<string, Map<string, Held>>();
  /** CRs that share a key hold the same token in their Secrets: one copy of it is enough. Only while the first list is read. */
  let adopted: Map<string, Login> | undefined = new Map();

  /** By CR: the mark by which a fresh login was last asked for, and what has come of it. */
  const marks = new Map<string, { readonly asked: string; readonly outcomes: Outcomes }>();

  const outcomesOf = (uid: string, asked: string): Outcomes => {
    const mark = marks.get(uid);
    if (mark?.asked === asked) return mark.outcomes;
    const outcomes: Outcomes = new Map();
    if (isThere(uid)) marks.set(uid, { asked, outcomes });
    return outcomes;
  };

  const hold = (uid: string, held: Held): void => {
    if (!isThere(uid)) return;
    const logins = byUid.get(uid) ?? new Map<string, Held>();
    const before = logins.get(held.login.registry);
    const isOther = before !== undefined && before.login.digest !== held.login.digest;
    const former = [...(before?.former ?? []), ...(isOther ? [before.login.digest] : [])].slice(-MOST_FORMER);
    byUid.set(uid, logins.set(held.login.registry, { ...held, former }));
  };

  const held: LoginBook['held'] = (uid, registries) => {
    const mine = byUid.get(uid);
    const found = registries.flatMap(({ registry }) => mine?.get(registry) ?? []);
    const inputs = [...new Set(found.map((one) => one.inputs))].sort();
    return {
      held: found.map(({ login }) => login),
      inputs: inputs.length === 1 ? (inputs[0] ?? '') : digest(...inputs),
    };
  };

  /** Renewals begin one after the other; an ended login, or another identity's, waits for nobody. */
  const placeOf = (uid: string, mine: Held): EpochMs => {
    const now = clock.now();
    if (!isUsable(mine.login, now)) return now;
    const place = mine.place ?? pacer.next(latestStart(now, mine.login.expiresAt));
    hold(uid, { ...mine, place });
    return place;
  };

  /** @returns why there is no login, when its renewal may begin, or where it came from */
  const obtainOne = async (
    request: LoginRequest,
    { registry, kind, region }: Registry,
    { inputs, force, fresh }: { readonly inputs: string; readonly force: boolean; readonly fresh: boolean },
    signal: AbortSignal,
  ): Promise<LoginProblem | EpochMs | 'held' | 'fetched'> => {
    const { uid, keys, endpoints, fingerprint } = request;
    const mine = byUid.get(uid)?.get(registry);
    const own = mine?.inputs === inputs ? mine : undefined;
    const overtaken = request.after.get(registry);
    if (own && !fresh && overtaken === undefined) {
      if (!needsLogin(own.login, clock.now())) return 'held';
      const place = placeOf(uid, own);
      if (place > clock.now()) return place;
    }
    // What was found in a Secret may be newer than what this process fetched. Of two that end in the same second either may
    // be the later one: only one that ends after that second is newer for sure.
    const after = overtaken ?? own?.login.expiresAt;
    let origin: 'held' | 'fetched' = 'held';
    const fetch = async (): Promise<Login> => {
      origin = 'fetched';
      if (force) keys.forget();
      const { useFips, useDualstack } = endpoints;
      const question = { kind, region, keys: await keys.get(signal), account: keys.account, useFips, useDualstack };
      try {
        return makeLogin(registry, await source.fetchToken(question, signal), clock.now(), random);
      } catch (thrown) {
        // Keys of a role can be taken back before their end; other ones may be had.
        if (failureFrom(thrown).next === 'change') keys.forget();
        throw thrown;
      }
    };
    try {
      const fetched = await cache.get(digest(fingerprint, registry), fetch, { force, fresh, after });
      hold(uid, { login: later(own?.login, fetched, clock.now()), inputs });
      return origin;
    } catch (thrown) {
      // What waits for the same answer must not all begin at once when it comes.
      if (own) hold(uid, { login: own.login, inputs });
      return problemOf(registry, thrown);
    }
  };

  return {
    held,
    async obtain(request, signal) {
      const { uid, asked } = request;
      const outcomes = asked === undefined ? undefined : outcomesOf(uid, asked);
      const inputs = inputsDigest(request.fingerprint, request.wanted);
      const failures: LoginProblem[] = [];
      const waiting = new Map<string, EpochMs>();
      let isFresh = false;
      const ask = async (registry: Registry): Promise<void> => {
        const outcome = outcomes ? outcomes.get(registry.registry) : 'done';
        // At once the first time only: an AWS that keeps failing is asked as rarely as without the mark.
        const how = { inputs, force: outcome === undefined, fresh: outcome !== 'done' };
        const answer = await obtainOne(request, registry, how, signal);
        outcomes?.set(registry.registry, typeof answer === 'object' ? 'failed' : 'done');
        if (typeof answer === 'number') waiting.set(registry.registry, answer);
        else if (typeof answer === 'object') failures.push(answer);
        else isFresh ||= answer === 'fetched';
      };
      await Promise.all(request.wanted.registries.map(ask));
      return { ...held(uid, request.wanted.registries), failures, waiting, isFresh };
    },
    adopt(object, content, inputs) {
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
        const login = adopted?.get(proved.digest) ?? proved;
        adopted?.set(login.digest, login);
        hold(object.uid, { login, inputs });
      }
    },
    wasHeld: (uid, registry, digest) => byUid.get(uid)?.get(registry)?.former?.includes(digest) ?? false,
    forget(uid) {
      byUid.delete(uid);
      marks.delete(uid);
    },
    settled() {
      adopted = undefined;
    },
  };
}

function problemOf(registry: string, thrown: unknown): LoginProblem {
  if (!(thrown instanceof LoginError)) throw thrown;
  return {
    registry,
    message: thrown.message,
    denied: thrown.next === 'change',
    retryAt: thrown.retryAt,
    cause: thrown,
  };
}
