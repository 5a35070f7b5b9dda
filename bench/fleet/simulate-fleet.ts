// A fleet of clusters that share one AWS account: started together, followed for two days.

import { type DurationMs, type EpochMs, HOUR, type Random } from '../../src/lib/time.ts';
import { startCluster } from './cluster.ts';
import { createEventClock } from './event-clock.ts';
import type { OperatorCode } from './operator-code.ts';
import type { SecondsCount } from './seconds.ts';
import { endOf, type Limit, type Span, simulateAws } from './simulated-aws.ts';

export interface FleetOptions {
  readonly code: OperatorCode;
  readonly clusters: number;
  readonly limit: Limit;
  readonly outage: Span | undefined;
  readonly hours: number;
  readonly random: Random;
}

export interface FleetResult {
  readonly requests: SecondsCount;
  readonly throttled: number;
  /** Until every cluster had its first login. */
  readonly allReadyAfter: DurationMs;
  /** From the end of the outage until every login whose renewal was due by then had been renewed. */
  readonly caughtUpAfter: DurationMs | undefined;
  /** What the login that was replaced had left of its life, at least. */
  readonly leastLeft: DurationMs;
  readonly expired: number;
}

const START = Date.UTC(2030, 0, 1) as EpochMs;

export async function simulateFleet({
  code,
  clusters,
  limit,
  outage,
  hours,
  random,
}: FleetOptions): Promise<FleetResult> {
  const clock = createEventClock(START);
  const attempts = code.calls.ATTEMPTS;
  const aws = simulateAws({ clock, random, limit, outage, seconds: hours * 3_600, attempts });
  const over = new AbortController();
  const outageEnd = outage && endOf(outage, START);
  const first = { count: 0, at: 0 };
  let leastLeft = Number.POSITIVE_INFINITY;
  let expired = 0;
  let caughtUp = 0;

  for (let index = 0; index < clusters; index += 1) {
    startCluster({
      code,
      clock,
      random,
      aws,
      signal: over.signal,
      onLogin(_, before) {
        const now = clock.now();
        if (!before) {
          first.count += 1;
          first.at = now - START;
        } else {
          leastLeft = Math.min(leastLeft, before.expiresAt - now);
          if (before.expiresAt <= now) expired += 1;
        }
        const dueAt = before?.renewAt ?? START;
        if (outageEnd !== undefined && dueAt < outageEnd && now >= outageEnd) caughtUp = now - outageEnd;
      },
    });
  }
  await clock.advance((hours * HOUR) as DurationMs);
  over.abort();
  return {
    requests: aws.requests,
    throttled: aws.throttled,
    allReadyAfter: (first.count === clusters ? first.at : Number.POSITIVE_INFINITY) as DurationMs,
    caughtUpAfter: outage && (caughtUp as DurationMs),
    leastLeft: leastLeft as DurationMs,
    expired,
  };
}
