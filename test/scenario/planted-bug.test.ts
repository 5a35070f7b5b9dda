// A bug in a loop that runs all the time: the test plants it into the clock, which all loops use.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Clock } from '../../src/lib/time.ts';
import { METRIC } from '../../src/operator/telemetry/metric-catalogue.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createTravelClock } from '../../testing/clocks/travel-clock.ts';
import { NAMESPACED_PATH, SECRET_PATH, useWorld } from '../../testing/operator/world.ts';
import { createPullSecret } from './manifests.ts';

/** Functions that read the time outside of what they catch, and what the log says of the loop that each is part of. */
const PLACES = {
  'a watch': { place: /at Object\.run .*reflector\.ts/, says: /"name":"watch of \w+","err":"Error: a bug/ },
  'a worker': { place: /at Object\.isOver .*workqueue\.ts/, says: /"name":"workers","err":"Error: a bug/ },
} as const;

// Rule 15
describe('an operator with a bug', () => {
  const world = useWorld();
  for (const [what, { place, says }] of Object.entries(PLACES)) {
    test(`that ends ${what} says so, counts it, and goes on`, async () => {
      const travelling = createTravelClock();
      let isPlanted = false;
      const clock: Clock & typeof travelling = {
        ...travelling,
        monotonic() {
          if (isPlanted && place.test(new Error('where').stack ?? '')) {
            isPlanted = false;
            throw new Error('a bug');
          }
          return travelling.monotonic();
        },
      };
      const operator = await world.startOperator({ clock });
      const namespace = await world.api.createNamespace();
      await createPullSecret(world.api, namespace, 'before');
      await world.ready(NAMESPACED_PATH(namespace, 'before'));
      isPlanted = true;
      // Watches end, and begin anew; a deleted Secret is work.
      clock.travel(60_000);
      await world.api.must('DELETE', SECRET_PATH(namespace, 'ecr-login'));
      await eventually(() => (says.test(operator.output()) ? true : undefined));
      assert.equal(await operator.metric(METRIC.loopFailures.name), 1);
      clock.travel(1_000);
      await createPullSecret(world.api, namespace, 'after', { secretName: 'after' });
      await world.ready(NAMESPACED_PATH(namespace, 'after'));
      await eventually(async () =>
        (await world.api.get(SECRET_PATH(namespace, 'ecr-login'))).status === 200 ? true : undefined,
      );
      await operator.stop();
    });
  }
});
