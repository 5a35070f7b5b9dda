// The clock of the operator's machine is wrong, or is set, or stood still while the machine slept.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type Clock, type EpochMs, HOUR, MINUTE } from '../../src/lib/time.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createTravelClock, type TravelClock } from '../../testing/clocks/travel-clock.ts';
import {
  conditionOf,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { createPullSecret, passwordOf } from './manifests.ts';

// Rule 5
describe('an operator', () => {
  const world = useWorld();
  let path = '';
  let namespace = '';
  let operator: RunningOperator | undefined;
  /** The offset of its wall clock from that of AWS; its monotonic clock is not affected. */
  let wrongBy = 0;
  let travel: TravelClock;

  beforeEach(async () => {
    namespace = await world.api.createNamespace();
    path = NAMESPACED_PATH(namespace, 'login');
    wrongBy = 0;
    travel = createTravelClock();
    world.aws.clearLog();
  });
  afterEach(async () => {
    await operator?.stop();
    await world.api.must('DELETE', path);
  });

  const start = async (): Promise<void> => {
    const clock: Clock = { ...travel, now: () => (travel.now() + wrongBy) as EpochMs };
    operator = await world.startOperator({ clock });
    await createPullSecret(world.api, namespace, 'login');
  };
  const asked = (times: number): Promise<true> => eventually(() => (world.aws.calls() >= times ? true : undefined));

  for (const [name, by] of [
    ['an hour slow', -1 * HOUR],
    ['an hour fast', HOUR],
  ] as const) {
    test(`whose clock is ${name} serves, and renews in time by the clock of AWS`, async () => {
      wrongBy = by;
      await start();
      const { logins } = await world.ready(path);
      const renewal = Date.parse(logins?.[0]?.nextRefreshAt ?? '') - by;
      assert.ok(renewal > Date.now() + 4 * HOUR && renewal < Date.now() + 6 * HOUR, `at ${renewal}`);
      assert.equal(world.aws.calls(), 1);
    });
  }

  test('whose clock is so fast that every login has ended asks once a minute, says why, and serves when it is set', async () => {
    wrongBy = 13 * HOUR;
    await start();
    const status = await world.status(path, (found) => conditionOf(found, 'Ready')?.status === 'False');
    assert.equal(conditionOf(status, 'Ready')?.reason, 'GetAWSAuthTokenFailed');
    assert.equal(world.aws.calls(), 1);
    travel.travel(MINUTE);
    await asked(2);
    wrongBy = 0;
    travel.travel(MINUTE);
    await world.ready(path);
  });

  test('on a machine that slept for ten hours renews within a minute after it woke', async () => {
    await start();
    await world.ready(path);
    const before = passwordOf((await world.api.get(SECRET_PATH(namespace, 'ecr-login'))).body);
    wrongBy = 10 * HOUR;
    travel.travel(MINUTE);
    await asked(2);
    await eventually(async () => {
      const { body } = await world.api.get(SECRET_PATH(namespace, 'ecr-login'));
      return passwordOf(body) === before ? undefined : true;
    });
  });

  for (const hours of [5, 8, 24]) {
    test(`whose clock is set back by ${hours} hours renews before half of the token's life is over, asking no more often`, async () => {
      await start();
      await world.ready(path);
      const { body: before } = await world.api.get(SECRET_PATH(namespace, 'ecr-login'));
      const reconciled = await operator?.metric('controller_runtime_reconcile_total');
      wrongBy = -hours * HOUR;
      travel.travel(MINUTE);
      await eventually(async () =>
        (await operator?.metric('controller_runtime_reconcile_total')) === reconciled ? undefined : true,
      );
      await operator?.idle();
      assert.equal(world.aws.calls(), 1);
      travel.travel(6 * HOUR - MINUTE);
      const after = await eventually(async () => {
        const { body } = await world.api.get(SECRET_PATH(namespace, 'ecr-login'));
        return passwordOf(body) === passwordOf(before) ? undefined : body;
      });
      assert.equal(after.metadata.uid, before.metadata.uid);
      assert.equal(world.aws.calls(), 2);
    });
  }
});
