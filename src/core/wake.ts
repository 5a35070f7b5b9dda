// When to reconcile an object again although no event arrives. Pure.

import { REASON } from '../api/names.ts';
import { type DurationMs, type EpochMs, MINUTE, type Moment, plus, SECOND } from '../lib/time.ts';
import type { Problem } from './desired.ts';
import { type Login, untilDue } from './login.ts';

/** What a reconciliation leaves behind. */
export interface Outlook {
  readonly logins: readonly Login[];
  readonly failures: readonly { readonly registry: string; readonly retryAt: EpochMs }[];
  /** By registry: when a renewal that is due may begin. */
  readonly renewalStarts: ReadonlyMap<string, EpochMs>;
  readonly problems: readonly Problem[];
  /** Other instants: a credential to be read again, a deferred Secret. */
  readonly others: readonly (EpochMs | undefined)[];
}

/** The operator does not watch a foreign Secret in the way; it notices its deletion this late. */
const CONFLICT_AGAIN = (5 * MINUTE) as DurationMs;
/** An instant already past was just handled: a key comes again this much later, not at once. */
export const SOON = (SECOND / 10) as DurationMs;

/**
 * @returns the earliest instant at which something changes without an event, always later than now; undefined if none
 */
export function wakeAt(
  { logins, failures, renewalStarts, problems, others }: Outlook,
  moment: Moment,
): EpochMs | undefined {
  const { now } = moment;
  const failed = new Set(failures.map(({ registry }) => registry));
  const instants = [...failures.map(({ retryAt }) => retryAt), ...others.filter((one) => one !== undefined)];
  for (const login of logins) {
    const { registry, expiresAt } = login;
    if (!failed.has(registry)) instants.push(renewalStarts.get(registry) ?? plus(now, untilDue(login, moment)));
    // The status reports the end of a login that cannot be renewed when it comes; afterwards it already has.
    else if (expiresAt > now) instants.push(expiresAt);
  }
  if (problems.some(({ reason }) => reason === REASON.secretConflict)) instants.push(plus(now, CONFLICT_AGAIN));
  return instants.length === 0 ? undefined : soonest(instants, now);
}

function soonest(instants: readonly EpochMs[], now: EpochMs): EpochMs {
  return Math.max(Math.min(...instants), plus(now, SOON)) as EpochMs;
}
