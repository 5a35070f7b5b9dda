// Which logins each object holds: fetched and shared by this process, or found in its Secret and proved by its status.
//
// Guarantees: a login found in a Secret serves only the object whose status has its digest. Only a later login, fetched
// or proved by the status, replaces a held one. A changed identity never uses the former identity's login as its own.

import type { LoginError } from '../../aws/token-cache.ts';
import { isRenewalOf, type Login, later, needsLogin } from '../../core/login.ts';
import type { Registry } from '../../core/registries.ts';
import { inputsDigest, type Wish } from '../../core/resource.ts';
import type { Load } from '../../lib/fair-semaphore.ts';
import { type EpochMs, read } from '../../lib/time.ts';
import { createFreshLoginMarks, type MarkTerms } from './fresh-login-marks.ts';
import { type Held, type HeldLogins, type LoginProblem, type LoginsHeld } from './held-logins.ts';
import { type Asker, createLoginFlights, type LoginFlightsParts } from './login-flights.ts';

/** The logins of one object. */
export interface Logins extends LoginsHeld {
  readonly failures: readonly LoginProblem[];
  /** By registry: when a due renewal may begin; until then the old login is as good. */
  readonly renewalStarts: ReadonlyMap<string, EpochMs>;
  /** Registries whose request is in flight or waits for its turn: the operator wakes the object when it ends. */
  readonly pending: readonly string[];
  /** Registries whose login was fetched for this object since its last reconciliation. */
  readonly fresh: ReadonlySet<string>;
}

export interface LoginRequest extends Asker {
  readonly wanted: Pick<Wish, 'registries' | 'extra'>;
  /** The user requests a fresh login by this mark; it stays in force until each registry has given one. */
  readonly asked: string | undefined;
  /** By registry: the login must end after this instant, the end of a login that another operator had. */
  readonly after: ReadonlyMap<string, EpochMs>;
}

export interface LoginBook extends Pick<HeldLogins, 'held' | 'wasHeld' | 'restore'> {
  /** Starts the requests that are due. Never waits, never throws: `failures` has what could not be fetched. */
  obtain(request: LoginRequest, signal: AbortSignal): Logins;
  forget(uid: string): void;
  /** Requests to AWS. */
  readonly load: Load;
}

/** Which logins are good enough. */
interface Terms extends MarkTerms {
  readonly inputs: string;
}

type LoginOutcome =
  | { readonly op: 'held' | 'fetched' }
  /** In flight, or waiting for its turn. */
  | { readonly op: 'asked' | 'queued' }
  /** When its renewal may begin. */
  | { readonly op: 'waiting'; readonly until: EpochMs }
  | { readonly op: 'failed'; readonly problem: LoginProblem };

export interface LoginBookParts extends LoginFlightsParts {
  readonly heldLogins: HeldLogins;
}

export function createLoginBook(parts: LoginBookParts): LoginBook {
  const { clock, heldLogins } = parts;
  const flights = createLoginFlights(parts);
  const marks = createFreshLoginMarks(clock, parts.isThere);

  /** The held login is still good, or its renewal must wait; undefined when a request is needed. */
  const keepFor = (uid: string, own: Held): LoginOutcome | undefined => {
    if (!needsLogin(own.login, read(clock))) return { op: 'held' };
    const startAt = heldLogins.startOf(uid, own);
    if (startAt <= clock.now()) return undefined;
    // What failed last has not been mended by waiting.
    return own.problem
      ? { op: 'failed', problem: { ...own.problem, retryAt: startAt } }
      : { op: 'waiting', until: startAt };
  };

  /**
   * The instant after which a login from memory must end to replace `own`; undefined: any may. A login found in a
   * Secret may be newer than the one that this process fetched. Of two that end in the same second either may be the
   * later one: only one that ends after that second is newer for sure, or one fetched after the wall clock was set
   * back.
   */
  const endOf = (request: LoginRequest, registry: Registry, own: Login): EpochMs | undefined =>
    isRenewalOf(flights.peek(request, registry), own, read(clock)) ? undefined : own.expiresAt;

  const obtainOne = (request: LoginRequest, registry: Registry, asked: Terms, signal: AbortSignal): LoginOutcome => {
    const { uid } = request;
    const { inputs, force, since } = asked;
    const mine = heldLogins.get(uid, registry.registry);
    const own = mine?.inputs === inputs ? mine : undefined;
    const overtaken = request.after.get(registry.registry);
    const mayStay = since === undefined && overtaken === undefined;
    const kept = own && mayStay && keepFor(uid, own);
    if (kept) return kept;
    const after = overtaken ?? (own && endOf(request, registry, own.login));
    const found = flights.ask(request, registry, { force, since, after }, signal);
    if (found.op === 'held') {
      heldLogins.put(uid, { login: later(own?.login, found.login, clock.now()), inputs });
      return { op: found.isFresh ? 'fetched' : 'held' };
    }
    if (found.op !== 'refused') return found;
    const problem = problemOf(registry.registry, found.error);
    // The objects that wait for the same answer must not all begin at once when it comes.
    if (own) heldLogins.put(uid, { login: own.login, inputs: own.inputs, problem });
    return { op: 'failed', problem };
  };

  /** As `obtainOne`, with the mark by which the user requests a fresh login. */
  const obtainMarked = (request: LoginRequest, at: Registry, inputs: string, signal: AbortSignal): LoginOutcome => {
    const { uid, asked } = request;
    const { registry } = at;
    const outcome = obtainOne(request, at, { inputs, ...marks.terms(uid, asked, registry) }, signal);
    if (outcome.op === 'held' || outcome.op === 'fetched') marks.note(uid, asked, registry, 'done');
    else if (outcome.op !== 'queued') marks.note(uid, asked, registry, 'asked');
    return outcome;
  };

  return {
    ...heldLogins,
    obtain(request, signal) {
      const { uid, wanted } = request;
      const inputs = inputsDigest(request.identity, wanted);
      flights.keep(request, wanted.registries);
      const outcomes = wanted.registries.map((at) => [at.registry, obtainMarked(request, at, inputs, signal)] as const);
      return { ...heldLogins.held(uid, wanted.registries), ...summaryOf(outcomes) };
    },
    forget(uid) {
      heldLogins.forget(uid);
      marks.forget(uid);
      flights.leave(uid);
    },
    load: flights.load,
  };
}

function summaryOf(outcomes: readonly (readonly [string, LoginOutcome])[]): Omit<Logins, keyof LoginsHeld> {
  return {
    failures: outcomes.flatMap(([, outcome]) => (outcome.op === 'failed' ? outcome.problem : [])),
    renewalStarts: new Map(
      outcomes.flatMap(([registry, outcome]) => (outcome.op === 'waiting' ? [[registry, outcome.until]] : [])),
    ),
    pending: outcomes.flatMap(([registry, { op }]) => (op === 'asked' || op === 'queued' ? registry : [])),
    fresh: new Set(outcomes.flatMap(([registry, { op }]) => (op === 'fetched' ? registry : []))),
  };
}

function problemOf(registry: string, error: LoginError): LoginProblem {
  const { message, next, retryAt } = error;
  return { registry, message, needsChange: next === 'change', retryAt, cause: error };
}
