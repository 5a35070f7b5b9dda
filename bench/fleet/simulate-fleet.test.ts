// Covers the simulation of a fleet: that it is the operator's code that decides, and that a run can be repeated.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DurationMs, HOUR } from '../../src/lib/time.ts';
import { loadOperatorCode } from './operator-code.ts';
import { seededRandom } from './seeded.ts';
import { type FleetResult, simulateFleet } from './simulate-fleet.ts';
import { LIMITS, type Limit, type Span } from './simulated-aws.ts';

const [UNLIMITED, , LIMITED] = LIMITS as readonly [Limit, Limit, Limit];
const CLUSTERS = 300;

async function run(limit: Limit, outage?: Span, seed = 1): Promise<FleetResult> {
  const code = await loadOperatorCode('.');
  return await simulateFleet({ code, clusters: CLUSTERS, limit, outage, hours: 24, random: seededRandom(seed) });
}

test('each cluster calls once at its start, and renews four or five times a day, never after half of a life', async () => {
  const { requests, allReadyAfter, leastLeft, expired } = await run(UNLIMITED);
  assert.equal(requests.worst(), CLUSTERS);
  assert.ok(requests.total >= 5 * CLUSTERS && requests.total <= 6 * CLUSTERS, String(requests.total));
  assert.equal(allReadyAfter, 100);
  assert.ok(leastLeft >= 5.99 * HOUR, String(leastLeft));
  assert.equal(expired, 0);
});

test('an outage while logins are renewed lets none expire, and all are renewed within minutes of its end', async () => {
  const outage = { from: (4.8 * HOUR) as DurationMs, to: (5.8 * HOUR) as DurationMs };
  const { caughtUpAfter = 0, expired, allReadyAfter } = await run(UNLIMITED, outage);
  assert.equal(expired, 0);
  assert.equal(allReadyAfter, 100);
  assert.ok(caughtUpAfter > 0, String(caughtUpAfter));
  assert.ok(caughtUpAfter <= HOUR, String(caughtUpAfter));
});

test('what exceeds the rate of AWS is refused, and every cluster has its login a little later', async () => {
  const { throttled, allReadyAfter } = await run(LIMITED);
  assert.ok(throttled >= CLUSTERS - 200, String(throttled));
  assert.ok(allReadyAfter > 1_000 && allReadyAfter < 120_000, String(allReadyAfter));
});

test('a seed repeats a run to the last request, and another seed does not', async () => {
  const figures = ({ requests, throttled, allReadyAfter }: FleetResult): string =>
    `${requests.total} ${requests.worst(60)} ${throttled} ${allReadyAfter}`;
  const [one, again, other] = [await run(LIMITED), await run(LIMITED), await run(LIMITED, undefined, 2)];
  assert.equal(figures(one), figures(again));
  assert.notEqual(figures(one), figures(other));
});
