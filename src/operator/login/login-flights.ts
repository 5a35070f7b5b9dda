// Login requests in flight: one for each identity and registry, a bounded number in all, namespaces in turn.
//
// Guarantees: no attempt waits here. The operator wakes an object whose request ended or may now begin. A region that
// hangs delays no other region and no other namespace.

import type { TokenRequest } from '../../aws/ecr-client.ts';
import { createTokenCache, type LoginError, type LookupTerms } from '../../aws/token-cache.ts';
import { type Login, makeLogin, onBothClocks, type Token } from '../../core/login.ts';
import type { Registry } from '../../core/registries.ts';
import type { Access } from '../../core/resource.ts';
import { failureFrom } from '../../lib/errors.ts';
import { type Bounds, createFairSemaphore, type Load } from '../../lib/fair-semaphore.ts';
import { type IdentityKey, identityKey } from '../../lib/identity-key.ts';
import { type Clock, type Random, read, seconds } from '../../lib/time.ts';
import type { KeySource } from './key-source.ts';

/** Source of tokens. */
export interface LoginSource {
  /** @throws Failure */
  fetchToken(request: TokenRequest, signal: AbortSignal): Promise<Token>;
}

/** The object that needs a login. */
export interface Asker {
  readonly uid: string;
  /** Its namespace: namespaces take turns at AWS. */
  readonly group: string;
  readonly endpoints: Pick<Access, 'useFips' | 'useDualstack'>;
  readonly keys: KeySource;
  readonly identity: IdentityKey;
}

export type LoginAnswer =
  /** `isFresh`: it was fetched for this object, and this is the first answer with it. */
  | { readonly op: 'held'; readonly login: Login; readonly isFresh: boolean }
  | { readonly op: 'refused'; readonly error: LoginError }
  /** `queued`: the request begins when this object has its turn. */
  | { readonly op: 'asked' | 'queued' };

export interface LoginFlights {
  ask(asker: Asker, registry: Registry, terms: LookupTerms, signal: AbortSignal): LoginAnswer;
  /** The login in memory, due or not. */
  peek(asker: Asker, registry: Registry): Login | undefined;
  /** The object wants these registries, and no others. */
  keep(asker: Asker, registries: readonly Registry[]): void;
  /** The object is gone. */
  leave(uid: string): void;
  readonly load: Load;
}

export interface LoginFlightsParts {
  readonly source: LoginSource;
  readonly clock: Clock;
  readonly random: Random;
  /** Whether an object with this uid exists: a late answer for a deleted one is not kept. */
  readonly isThere: (uid: string) => boolean;
  /** Adds the object with this uid to its queue. @returns false: there is no such object */
  readonly wake: (uid: string) => boolean;
}

/**
 * Requests to AWS in flight at once. A call takes 0.05 to 0.2 s and some 150 KB; one that hangs takes 30 s, and a
 * tenant may name every region that hangs. Place: a service in a region; group: a namespace.
 */
const QUESTIONS: Bounds = {
  atOnce: 32,
  perPlace: 16,
  perGroup: 16,
  slow: { inAll: 64, perPlaceOfGroup: 4, cutAfter: seconds(5) },
};

export function createLoginFlights({ source, clock, random, isThere, wake }: LoginFlightsParts): LoginFlights {
  const permits = createFairSemaphore({ clock, bounds: QUESTIONS, wake });
  const cache = createTokenCache<Login>(clock, random);
  const join = joining(wake);
  const loginKeyOf = createLoginKeys();
  const fresh = createFreshLogins();

  const fetch = async (asker: Asker, registry: Registry, force: boolean, signal: AbortSignal): Promise<Login> => {
    const token = await fetchToken(source, asker, registry, force, signal);
    const login = onBothClocks(makeLogin(registry.registry, token, clock.now(), random), read(clock));
    if (isThere(asker.uid)) fresh.add(asker.uid, loginKeyOf(asker, registry));
    return login;
  };

  const begin = (asker: Asker, registry: Registry, force: boolean, signal: AbortSignal): boolean => {
    const { uid, group } = asker;
    const key = loginKeyOf(asker, registry);
    const place = placeOf(asker, registry);
    const permit = permits.tryAcquire(place, group);
    if (!permit) {
      permits.wait(place, group, uid);
      return false;
    }
    const until = AbortSignal.any([signal, permit.cut]);
    const flight = cache.begin(key, () => fetch(asker, registry, force, until), { force });
    flight.then(permit.giveBack, permit.giveBack);
    join(key, flight, uid);
    return true;
  };

  const answerOf = (asker: Asker, registry: Registry, terms: LookupTerms, signal: AbortSignal): LoginAnswer => {
    const key = loginKeyOf(asker, registry);
    // A login fetched for this very object is the latest there is, whatever its end: another request would give no
    // other.
    const found = cache.look(key, fresh.has(asker.uid, key) ? { ...terms, after: undefined } : terms);
    switch (found?.op) {
      case 'held':
        return { ...found, isFresh: fresh.delete(asker.uid, key) };
      case 'refused':
        return found;
      case 'flying':
        join(key, found.flight, asker.uid);
        return { op: 'asked' };
      case undefined:
        return { op: begin(asker, registry, terms.force ?? false, signal) ? 'asked' : 'queued' };
    }
  };

  const loginKeysOf = (asker: Asker, registries: readonly Registry[]): readonly IdentityKey[] =>
    registries.map((registry) => loginKeyOf(asker, registry));
  const keepOnly = (uid: string, keys: readonly IdentityKey[]): void => {
    fresh.keep(uid, keys);
    cache.keep(uid, keys);
  };

  return {
    ask(asker, registry, terms, signal) {
      const answer = answerOf(asker, registry, terms, signal);
      // It may have waited for this, and be here for another registry's turn, or because of another object's flight.
      if (answer.op !== 'queued') permits.leave(placeOf(asker, registry), asker.group, asker.uid);
      return answer;
    },
    peek: (asker, registry) => cache.peek(loginKeyOf(asker, registry)),
    keep: (asker, registries) => keepOnly(asker.uid, loginKeysOf(asker, registries)),
    leave: (uid) => keepOnly(uid, []),
    load: permits,
  };
}

/** The operator wakes the object when the flight ends, with or without a login. */
function joining(wake: LoginFlightsParts['wake']) {
  /** By flight: uids of the objects that wait for it. */
  const waiters = new Map<IdentityKey, Set<string>>();
  return (key: IdentityKey, flight: Promise<unknown>, uid: string): void => {
    const joined = waiters.get(key);
    if (joined) {
      joined.add(uid);
      return;
    }
    waiters.set(key, new Set([uid]));
    const land = (): void => {
      const landed = waiters.get(key) ?? [];
      waiters.delete(key);
      for (const one of landed) wake(one);
    };
    flight.then(land, land);
  };
}

async function fetchToken(
  source: LoginSource,
  { keys, endpoints: { useFips, useDualstack } }: Asker,
  { kind, region }: Registry,
  force: boolean,
  signal: AbortSignal,
): Promise<Token> {
  const question = { kind, region, keys: await keys.get(signal, force), account: keys.account, useFips, useDualstack };
  try {
    return { ...(await source.fetchToken(question, signal)), shown: keys.shown };
  } catch (thrown) {
    // AWS can revoke a role's keys before their end; the next request may get others.
    if (failureFrom(thrown).next === 'change') keys.forget();
    throw thrown;
  }
}

/** What may hang as a whole. */
function placeOf({ endpoints: { useFips, useDualstack } }: Asker, { kind, region }: Registry): string {
  return `${kind} ${region} ${useFips} ${useDualstack}`;
}

/** By object: logins fetched for it, and not given to it yet. */
function createFreshLogins() {
  const byObject = new Map<string, Set<IdentityKey>>();
  const remove = (uid: string, key: IdentityKey): boolean => {
    const mine = byObject.get(uid);
    if (!mine?.delete(key)) return false;
    if (mine.size === 0) byObject.delete(uid);
    return true;
  };
  return {
    add: (uid: string, key: IdentityKey): void => void byObject.set(uid, (byObject.get(uid) ?? new Set()).add(key)),
    has: (uid: string, key: IdentityKey): boolean => byObject.get(uid)?.has(key) ?? false,
    /** @returns false when there was none */
    delete: remove,
    keep(uid: string, keys: readonly IdentityKey[]): void {
      for (const key of byObject.get(uid) ?? []) if (!keys.includes(key)) remove(uid, key);
    },
  };
}

/** The keys of logins, each computed once for an asker: a pass over an object needs those of its registries often. */
function createLoginKeys(): (asker: Asker, registry: Pick<Registry, 'kind' | 'region'>) => IdentityKey {
  const byAsker = new WeakMap<Asker, Map<string, IdentityKey>>();
  return (asker, { kind, region }) => {
    const known = byAsker.get(asker) ?? new Map<string, IdentityKey>();
    byAsker.set(asker, known);
    const place = `${kind} ${region}`;
    const key = known.get(place) ?? identityKey('login', { ...partsOf(asker), kind, region });
    known.set(place, key);
    return key;
  };
}

function partsOf({ identity, keys, endpoints: { useFips, useDualstack } }: Asker) {
  return { identity, useFips, useDualstack, account: keys.account };
}
