// What AWS and the cluster's webhooks say of one fault differs at each attempt by times and numbers: the status does
// not, so that an attempt in vain writes nothing.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { HOUR, MINUTE } from '../../src/lib/time.ts';
import { startForeignWebhook } from '../../testing/api-server/foreign-webhook.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createTravelClock, type TravelClock } from '../../testing/clocks/travel-clock.ts';
import { untilNothingIsUnderWay } from '../../testing/operator/under-way.ts';
import { conditionOf, NAMESPACED_PATH, type RunningOperator, useWorld } from '../../testing/operator/world.ts';
import { createPullSecret } from './manifests.ts';

const ATTEMPTS = 3;

// Rule 11
describe('a fault that is told in other numbers at each attempt', () => {
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
    await operator.stop();
    world.aws.faults.clear();
  });

  const version = async (): Promise<string> => (await world.api.must('GET', path)).metadata.resourceVersion;
  /** Lets the object be tried again some times. @param attempts  how many there were so far */
  const tryAgain = async (attempts: () => number): Promise<void> => {
    for (let tried = 0; tried < ATTEMPTS; tried += 1) {
      const before = attempts();
      clock.travel(6 * MINUTE);
      await eventually(() => (attempts() > before ? true : undefined));
      await untilNothingIsUnderWay(operator);
    }
  };

  test('is written into the status once, where AWS tells it', async () => {
    let asked = 0;
    const fail = (): void => {
      asked += 1;
      const at = new Date(Date.now() + asked * HOUR).toISOString();
      const numbers = `${1_731_098_245 + asked}, Request ID: 0a1b2c3d-0000-4000-8000-00000000000${asked}`;
      world.aws.faults.failNext(1, { op: 'error', status: 400, code: 'Closed', message: `closed ${at}, ${numbers}` });
    };
    const attempts = (): number => {
      // Each attempt takes the fault that was there, and finds the next.
      if (world.aws.calls() > asked - 1) fail();
      return asked;
    };
    world.aws.clearLog();
    fail();
    await createPullSecret(world.api, namespace, 'login');
    const status = await world.status(path, (found) => conditionOf(found, 'Ready')?.status === 'False');
    assert.equal(
      conditionOf(status, 'Ready')?.message,
      'login to eu-west-1: ECR in eu-west-1 answered (Closed): closed …, …, Request ID: …',
    );
    await untilNothingIsUnderWay(operator);
    const told = await version();
    attempts();
    await tryAgain(attempts);
    assert.equal(await version(), told);
  });

  test('is written into the status once, where a webhook of the cluster tells it', async () => {
    let reviews = 0;
    const webhook = await startForeignWebhook(world.api, {
      kind: 'ValidatingWebhookConfiguration',
      name,
      answer: () => {
        reviews += 1;
        const message = `current time ${new Date(Date.now() + reviews * HOUR).toISOString()} is after office hours`;
        return { allowed: false, status: { code: 403, message } };
      },
    });
    try {
      await createPullSecret(world.api, namespace, 'login');
      const { problems } = await world.status(path, (found) => found.problems !== undefined);
      assert.match(problems?.items[0]?.message ?? '', /denied the request: current time … is after office hours$/);
      await untilNothingIsUnderWay(operator);
      const told = await version();
      await tryAgain(() => reviews);
      assert.equal(await version(), told);
    } finally {
      await webhook.stop();
    }
  });
});
