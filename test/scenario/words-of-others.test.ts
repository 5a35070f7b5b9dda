// What AWS and the cluster's webhooks say of one fault differs at each attempt: an attempt in vain writes no status all
// the same, or few.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { RECONCILE_AT_ANNOTATION } from '../../src/api/names.ts';
import { HOUR, MINUTE } from '../../src/lib/time.ts';
import { startForeignWebhook } from '../../testing/api-server/foreign-webhook.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createTravelClock, type TravelClock } from '../../testing/clocks/travel-clock.ts';
import { untilNothingIsUnderWay } from '../../testing/operator/under-way.ts';
import {
  conditionOf,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { createPullSecret } from './manifests.ts';

// Rule 11
describe('a fault that is told in another way at each attempt', () => {
  const world = useWorld();
  const name = `closed-${randomBytes(4).toString('hex')}`;
  let clock: TravelClock;
  let operator: RunningOperator;
  let namespace = '';
  let path = '';

  beforeEach(async () => {
    clock = createTravelClock();
    operator = await world.startOperator({ clock });
    namespace = await world.api.createNamespace({ [name]: 'yes' });
    path = NAMESPACED_PATH(namespace, 'login');
  });
  afterEach(async () => {
    await world.api.must('DELETE', path);
    await operator.stop();
    world.aws.faults.clear();
  });

  const eventVersions = async (): Promise<readonly string[]> => {
    const { items } = await world.api.must('GET', `/apis/events.k8s.io/v1/namespaces/${namespace}/events`);
    return items.map(({ metadata }: { metadata: { resourceVersion: string } }) => metadata.resourceVersion);
  };
  /** Tries the object again so many times. @returns how often its status, and how many of its Events, were written */
  const tryAgain = async (
    times: number,
    attempts: () => number,
    leastEvents = 0,
  ): Promise<{ statuses: number; events: number }> => {
    await untilNothingIsUnderWay(operator);
    // An Event comes behind the status.
    const eventsBefore = await eventually(async () => {
      const there = await eventVersions();
      return there.length > 0 ? there : undefined;
    });
    const newEvents = async (): Promise<readonly string[]> =>
      (await eventVersions()).filter((version) => !eventsBefore.includes(version));
    const versions = new Set<string>();
    const first = (await world.api.must('GET', path)).metadata.resourceVersion;
    for (let tried = 0; tried < times; tried += 1) {
      const before = attempts();
      clock.travel(6 * MINUTE);
      await eventually(() => (attempts() > before ? true : undefined));
      await untilNothingIsUnderWay(operator);
      versions.add((await world.api.must('GET', path)).metadata.resourceVersion);
    }
    versions.delete(first);
    await eventually(async () => ((await newEvents()).length >= leastEvents ? true : undefined));
    return { statuses: versions.size, events: (await newEvents()).length };
  };

  /** What AWS says, the n-th time. */
  const failAs = (words: (time: number) => string): (() => number) => {
    let told = 0;
    const fail = (): void => {
      told += 1;
      world.aws.faults.failNext(1, { op: 'error', status: 400, code: 'Closed', message: words(told) });
    };
    world.aws.clearLog();
    fail();
    // Each attempt takes the fault that is there, and finds the next.
    return () => {
      if (world.aws.calls() > told - 1) fail();
      return told;
    };
  };

  test('by times and numbers of requests, is written once in half an hour where AWS tells it, in its own words', async () => {
    const words = (time: number): string =>
      `closed ${new Date(Date.now() + time * HOUR).toString()}, ${1_731_098_245 + time}, Request ID: ${time}1b2c3d4-0000`;
    const attempts = failAs(words);
    await createPullSecret(world.api, namespace, 'login');
    const status = await world.status(path, (found) => conditionOf(found, 'Ready')?.status === 'False');
    assert.match(
      conditionOf(status, 'Ready')?.message ?? '',
      /\(Closed\): closed .*GMT.*, 1731098246, Request ID: 11b2c3d4/,
    );
    attempts();
    // An Event, too, is repeated once in half an hour.
    assert.deepEqual(await tryAgain(4, attempts), { statuses: 0, events: 0 });
    assert.deepEqual(await tryAgain(4, attempts, 1), { statuses: 1, events: 1 });
  });

  test('by everything, is written some times, and again when its user asks', async () => {
    const attempts = failAs((time) => `closed by ${'-no'.repeat(time)}`);
    await createPullSecret(world.api, namespace, 'login');
    await world.status(path, (found) => conditionOf(found, 'Ready')?.status === 'False');
    attempts();
    const { statuses } = await tryAgain(25, attempts);
    // Ten at once, and one more each quarter of an hour, in 150 minutes: of 25.
    assert.ok(statuses >= 10 && statuses <= 20, `${statuses} statuses`);
    await world.api.merge(path, { metadata: { annotations: { [RECONCILE_AT_ANNOTATION]: 'now' } } });
    const latest = '-no'.repeat(attempts());
    await world.status(path, (found) => conditionOf(found, 'Ready')?.message.endsWith(latest) === true);
  });

  for (const code of [403, 404, 422, 500])
    test(`by times, is written once in half an hour where a webhook tells it with ${code}, and over when the webhook allows it`, async () => {
      let reviews = 0;
      let isOpen = false;
      const webhook = await startForeignWebhook(world.api, {
        kind: 'ValidatingWebhookConfiguration',
        name,
        answer: () => {
          reviews += 1;
          const message = `it is ${new Date(Date.now() + reviews * HOUR).toISOString()}`;
          const details = { kind: 'configmaps', name: 'policy' };
          return isOpen ? { allowed: true } : { allowed: false, status: { code, message, details } };
        },
      });
      try {
        await createPullSecret(world.api, namespace, 'login');
        const { problems } = await world.status(path, (found) => found.problems !== undefined);
        assert.match(problems?.items[0]?.message ?? '', /denied the request: it is 2\d{3}-/);
        assert.deepEqual(await tryAgain(3, () => reviews), { statuses: 0, events: 0 });
        isOpen = true;
        clock.travel(6 * MINUTE);
        await world.ready(path);
        assert.equal((await world.api.get(SECRET_PATH(namespace, 'ecr-login'))).status, 200);
      } finally {
        await webhook.stop();
      }
    });
});
