// What an identity comes to: where its AWS keys are had, or why there are none.

import type { AwsKeys, Endpoints } from '../../aws/calls.ts';
import type { Credentials } from '../../core/identity.ts';
import type { Access } from '../../core/resource.ts';
import { failureFrom } from '../../lib/errors.ts';
import { type IdentityKey, identityKey } from '../../lib/identity-key.ts';
import { type Clock, type DurationMs, type EpochMs, plus } from '../../lib/time.ts';
import type { ReferenceRead } from './referenced-objects.ts';

/** Where the keys of an identity come from. */
export interface KeySource {
  /**
   * From memory or by asking.
   *
   * @param force  not from memory, and in spite of an earlier refusal; what is in memory stays until there are others
   * @throws Failure
   */
  get(signal: AbortSignal, force?: boolean): Promise<AwsKeys>;
  /** What is in memory is not good any more: the next `get` asks. */
  forget(): void;
  /** Whose keys they are, where that is known without asking: the account of a role. */
  readonly account: string | undefined;
}

export interface ResolvedIdentity {
  readonly ok: true;
  readonly keys: KeySource;
  /** What a user should know of them, though they are good. */
  readonly remark: string | undefined;
  /** The same for the same identity, however often its keys change. */
  readonly identity: IdentityKey;
  /** When to look again; undefined for what stands in the spec. */
  readonly lookAgainAt: EpochMs | undefined;
}

export interface RefusedIdentity {
  readonly ok: false;
  readonly message: string;
  readonly denied: boolean;
  readonly lookAgainAt: EpochMs;
  /** What was thrown, for the log only; undefined when nothing was. */
  readonly cause?: unknown;
}

export type Resolved = ResolvedIdentity | RefusedIdentity;

/** What an identity comes to before any role is taken with it. */
export interface BaseIdentity extends ResolvedIdentity {
  /** Name of the session in which a further role is taken (`RoleSessionName`): who asks, in CloudTrail. Part of the identity. */
  readonly session: string;
  /** Keys that are kept in memory for it. */
  readonly kept: readonly IdentityKey[];
}

/** The same pair is the same identity wherever it stands: AWS asks for nothing else. */
export function identityOfPair(
  { accessKeyId, secretAccessKey, sessionToken }: Credentials,
  session: string,
): BaseIdentity {
  const pair = { accessKeyId, secretAccessKey, sessionToken };
  const keys: KeySource = { account: undefined, forget: () => {}, get: () => Promise.resolve(pair) };
  const identity = identityKey('pair', pair);
  return { ok: true, keys, remark: undefined, identity, lookAgainAt: undefined, session, kept: [] };
}

export function endpointOf({ region, useFips, useDualstack }: Access): Endpoints {
  return { region, useFips, useDualstack };
}

/** @param wait  after which it may be different */
export function refuse(
  clock: Clock,
  message: string,
  denied: boolean,
  wait: DurationMs,
  cause?: unknown,
): RefusedIdentity {
  const lookAgainAt = plus(clock.now(), wait);
  return { ok: false, message, denied, lookAgainAt, ...(cause === undefined ? {} : { cause }) };
}

export function unread(
  { thrown, fresh }: Extract<ReferenceRead<unknown>, { readonly ok: false }>,
  clock: Clock,
): RefusedIdentity {
  const message = `spec.awsAccess: what it refers to could not be read: ${failureFrom(thrown).message}`;
  return refuse(clock, message, false, fresh, thrown);
}
