// What a login is, and when it has to be renewed. Pure.

import type { LoginStatus, ShownIdentity } from '../api/schema.ts';
import { digest } from '../lib/digest.ts';
import {
  type DurationMs,
  type EpochMs,
  formatRfc3339,
  HOUR,
  MINUTE,
  type Moment,
  parseRfc3339,
  plus,
  type Random,
} from '../lib/time.ts';

/** One login to one registry: what `docker login` would be given. */
export interface Login {
  /** The region of a private registry, or `public`. */
  readonly registry: string;
  readonly username: string;
  readonly password: string;
  /** Registry hosts, sorted, at least one. */
  readonly hosts: readonly string[];
  /** All three on whole seconds, so that they read back from a status as they were written. */
  readonly expiresAt: EpochMs;
  readonly refreshedAt: EpochMs;
  readonly renewAt: EpochMs;
  /** Digest of token and end; the status holds it, and it identifies a stored login. */
  readonly digest: string;
  /** What the status may say of the identity that gave it. */
  readonly shown?: ShownIdentity | undefined;
  /**
   * The same as `renewAt` on the monotonic clock, from the moment this process first had the login: setting the wall
   * clock back does not put the renewal off. No status and no Secret holds it.
   */
  readonly dueBy?: DurationMs | undefined;
}

/** A registry's answer, before the operator decides when to renew it. */
export interface Token {
  readonly username: string;
  readonly password: string;
  readonly hosts: readonly string[];
  readonly expiresAt: EpochMs;
  readonly shown?: ShownIdentity | undefined;
}

/**
 * Renewal falls between these shares of a login's life: at most half of it, less by jitter (docs/design/rules.md, rule
 * 5).
 */
const LATEST_SHARE = 0.5;
const JITTER_SHARE = 0.1;

/** ECR's tokens live 12 hours (AWS documentation); the rest allows for two operators whose clocks differ. */
const SKEW = (5 * MINUTE) as DurationMs;
const LONGEST_LIFE = 12 * HOUR + SKEW;

function wholeSecond(instant: number): EpochMs {
  return (Math.floor(instant / 1_000) * 1_000) as EpochMs;
}

/** The user name is part of the token: in a Secret it is as easily changed as the password. */
export function loginDigest({ username, password }: Pick<Token, 'username' | 'password'>, expiresAt: EpochMs): string {
  return digest(username, password, formatRfc3339(expiresAt));
}

/**
 * @param registry  what the token opens
 * @param token     as the registry gave it; `expiresAt` later than `now`
 * @param now       when it was given
 * @param random    places the renewal between 40 % and 50 % of the life
 */
export function makeLogin(registry: string, token: Token, now: EpochMs, random: Random): Login {
  const expiresAt = wholeSecond(token.expiresAt);
  const share = LATEST_SHARE - JITTER_SHARE * random();
  return {
    registry,
    username: token.username,
    password: token.password,
    hosts: [...token.hosts].sort(),
    expiresAt,
    refreshedAt: wholeSecond(now),
    renewAt: wholeSecond(now + (expiresAt - now) * share),
    digest: loginDigest(token, expiresAt),
    ...(token.shown === undefined ? {} : { shown: token.shown }),
  };
}

/** Whether a login may be written into a Secret: its token has not expired. */
export function isUsable(login: Login, now: EpochMs): boolean {
  return login.expiresAt > now;
}

/**
 * The login with its renewal on both clocks, from the moment this process has it. A login fetched later than now is due
 * at once: the wall clock was set back since, and nothing in the login says how much of its life is left.
 */
export function onBothClocks(login: Login, { now, monotonic }: Moment): Login {
  const left = isFromLater(login, now) ? 0 : Math.max(0, login.renewAt - now);
  return { ...login, dueBy: (monotonic + left) as DurationMs };
}

function isFromLater({ refreshedAt }: Login, now: EpochMs): boolean {
  return refreshedAt > plus(now, SKEW);
}

/** How long a login need not be renewed: until the first of the two clocks reaches its renewal. */
export function untilDue({ renewAt, dueBy }: Login, { now, monotonic }: Moment): DurationMs {
  return Math.max(0, Math.min(renewAt - now, (dueBy ?? Number.POSITIVE_INFINITY) - monotonic)) as DurationMs;
}

/** Whether a login must be fetched: there is none, or its renewal is due. */
export function needsLogin(held: Login | undefined, moment: Moment): boolean {
  return held === undefined || untilDue(held, moment) === 0;
}

/**
 * Whether `announced`, of the same registry, is another login that ends later: another operator has fetched it. Of two
 * that end in the same second it is the one with the higher digest, so that every operator chooses the same. An end
 * that no login can have is ignored.
 */
export function isSuperseded(held: Login, announced: LoginStatus, now: EpochMs): boolean {
  const end = parseRfc3339(announced.expiresAt);
  return end !== undefined && end <= now + LONGEST_LIFE && isLater({ expiresAt: end, digest: announced.digest }, held);
}

/** A total order of logins: by their ends, then by their digests. */
export function isLater(one: Pick<Login, 'expiresAt' | 'digest'>, other: Pick<Login, 'expiresAt' | 'digest'>): boolean {
  return one.expiresAt === other.expiresAt ? one.digest > other.digest : one.expiresAt > other.expiresAt;
}

/**
 * Which of two logins of one identity to one registry to keep: an end never goes back (docs/design/rules.md, rule 7),
 * unless the wall clock was set back since the old one was fetched. A kept old one is renewed when the new one would
 * be.
 */
export function later(held: Login | undefined, fetched: Login, now: EpochMs): Login {
  if (!held || held.expiresAt <= fetched.expiresAt || held.expiresAt > now + LONGEST_LIFE) return fetched;
  if (isFromLater(held, now)) return fetched;
  return { ...held, renewAt: fetched.renewAt, dueBy: fetched.dueBy };
}

/**
 * Whether `shared`, fetched for another object, renews `held` although it may end before it: the wall clock was set
 * back since `held` was fetched, so only the monotonic clock says which of the two came later.
 */
export function isRenewalOf(shared: Login | undefined, held: Login, moment: Moment): boolean {
  if (!shared || held.renewAt <= moment.now || needsLogin(shared, moment)) return false;
  return (shared.dueBy ?? 0) > (held.dueBy ?? Number.POSITIVE_INFINITY);
}

/** Renewals take at most this part of the life that the old login has left (docs/design/rules.md, rule 12). */
const PART_OF_REST = 0.1;

/** The last instant at which writing the renewal of a login that ends at `endsAt` may begin. */
export function latestStart(now: EpochMs, endsAt: EpochMs): EpochMs {
  return (now + Math.max(0, endsAt - now) * PART_OF_REST) as EpochMs;
}
