// A foreign admission webhook that rewrites the operator's Secrets: the status reports it, and the operator does not
// fight at full speed.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { RECONCILE_AT_ANNOTATION } from '../../src/api/names.ts';
import { type DurationMs, MINUTE, SECOND } from '../../src/lib/time.ts';
import { type ForeignWebhook, startForeignWebhook } from '../../testing/api-server/foreign-webhook.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { asTimePasses } from '../../testing/clocks/as-time-passes.ts';
import { createTravelClock } from '../../testing/clocks/travel-clock.ts';
import { type FaultProxy, startFaultProxy } from '../../testing/network/fault-proxy.ts';
import {
  conditionOf,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { createPullSecret } from './manifests.ts';

/** What the webhook writes in place of the operator's content, at its n-th review; undefined: it changes nothing. */
type Rewrite = (review: number) => string;
const ONE_WAY: Rewrite = () => '{"auths":{"mirror.example.com":{"auth":"bWU6bWU="}}}';
const EVER_NEW: Rewrite = (review) => `{"auths":{"mirror.example.com":{"auth":"bWU6bWU=","email":"${review}"}}}`;

// Rule 10
describe('an admission webhook that rewrites the content of secrets', () => {
  const world = useWorld();
  const name = `rewrites-${randomBytes(4).toString('hex')}`;
  const labels = { [name]: 'yes' };
  const clock = createTravelClock();
  let webhook: ForeignWebhook;
  let proxy: FaultProxy;
  let operator: RunningOperator;
  let rewrite: Rewrite | undefined;
  let reviews = 0;
  /** What it writes into the label `team`; undefined: nothing. */
  let team: string | undefined;
  /** The webhook answers when it resolves. */
  let answered: Promise<void> = Promise.resolve();

  const answer = async (): Promise<object> => {
    reviews += 1;
    await answered;
    const changes = [
      ...(rewrite ? [{ op: 'replace', path: '/data/.dockerconfigjson', value: base64(rewrite(reviews)) }] : []),
      ...(team === undefined ? [] : [{ op: 'add', path: '/metadata/labels/team', value: team }]),
    ];
    if (changes.length === 0) return { allowed: true };
    return { allowed: true, patchType: 'JSONPatch', patch: base64(JSON.stringify(changes)) };
  };

  before(async () => {
    webhook = await startForeignWebhook(world.api, { kind: 'MutatingWebhookConfiguration', name, answer });
    proxy = await startFaultProxy(world.plane, world.token);
    operator = await world.startOperator({ clock, access: proxy.access });
  });
  after(async () => {
    await operator.stop();
    await proxy.stop();
    await webhook.stop();
  });

  /** Of the objects in a namespace, since the operator started. */
  const rounds = (namespace: string): number => lines(namespace, '"msg":"Reconciled"').length;
  const lines = (...having: readonly string[]): readonly string[] =>
    operator
      .output()
      .split('\n')
      .filter((line) => having.every((text) => line.includes(text)));

  for (const [how, rewriting] of Object.entries({ 'in one way': ONE_WAY, 'in another way each time': EVER_NEW })) {
    test(`${how} leaves the object not Ready until it lets them be`, async () => {
      rewrite = rewriting;
      const namespace = await world.api.createNamespace(labels);
      const path = NAMESPACED_PATH(namespace, 'login');
      const before = { reviews, calls: world.aws.calls() };
      await createPullSecret(world.api, namespace, 'login');
      const status = await world.status(path, ({ problems }) => problems?.items[0]?.reason === 'SecretContested');
      assert.equal(conditionOf(status, 'Ready')?.status, 'False');
      assert.ok(reviews - before.reviews < 20, `${reviews - before.reviews} writes`);

      // Written once more, it is no better: the status does not say so even for a moment.
      const since = conditionOf(status, 'Ready')?.lastTransitionTime;
      for (let turn = 0; turn < 3; turn += 1) {
        const [seen, done] = [reviews, rounds(namespace)];
        clock.travel(5 * MINUTE);
        // One attempt writes it, and one sees what became of that.
        await eventually(() => (reviews > seen && rounds(namespace) >= done + 2 ? true : undefined));
        await operator.idle();
        const { status: told } = await world.api.must('GET', path);
        assert.deepEqual(
          [conditionOf(told, 'Ready')?.status, conditionOf(told, 'Ready')?.lastTransitionTime],
          ['False', since],
        );
      }

      rewrite = undefined;
      await world.api.merge(path, { metadata: { annotations: { [RECONCILE_AT_ANNOTATION]: 'now' } } });
      await eventually(async () => {
        const { body } = await world.api.get(SECRET_PATH(namespace, 'ecr-login'));
        return Buffer.from(body.data['.dockerconfigjson'], 'base64').includes('mirror.example.com') ? undefined : true;
      });
      clock.travel(2 * SECOND);
      await world.ready(path);
      assert.ok(world.aws.calls() - before.calls <= 2);
    });
  }

  test('is reported, and its secrets are restored more and more rarely, however slowly it answers', async () => {
    rewrite = EVER_NEW;
    const namespace = await world.api.createNamespace(labels);
    const path = NAMESPACED_PATH(namespace, 'slow');
    const isContested = async (): Promise<boolean> =>
      (await world.api.get(path)).body.status?.problems?.items[0]?.reason === 'SecretContested';
    const before = reviews;
    let { promise, resolve } = Promise.withResolvers<void>();
    answered = promise;
    await createPullSecret(world.api, namespace, 'slow');
    // Each write takes longer than its caller waits for it.
    for (let write = before + 1; ; write += 1) {
      const next = await asTimePasses(clock, (3 * SECOND) as DurationMs, async () =>
        reviews >= write ? 'write' : (await isContested()) ? 'told' : undefined,
      );
      if (next === 'told') break;
      assert.ok(write - before < 15, `${write - before} writes, and the status says nothing`);
      clock.travel(3 * SECOND);
      await operator.idle();
      const answer = resolve;
      ({ promise, resolve } = Promise.withResolvers<void>());
      answered = promise;
      answer();
    }
    const written = reviews;
    await operator.idle();
    assert.equal(conditionOf((await world.api.must('GET', path)).status, 'Ready')?.status, 'False');
    assert.equal(reviews, written, 'without time that passes, none is written');
    rewrite = undefined;
    answered = Promise.resolve();
    resolve();
    await world.api.must('DELETE', path);
  });

  test('is reported, though it only changes a label of the template, and rests until that is let be', async () => {
    rewrite = undefined;
    team = 'theirs';
    const namespace = await world.api.createNamespace(labels);
    const path = NAMESPACED_PATH(namespace, 'labelled');
    const before = reviews;
    await createPullSecret(world.api, namespace, 'labelled', { secretTemplate: { labels: { team: 'shop' } } });
    const status = await world.status(path, ({ problems }) => problems?.items[0]?.reason === 'SecretContested');
    assert.equal(conditionOf(status, 'Ready')?.status, 'False');
    assert.match(status.problems?.items[0]?.message ?? '', /is as before after it was written/);
    await operator.idle();
    assert.ok(reviews - before < 20, `${reviews - before} writes`);

    team = undefined;
    await world.api.merge(path, { metadata: { annotations: { [RECONCILE_AT_ANNOTATION]: 'now' } } });
    await eventually(async () => {
      const { metadata } = await world.api.must('GET', SECRET_PATH(namespace, 'ecr-login'));
      return metadata.labels.team === 'shop' ? true : undefined;
    });
    clock.travel(2 * SECOND);
    await world.ready(path);
    await world.api.must('DELETE', path);
  });

  test('is not reported as over while no watch shows what became of the last write', async () => {
    rewrite = EVER_NEW;
    const namespace = await world.api.createNamespace(labels);
    const path = NAMESPACED_PATH(namespace, 'unseen');
    await createPullSecret(world.api, namespace, 'unseen');
    const contested = await world.status(path, ({ problems }) => problems?.items[0]?.reason === 'SecretContested');
    const updates = (): number => lines(namespace, '"msg":"Wrote secrets"').length;
    const heard = Promise.withResolvers<'pass'>();
    proxy.decide(({ method, path: asked }) =>
      method === 'GET' && asked === '/api/v1/secrets' ? heard.promise : 'pass',
    );
    proxy.holdStreams(true);
    const written = updates();
    await eventually(async () => {
      // A write that is under way would end by the clock.
      await operator.idle();
      clock.travel(SECOND);
      return updates() > written ? true : undefined;
    });
    for (let turn = 0; turn < 3; turn += 1) {
      await operator.idle();
      clock.travel(3 * SECOND);
    }
    await operator.idle();
    const { status } = await world.api.must('GET', path);
    assert.deepEqual(conditionOf(status, 'Ready'), conditionOf(contested, 'Ready'));

    rewrite = undefined;
    heard.resolve('pass');
    proxy.holdStreams(false);
    await eventually(async () => {
      clock.travel(MINUTE);
      const told = (await world.api.must('GET', path)).status;
      return conditionOf(told, 'Ready')?.status === 'True' ? true : undefined;
    });
  });
});

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
