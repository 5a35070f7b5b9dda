// The operator undoes changes of a pull secret at once, without a call of AWS.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { MINUTE } from '../../src/lib/time.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createTravelClock } from '../../testing/clocks/travel-clock.ts';
import {
  conditionOf,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { createPullSecret } from './manifests.ts';

describe('drift of a pull secret', () => {
  const world = useWorld();
  let operator: RunningOperator;
  let namespace = '';
  let path = '';
  let calls = 0;

  before(async () => {
    operator = await world.startOperator();
    namespace = await world.api.createNamespace();
    await createPullSecret(world.api, namespace, 'login');
    await world.ready(NAMESPACED_PATH(namespace, 'login'));
    path = SECRET_PATH(namespace, 'ecr-login');
    calls = world.aws.calls();
  });

  /** The Secret once it is as wanted again. */
  const restored = async (data: string, notUid?: string): Promise<{ uid: string }> =>
    await eventually(async () => {
      const { status, body } = await world.api.get(path);
      const isBack = status === 200 && body.data['.dockerconfigjson'] === data && body.metadata.uid !== notUid;
      return isBack ? body.metadata : undefined;
    });

  /** Requests that changed something, once no attempt runs and two reads agree: Events go out by themselves. */
  const settled = async (): Promise<number> => {
    let last = -1;
    return await eventually(async () => {
      await operator.idle();
      const now = await operator.mutations();
      const same = now === last;
      last = now;
      await new Promise((resolve) => void setTimeout(resolve, 200));
      return same ? now : undefined;
    });
  };

  // Rule 10
  test('a deleted secret is back with the same login', async () => {
    const { body: secret } = await world.api.get(path);
    await world.api.must('DELETE', path);
    await restored(secret.data['.dockerconfigjson'], secret.metadata.uid);
    assert.equal(world.aws.calls(), calls);
  });

  // Rule 10
  test('an edited secret gets its content back in place', async () => {
    const { body: secret } = await world.api.get(path);
    await world.api.merge(path, { data: { '.dockerconfigjson': Buffer.from('{"auths":{}}').toString('base64') } });
    const { uid } = await restored(secret.data['.dockerconfigjson']);
    assert.equal(uid, secret.metadata.uid);
    assert.equal(world.aws.calls(), calls);
  });

  // Rule 10
  test('a forged end on the secret is put right', async () => {
    const { body: secret } = await world.api.get(path);
    await world.api.merge(path, { metadata: { annotations: { expiry: '2099-01-01T00:00:00Z' } } });
    const annotations = await eventually(async () => {
      const { body } = await world.api.get(path);
      return body.metadata.annotations.expiry === secret.metadata.annotations.expiry
        ? body.metadata.annotations
        : undefined;
    });
    assert.equal(annotations.expiry, secret.metadata.annotations.expiry);
  });

  // Rule 1
  test("a secret without the operator's labels is taken back in place", async () => {
    const { body: secret } = await world.api.get(path);
    await world.api.merge(path, { metadata: { labels: null } });
    await eventually(async () => {
      const { body } = await world.api.get(path);
      return body.metadata.labels?.['app.kubernetes.io/managed-by'] && body.metadata.uid === secret.metadata.uid
        ? true
        : undefined;
    });
    assert.equal(world.aws.calls(), calls);
  });

  test('labels and data that another writer adds stay', async () => {
    await world.api.merge(path, {
      metadata: { labels: { team: 'a' } },
      data: { note: Buffer.from('mine').toString('base64') },
    });
    const { body: secret } = await world.api.get(path);
    await world.api.must('DELETE', path);
    await restored(secret.data['.dockerconfigjson'], secret.metadata.uid);
    await world.api.merge(path, { metadata: { labels: { team: 'b' } } });
    await world.api.merge(path, { metadata: { annotations: { expiry: 'x' } } });
    await eventually(async () => {
      const { body } = await world.api.get(path);
      return body.metadata.annotations.expiry === secret.metadata.annotations.expiry &&
        body.metadata.labels.team === 'b'
        ? true
        : undefined;
    });
  });

  // Rule 2
  test('an immutable secret is replaced when its content has to change', async () => {
    const { body: secret } = await world.api.get(path);
    await world.api.merge(path, { immutable: true });
    await world.api.merge(NAMESPACED_PATH(namespace, 'login'), {
      metadata: { annotations: { 'aws.zakariaamine.com/reconcile-at': 'now' } },
    });
    const after = await eventually(async () => {
      const { status, body } = await world.api.get(path);
      return status === 200 && body.metadata.uid !== secret.metadata.uid ? body : undefined;
    });
    assert.notEqual(after.data['.dockerconfigjson'], secret.data['.dockerconfigjson']);
    assert.equal(world.aws.calls(), calls + 1);
    await world.status(
      NAMESPACED_PATH(namespace, 'login'),
      ({ lastHandledReconcileAt }) => lastHandledReconcileAt === 'now',
    );
  });

  // Rule 10
  test('a secret that is deleted again and again is restored less and less often, and the status says so', async () => {
    const other = await world.api.createNamespace();
    const at = NAMESPACED_PATH(other, 'login');
    await createPullSecret(world.api, other, 'login');
    await world.ready(at);
    // The status says so for a second only.
    const status = await eventually(async () => {
      await world.api.send('DELETE', SECRET_PATH(other, 'ecr-login'));
      const { status: found } = await world.api.must('GET', at);
      return found.problems?.items[0]?.reason === 'SecretContested' ? found : undefined;
    });
    assert.equal(conditionOf(status, 'Ready')?.status, 'False');
    assert.match(conditionOf(status, 'Ready')?.message ?? '', /changed or deleted again and again/);
    // Left alone it is restored soon, and the object is Ready.
    const { problems } = await world.ready(at);
    assert.equal(problems, undefined);
    assert.equal(world.aws.calls(), calls + 1);
  });

  // Rule 10
  test('a secret that another client changes again and again is contested by the name that this client gives itself', async () => {
    const other = await world.api.createNamespace();
    const at = NAMESPACED_PATH(other, 'login');
    await createPullSecret(world.api, other, 'login');
    await world.ready(at);
    const spoil = { data: { '.dockerconfigjson': Buffer.from('{"auths":{}}').toString('base64') } };
    const { message } = await eventually(async () => {
      await world.api.merge(`${SECRET_PATH(other, 'ecr-login')}?fieldManager=other-tool`, spoil);
      const { status: found } = await world.api.must('GET', at);
      const [problem] = found.problems?.items ?? [];
      return problem?.reason === 'SecretContested' ? problem : undefined;
    });
    assert.match(message, /was last changed by a client that calls itself "other-tool"$/);
    await world.ready(at);
  });

  // Rule 11
  test('a foreign secret in the way is read again and again, and nothing is written until it is gone', async () => {
    await operator.stop();
    const clock = createTravelClock();
    operator = await world.startOperator({ clock });
    const other = await world.api.createNamespace();
    const at = NAMESPACED_PATH(other, 'conflict');
    await world.api.must('POST', SECRET_PATH(other), { metadata: { name: 'ecr-login' }, type: 'Opaque' });
    await createPullSecret(world.api, other, 'conflict');
    await world.status(at, ({ problems }) => problems?.items[0]?.reason === 'SecretConflict');
    await eventually(async () => {
      const { items } = await world.api.must('GET', `/apis/events.k8s.io/v1/namespaces/${other}/events`);
      return items.find(({ reason }: { reason: string }) => reason === 'SecretConflict');
    });
    const rounds = (): Promise<number> => operator.metric('controller_runtime_reconcile_total');
    const [mutations, asked, from] = [await settled(), world.aws.calls(), await rounds()];
    for (let turn = 1; turn <= 3; turn += 1) {
      clock.travel(5 * MINUTE);
      await eventually(async () => ((await rounds()) >= from + turn ? true : undefined));
    }
    assert.equal(await settled(), mutations);
    assert.equal(world.aws.calls(), asked);
    await world.api.must('DELETE', SECRET_PATH(other, 'ecr-login'));
    clock.travel(5 * MINUTE);
    await world.ready(at);
  });

  // Rule 11
  test('when nothing happens, nothing is written', async () => {
    await world.ready(NAMESPACED_PATH(namespace, 'login'));
    const asked = world.aws.calls();
    const before = await settled();
    await new Promise((resolve) => void setTimeout(resolve, 500));
    assert.equal(await operator.mutations(), before);
    assert.equal(world.aws.calls(), asked);
  });
});
