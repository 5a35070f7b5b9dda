// Tries keys that stand in a review: at most one call for the same keys at a time, few in all, and remembers the
// outcome for a moment. It drops the tokens: no review can give the operator a login.

import pLimit from 'p-limit';
import type { EcrClient } from '../../aws/ecr-client.ts';
import { DENIED_REASON } from '../../aws/failures.ts';
import type { Answers, Trial } from '../../core/admit.ts';
import { failureFrom } from '../../lib/errors.ts';
import { type IdentityKey, identityKey } from '../../lib/identity-key.ts';
import { type Clock, type DurationMs, MINUTE, SECOND, seconds } from '../../lib/time.ts';
import { createTokenBucket } from '../../lib/token-bucket.ts';

type TrialOutcome = Answers['login'];

/** Never throws, and takes no longer than three seconds. */
export type TryLogin = (trial: Trial) => Promise<TrialOutcome>;

/** How long the webhook lets a user of kubectl wait (docs/design/rules.md, rule 18). */
export const TRIAL_PATIENCE = seconds(3);
/** How long an outcome holds: a key that was denied may be a new one, which IAM takes seconds to spread. */
const HOLDS: Readonly<Record<TrialOutcome['op'], DurationMs>> = {
  good: MINUTE,
  none: MINUTE,
  denied: seconds(5),
  unknown: SECOND,
};
const CALLS = { perSecond: 10, atOnce: 50 };
/** Trials under way: each has a client of its own. */
const CALLS_UNDER_WAY = 10;
const TOO_MANY: TrialOutcome = { op: 'unknown', message: 'too many are being tried' };
/** Outcomes remembered; beyond that all are forgotten. */
const MOST_HELD = 256;

export function tryingLogins(ecr: EcrClient, clock: Clock): TryLogin {
  const budget = createTokenBucket(clock, CALLS.perSecond, CALLS.atOnce);
  const inTurn = pLimit(CALLS_UNDER_WAY);
  const flights = new Map<IdentityKey, { readonly outcome: Promise<TrialOutcome>; until: DurationMs | undefined }>();

  const call = async (
    { credentials: keys, region, useFips, useDualstack }: Trial,
    signal: AbortSignal,
  ): Promise<TrialOutcome> => {
    try {
      await ecr.fetchToken({ kind: 'private', keys, account: undefined, region, useFips, useDualstack }, signal);
      return { op: 'good' };
    } catch (thrown) {
      const { reason, message } = failureFrom(thrown);
      return { op: reason === DENIED_REASON ? 'denied' : 'unknown', message };
    }
  };

  /** A trial whose turn comes too late makes no call. */
  const ask = async (trial: Trial): Promise<TrialOutcome> => {
    if (!budget.take()) return TOO_MANY;
    const late = new AbortController();
    const waitedInVain = Promise.withResolvers<TrialOutcome>();
    let hasBegun = false;
    const cancel = clock.after(TRIAL_PATIENCE, () => {
      late.abort();
      if (!hasBegun) waitedInVain.resolve(TOO_MANY);
    });
    const called = inTurn(() => {
      if (late.signal.aborted) return TOO_MANY;
      hasBegun = true;
      return call(trial, late.signal);
    });
    try {
      return await Promise.race([called, waitedInVain.promise]);
    } finally {
      cancel();
    }
  };

  return async (trial) => {
    const { identity, region, useFips, useDualstack } = trial;
    const at = { region, useFips, useDualstack, account: undefined };
    const key = identityKey('login', { identity, kind: 'private', ...at });
    const held = flights.get(key);
    if (held && (held.until === undefined || clock.monotonic() < held.until)) return await held.outcome;
    if (flights.size >= MOST_HELD) flights.clear();
    const flight: { readonly outcome: Promise<TrialOutcome>; until: DurationMs | undefined } = {
      outcome: ask(trial),
      until: undefined,
    };
    flights.set(key, flight);
    const outcome = await flight.outcome;
    flight.until = (clock.monotonic() + HOLDS[outcome.op]) as DurationMs;
    return outcome;
  };
}
