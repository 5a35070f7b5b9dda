// A foreign admission webhook that does not answer, in more namespaces than requests are in flight: no other object
// waits.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { type ForeignWebhook, startForeignWebhook } from '../../testing/api-server/foreign-webhook.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import {
  CLUSTER_PATH,
  conditionOf,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { createClusterPullSecret, createPullSecret } from './manifests.ts';

const COUNT = 40;

// Rule 9
describe('an admission webhook that hangs', () => {
  const world = useWorld();
  const name = `hangs-${randomBytes(4).toString('hex')}`;
  const labels = { [name]: 'yes' };
  let webhook: ForeignWebhook;
  let operator: RunningOperator;
  let hanging: readonly string[] = [];
  let hangs = false;
  let turnsAway = false;
  const answers: (() => void)[] = [];

  const answer = async (): Promise<object> => {
    if (hangs) await new Promise<void>((resolve) => void answers.push(resolve));
    return turnsAway
      ? { allowed: false, status: { code: 429, message: 'too many requests for me' } }
      : { allowed: true };
  };

  before(async () => {
    const kind = 'ValidatingWebhookConfiguration';
    webhook = await startForeignWebhook(world.api, { kind, name, timeoutSeconds: 30, answer });
    hanging = await Promise.all(Array.from({ length: COUNT }, () => world.api.createNamespace(labels)));
    operator = await world.startOperator();
    hangs = true;
  });
  after(async () => {
    hangs = false;
    for (const release of answers) release();
    await operator.stop();
    await webhook.stop();
  });

  const isServed = async (namespace: string, secret = 'ecr-login'): Promise<true> =>
    await eventually(async () =>
      (await world.api.get(SECRET_PATH(namespace, secret))).status === 200 ? true : undefined,
    );

  test('in forty namespaces keeps no new object of another one from its secret, and no secret from its repair', async () => {
    for (const namespace of hanging) await createPullSecret(world.api, namespace, 'login');
    await eventually(() => (answers.length >= COUNT ? true : undefined));
    const good = await world.api.createNamespace();
    await createPullSecret(world.api, good, 'login');
    await world.ready(NAMESPACED_PATH(good, 'login'));
    await world.api.must('DELETE', SECRET_PATH(good, 'ecr-login'));
    await isServed(good);
    const waiting = await Promise.all(hanging.map((namespace) => world.api.get(SECRET_PATH(namespace, 'ecr-login'))));
    assert.ok(
      waiting.every(({ status }) => status === 404),
      'those of the others still hang',
    );
  });

  test('in most namespaces of an object keeps the others from nothing: they are served, and repaired', async () => {
    const good = await Promise.all(Array.from({ length: 5 }, () => world.api.createNamespace()));
    // By name those that hang come first, as far as names determine it.
    await createClusterPullSecret(world.api, name, { namespaces: [...hanging, ...good], secretName: 'of-cluster' });
    for (const namespace of good) await isServed(namespace, 'of-cluster');
    const [one = ''] = good;
    await world.api.must('DELETE', SECRET_PATH(one, 'of-cluster'));
    await isServed(one, 'of-cluster');
    assert.equal((await world.api.get(SECRET_PATH(hanging[0] ?? '', 'of-cluster'))).status, 404);
  });

  test('is reported in the status in the end, and all is well when it answers', async () => {
    const path = NAMESPACED_PATH(hanging[0] ?? '', 'login');
    const status = await world.status(path, (found) => (found.problems?.count ?? 0) > 0);
    assert.match(status.problems?.items[0]?.message ?? '', /does an admission webhook not answer/);
    assert.equal(conditionOf(status, 'Ready')?.status, 'False');
    hangs = false;
    for (const answer of answers.splice(0)) answer();
    await world.ready(path, 60_000);
    await world.status(CLUSTER_PATH(name), ({ secrets }) => secrets?.ready === COUNT + 5, 60_000);
  });

  test('no more, but refuses writes again and again, is reported in the status too', async () => {
    turnsAway = true;
    const namespace = await world.api.createNamespace(labels);
    const path = NAMESPACED_PATH(namespace, 'login');
    await createPullSecret(world.api, namespace, 'login');
    const status = await world.status(path, (found) => (found.problems?.count ?? 0) > 0);
    assert.match(status.problems?.items[0]?.message ?? '', /too many requests for me/);
    turnsAway = false;
    await world.ready(path, 60_000);
  });
});
