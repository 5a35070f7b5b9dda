// A renewed login reaches every namespace in turn, is reported once, and delays no other write.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { RECONCILE_AT_ANNOTATION } from '../../src/api/names.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import { watchSecrets } from '../../testing/api-server/secret-watch.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createTravelClock, type TravelClock } from '../../testing/clocks/travel-clock.ts';
import { startFaultProxy } from '../../testing/network/fault-proxy.ts';
import { CLUSTER_PATH, NAMESPACED_PATH, SECRET_PATH, useWorld } from '../../testing/operator/world.ts';
import { createClusterPullSecret, createPullSecret } from './manifests.ts';

const HOUR = 3_600_000;
const COUNT = 70;

// Rules 2, 12
describe('a login in many namespaces', () => {
  const world = useWorld();
  const namespaces: string[] = [];
  let clock: TravelClock;

  before(async () => {
    clock = createTravelClock();
    await world.startOperator({ clock });
    for (let turn = 0; turn < COUNT; turn += 1) namespaces.push(await world.api.createNamespace());
    await createClusterPullSecret(world.api, 'renewed', { namespaces, secretName: 'renewed' });
    await world.status(CLUSTER_PATH('renewed'), ({ secrets }) => secrets?.ready === COUNT);
  });

  test('is renewed in all of them, one after the other, in place, by one call, and reported by one event', async (t) => {
    const { metadata } = await world.api.must('GET', '/api/v1/secrets?limit=1');
    const watch = watchSecrets(world.plane, metadata.resourceVersion);
    t.after(() => watch.stop());
    world.aws.clearLog();
    world.aws.setTokenLife(18 * HOUR);
    clock.travel(6 * HOUR);
    const renewed = (): number => new Set(watch.events('renewed').map(({ namespace }) => namespace)).size;
    await eventually(() => (renewed() > 0 ? true : undefined));
    const first = namespaces.find((name) => !watch.events('renewed').some(({ namespace }) => namespace === name));
    assert.ok(first !== undefined, 'some wait for their turn');
    // A Secret deleted meanwhile does not wait.
    await world.api.must('DELETE', SECRET_PATH(first, 'renewed'));
    await eventually(() => (renewed() === COUNT ? true : undefined), 20_000);
    const { status } = await world.api.must('GET', CLUSTER_PATH('renewed'));
    assert.equal(status.conditions[0].status, 'True');
    const types = watch.events('renewed').filter(({ namespace }) => namespace !== first);
    assert.deepEqual(new Set(types.map(({ type }) => type)), new Set(['MODIFIED']));
    assert.equal(types.length, COUNT - 1, 'each is written once');
    assert.ok(types.every(({ expiry }) => expiry === status.expiresAt));
    assert.equal(world.aws.calls(), 1);
    await eventually(async () => {
      const { items } = await world.api.must('GET', '/apis/events.k8s.io/v1/namespaces/default/events');
      const told = items.filter(
        (event: { regarding: { name: string }; reason: string }) =>
          event.regarding.name === 'renewed' && event.reason === 'SecretUpdateSuccess',
      );
      return told.length === 1 ? true : undefined;
    });
  });
});

// Rule 5
describe('a login that lives twenty seconds', () => {
  const world = useWorld();

  test('is renewed in time, in every namespace, again and again', async (t) => {
    const clock = createTravelClock();
    const { idle } = await world.startOperator({ clock });
    const namespaces = [await world.api.createNamespace(), await world.api.createNamespace()];
    const { metadata } = await world.api.must('GET', '/api/v1/secrets?limit=1');
    const watch = watchSecrets(world.plane, metadata.resourceVersion);
    t.after(() => watch.stop());
    const life = 20 * SECOND;
    world.aws.setTokenLife(life);
    await createClusterPullSecret(world.api, 'short', { namespaces, secretName: 'short' });
    await world.status(CLUSTER_PATH('short'), ({ secrets }) => secrets?.ready === namespaces.length);
    const begun = clock.now();
    for (let passed: number = SECOND; passed <= MINUTE; passed += SECOND) {
      // The clock of AWS stands still meanwhile.
      world.aws.setTokenLife(life + passed);
      clock.travel(SECOND);
      await idle();
      for (const namespace of namespaces) {
        const { body } = await world.api.get(SECRET_PATH(namespace, 'short'));
        assert.ok(Date.parse(body.metadata.annotations.expiry) > clock.now(), `ended after ${passed} ms`);
      }
    }
    // The time that the machine took has passed as well. A renewal comes after 40 % of a life at the earliest.
    const took = clock.now() - begun;
    assert.ok(took >= MINUTE);
    const calls = world.aws.calls();
    assert.ok(calls >= 5 && calls <= 4 + took / (0.4 * life), `${calls} calls in ${took} ms`);
    for (const namespace of namespaces) {
      const ends = watch
        .events('short')
        .filter((event) => event.namespace === namespace)
        .map(({ expiry }) => expiry ?? '');
      assert.deepEqual(ends, [...ends].sort(), 'never back');
    }
  });
});

// Rule 9
describe('an object whose metadata another program changes all the time', () => {
  const world = useWorld();

  for (const [what, annotation, delay] of [
    ['an annotation', 'example.com/seen-at', 0],
    ['the mark for a fresh login', RECONCILE_AT_ANNOTATION, 0],
    ['an annotation, ten times while a status is on its way', 'example.com/seen-at', 100],
  ] as const) {
    test(`(${what}) has its login renewed, and its status written, all the same`, async (t) => {
      const clock = createTravelClock();
      const proxy = await startFaultProxy(world.plane, world.plane.adminToken);
      const operator = await world.startOperator({ clock, access: proxy.access });
      t.after(async () => {
        await operator.stop();
        await proxy.stop();
      });
      world.aws.setTokenLife(12 * HOUR);
      const namespace = await world.api.createNamespace();
      const path = NAMESPACED_PATH(namespace, 'restless');
      await createPullSecret(world.api, namespace, 'restless', { secretName: 'restless' });
      const before = await world.ready(path);
      proxy.decide(async ({ path: asked }) => {
        if (asked.endsWith('/status')) await new Promise((resolve) => void setTimeout(resolve, delay));
        return 'pass' as const;
      });
      let changes = 0;
      const over = new AbortController();
      const change = async (): Promise<void> => {
        while (!over.signal.aborted) {
          changes += 1;
          await world.api.merge(path, { metadata: { annotations: { [annotation]: String(changes) } } });
        }
      };
      const changing = Promise.all([change(), change(), change(), change()]);
      world.aws.setTokenLife(18 * HOUR);
      clock.travel(6 * HOUR);
      try {
        const status = await world.status(path, ({ expiresAt }) => (expiresAt ?? '') > (before.expiresAt ?? ''));
        await eventually(async () => {
          const { annotations } = (await world.api.must('GET', SECRET_PATH(namespace, 'restless'))).metadata;
          return annotations.expiry >= (status.expiresAt ?? '~') ? true : undefined;
        });
      } finally {
        over.abort();
        await changing;
      }
      assert.ok(changes > 10, `only ${changes} changes`);
    });
  }
});
