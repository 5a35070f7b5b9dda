// When an object has to be looked at again although nothing happens. Pure.

import { REASON } from '../api/names.ts';
import { type DurationMs, type EpochMs, MINUTE, type Moment, plus, SECOND } from '../lib/time.ts';
import type { Problem } from './desired.ts';
import { type Login, untilDue } from './login.ts';

/** What a round leaves behind. */
export interface Outlook {
  readonly logins: readonly Login[];
  readonly failures: readonly { readonly registry: string; readonly retryAt: EpochMs }[];
  /** By registry: when a renewal that is due may begin. */
  readonly waiting: ReadonlyMap<string, EpochMs>;
  readonly problems: readonly Problem[];
  /** What else has a time of its own: a credential to be read again, a Secret that waits its turn. */
  readonly others: readonly (EpochMs | undefined)[];
}

/** A foreign Secret in our place is not watched; its absence is noticed this late. */
const CONFLICT_AGAIN = (5 * MINUTE) as DurationMs;
/** An instant that has come already is not now: what is due was just looked at. */
const SOON = (SECOND / 10) as DurationMs;

/** @returns the earliest instant at which something changes without an event, always later than now; undefined if none */
export function wakeAt({ logins, failures, waiting, problems, others }: Outlook, moment: Moment): EpochMs | undefined {
  const { now } = moment;
  const failed = new Set(failures.map(({ registry }) => registry));
  const instants = [...failures.map(({ retryAt }) => retryAt), ...others.filter((one) => one !== undefined)];
  for (const login of logins) {
    const { registry, expiresAt } = login;
    if (!failed.has(registry)) instants.push(waiting.get(registry) ?? plus(now, untilDue(login, moment)));
    // The end of a login that cannot be renewed has to be told when it comes; afterwards it has been.
    else if (expiresAt > now) instants.push(expiresAt);
  }
  if (problems.some(({ reason }) => reason === REASON.secretConflict)) instants.push(plus(now, CONFLICT_AGAIN));
  return instants.length === 0 ? undefined : soonest(instants, now);
}

function soonest(instants: readonly EpochMs[], now: EpochMs): EpochMs {
  return Math.max(Math.min(...instants), plus(now, SOON)) as EpochMs;
}
