// What an identity resolves to: a source of its AWS keys, or why it has none.

import type { ShownIdentity } from '../../api/schema.ts';
import type { AwsKeys, Endpoints } from '../../aws/calls.ts';
import { type Credentials, shownOf } from '../../core/aws-keys.ts';
import type { Access } from '../../core/resource.ts';
import { failureFrom } from '../../lib/errors.ts';
import { type IdentityKey, identityKey } from '../../lib/identity-key.ts';
import { type Clock, type DurationMs, type EpochMs, plus } from '../../lib/time.ts';
import type { ReferenceRead } from './referenced-objects.ts';

/** Where the keys of an identity come from. */
export interface KeySource {
  /**
   * The keys from memory, or from a request.
   *
   * @param force  ignores memory and an earlier refusal; the keys in memory stay until others replace them
   * @throws Failure
   */
  get(signal: AbortSignal, force?: boolean): Promise<AwsKeys>;
  /** The keys in memory are no longer good: the next `get` requests others. */
  forget(): void;
  /** Account of the keys, where it is known without a request: the account of a role. */
  readonly account: string | undefined;
  /**
   * What the status may say of the identity, whether it takes a role or not: the end of an id that the user wrote, if
   * it has its shape, or where the operator found its own identity.
   */
  readonly shown: ShownIdentity;
}

export interface ResolvedIdentity {
  readonly ok: true;
  readonly keys: KeySource;
  /** What the user should know about the keys, though they are good. */
  readonly remark: string | undefined;
  /** The same for the same identity, however often its keys change. */
  readonly identity: IdentityKey;
  /** When to read the reference again; undefined for keys in the spec. */
  readonly lookAgainAt: EpochMs | undefined;
}

export interface RefusedIdentity {
  readonly ok: false;
  readonly message: string;
  readonly needsChange: boolean;
  readonly lookAgainAt: EpochMs;
  /** The caught exception, for the log only; undefined when there was none. */
  readonly cause?: unknown;
}

export type Resolved = ResolvedIdentity | RefusedIdentity;

/** An identity that can be used, before or after it takes a further role. */
export interface UsableIdentity extends ResolvedIdentity {
  /**
   * Name of the session in which it takes a further role (`RoleSessionName`): the caller, in CloudTrail. Part of the
   * identity.
   */
  readonly session: string;
  /** Keys kept in memory for it. */
  readonly kept: readonly IdentityKey[];
}

/** The same pair is the same identity in every object and Secret: AWS needs nothing else. */
export function identityOfPair(
  { accessKeyId, secretAccessKey, sessionToken }: Credentials,
  session: string,
): UsableIdentity {
  const pair = { accessKeyId, secretAccessKey, sessionToken };
  const suffix = shownOf(accessKeyId);
  const keys: KeySource = {
    account: undefined,
    shown: suffix === undefined ? {} : { accessKeyIdSuffix: suffix },
    forget: () => {},
    get: () => Promise.resolve(pair),
  };
  const identity = identityKey('pair', pair);
  return { ok: true, keys, remark: undefined, identity, lookAgainAt: undefined, session, kept: [] };
}

/** @param mended  what was around the keys, and was taken off */
export function remarkOn(mended: readonly string[]): string | undefined {
  return mended.length === 0 ? undefined : `${mended.join('; ')}: the operator uses the keys inside`;
}

export function endpointOf({ region, useFips, useDualstack }: Access): Endpoints {
  return { region, useFips, useDualstack };
}

/** @param wait  after which the answer may be different */
export function refuse(
  clock: Clock,
  message: string,
  needsChange: boolean,
  wait: DurationMs,
  cause?: unknown,
): RefusedIdentity {
  const lookAgainAt = plus(clock.now(), wait);
  return { ok: false, message, needsChange, lookAgainAt, ...(cause === undefined ? {} : { cause }) };
}

export function unread(
  { thrown, fresh }: Extract<ReferenceRead<unknown>, { readonly ok: false }>,
  clock: Clock,
): RefusedIdentity {
  const message = `spec.awsAccess: what it refers to could not be read: ${failureFrom(thrown).message}`;
  return refuse(clock, message, false, fresh, thrown);
}
