// Two operators that each believe to be the only one: no secret goes back to an earlier login, and they come to rest.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { LoginStatus } from '../../src/api/schema.ts';
import { type SecretWatch, watchSecrets } from '../../testing/api-server/secret-watch.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createTravelClock, type TravelClock } from '../../testing/clocks/travel-clock.ts';
import { startFaultProxy } from '../../testing/network/fault-proxy.ts';
import {
  CLUSTER_PATH,
  GOOD_KEY,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { createClusterPullSecret, createPullSecret, passwordOf } from './manifests.ts';

const HOUR = 3_600_000;
const MINUTE = 60_000;
const SECOND = 1_000;

// Rule 7
describe('of two operators', () => {
  const world = useWorld();
  let clocks: readonly TravelClock[] = [];
  let operators: readonly RunningOperator[] = [];
  let watch: SecretWatch;
  let namespace = '';
  let name = '';

  beforeEach(async () => {
    world.aws.faults.clear();
    world.aws.setTokenLife(12 * HOUR);
    world.aws.clearLog();
    namespace = await world.api.createNamespace();
    name = `ecr-${namespace}`;
    const { metadata } = await world.api.must('GET', '/api/v1/secrets?limit=1');
    watch = watchSecrets(world.plane, metadata.resourceVersion);
    clocks = [createTravelClock(), createTravelClock()];
    operators = await Promise.all(clocks.map((clock) => world.startOperator({ clock })));
  });
  afterEach(async () => {
    watch.stop();
    await world.api.send('DELETE', NAMESPACED_PATH(namespace, 'login'));
    await Promise.all(operators.map((operator) => operator.stop()));
  });

  /** Waits until no operator works, or writes, any more. */
  const atRest = async (): Promise<void> => {
    let last = -1;
    await eventually(async () => {
      await Promise.all(operators.map((operator) => operator.idle()));
      const counts = await Promise.all(operators.map((operator) => operator.mutations()));
      const sum = counts.reduce((one, other) => one + other, 0);
      const same = sum === last;
      last = sum;
      await new Promise((resolve) => void setTimeout(resolve, 300));
      return same ? true : undefined;
    });
  };
  /**
   * Its watches, which the jump of the clock has cut, have brought the status with this end, and it has reconciled
   * that.
   */
  const hasLearned = async (operator: RunningOperator | undefined, end = ''): Promise<void> => {
    await eventually(async () => {
      const told = await operator?.metric('ecr_operator_token_expiry_timestamp_seconds');
      return told === Date.parse(end) / 1_000 ? true : undefined;
    });
    await operator?.idle();
  };
  const ends = (): readonly string[] => watch.events(name).map(({ expiry }) => expiry ?? '');
  const assertNeverBack = (): void => assert.deepEqual(ends(), [...ends()].sort());
  const holdsWhatTheStatusTells = async (): Promise<void> => {
    const { body: secret } = await world.api.get(SECRET_PATH(namespace, name));
    const { status } = await world.api.must('GET', NAMESPACED_PATH(namespace, 'login'));
    assert.equal(secret.metadata.annotations.expiry, status.expiresAt);
    assert.ok(world.aws.isValidToken(passwordOf(secret)));
  };

  test('both make one secret of one object, and then rest', async () => {
    await createPullSecret(world.api, namespace, 'login', { secretName: name });
    await world.ready(NAMESPACED_PATH(namespace, 'login'));
    await atRest();
    assertNeverBack();
    await holdsWhatTheStatusTells();
    assert.ok(world.aws.calls() <= 2);
  });

  test('the one with the older login takes the newer one out of the secret, and writes nothing', async () => {
    await createPullSecret(world.api, namespace, 'login', { secretName: name });
    await world.ready(NAMESPACED_PATH(namespace, 'login'));
    await atRest();
    const { logins } = await world.ready(NAMESPACED_PATH(namespace, 'login'));
    const [ahead, behind] = operators;
    const untilDue = Date.parse(logins?.[0]?.nextRefreshAt ?? '') - Date.now();
    // A write that the API server refuses, since the object is another version by now, is none.
    const writes = async (): Promise<readonly (number | undefined)[]> =>
      await Promise.all(
        Object.entries({ POST: '201', PATCH: '200', DELETE: '200' }).map(
          async ([method, code]) => await behind?.metric('rest_client_requests_total', { method, code }),
        ),
      );
    const before = { ends: ends().at(-1), writes: await writes(), calls: world.aws.calls() };
    // The end that AWS names holds for both, whatever their clocks say.
    world.aws.setTokenLife(untilDue + 11 * HOUR);
    clocks[1]?.travel(untilDue - 2 * MINUTE);
    clocks[0]?.travel(untilDue + SECOND);
    await world.status(NAMESPACED_PATH(namespace, 'login'), ({ expiresAt }) => (expiresAt ?? '') > (before.ends ?? ''));
    await atRest();
    assertNeverBack();
    assert.deepEqual(await writes(), before.writes);
    assert.equal(world.aws.calls(), before.calls + 1);
    await holdsWhatTheStatusTells();
    const { expiresAt } = await world.ready(NAMESPACED_PATH(namespace, 'login'));
    await hasLearned(behind, expiresAt);
    // Alone now, it restores the secret with the login that it never fetched.
    await ahead?.stop();
    const { body: secret } = await world.api.get(SECRET_PATH(namespace, name));
    await world.api.must('DELETE', SECRET_PATH(namespace, name));
    const restored = await eventually(async () => {
      const { status, body } = await world.api.get(SECRET_PATH(namespace, name));
      return status === 200 ? body : undefined;
    });
    assert.equal(passwordOf(restored), passwordOf(secret));
    assert.equal(world.aws.calls(), before.calls + 1);
  });

  test('that renew at the same instant, again and again, neither writes an earlier login than there was', async () => {
    await createPullSecret(world.api, namespace, 'login', { secretName: name });
    await world.ready(NAMESPACED_PATH(namespace, 'login'));
    await atRest();
    for (let turn = 1; turn <= 5; turn += 1) {
      const before = ends().at(-1) ?? '';
      // The stand-in's clock stands still: its next tokens must end after the operators' own time.
      world.aws.setTokenLife((12 + 6 * turn) * HOUR);
      for (const clock of clocks) clock.travel(6 * HOUR);
      await world.status(NAMESPACED_PATH(namespace, 'login'), ({ expiresAt }) => (expiresAt ?? '') > before);
      await atRest();
      assertNeverBack();
      await holdsWhatTheStatusTells();
    }
    assert.ok(world.aws.calls() <= 12, `${world.aws.calls()} calls in six rounds of two operators`);
  });

  /** @param lost  the login that was announced and never written, beside the held ones */
  const outlives = async (lost: Partial<LoginStatus>): Promise<void> => {
    await operators[1]?.stop();
    await createPullSecret(world.api, namespace, 'login', { secretName: name });
    const { logins } = await world.ready(NAMESPACED_PATH(namespace, 'login'));
    await atRest();
    const now = Date.now();
    const [told] = logins ?? [];
    assert.ok(told);
    const refreshedAt = secondOf(now);
    const never = { ...told, refreshedAt, ...lost };
    await world.api.merge(`${NAMESPACED_PATH(namespace, 'login')}/status`, { status: { logins: [never] } });
    const calls = world.aws.calls();
    await world.api.must('DELETE', SECRET_PATH(namespace, name));
    await atRest();
    assert.equal((await world.api.get(SECRET_PATH(namespace, name))).status, 404);
    assert.equal(world.aws.calls(), calls);
    world.aws.setTokenLife(12 * HOUR + 2 * MINUTE);
    clocks[0]?.travel(31_000);
    await eventually(async () =>
      (await world.api.get(SECRET_PATH(namespace, name))).status === 200 ? true : undefined,
    );
    await atRest();
    assertNeverBack();
    await holdsWhatTheStatusTells();
    assert.equal(world.aws.calls(), calls + 1);
  };

  test('one that announced a login and died before writing it is waited for, and then replaced', () =>
    outlives({ digest: `sha256:${'0'.repeat(64)}`, expiresAt: secondOf(Date.now() + 12 * HOUR + MINUTE) }));

  test('one that announced a login that ends in the same second, and died, is waited for, and then replaced', () =>
    outlives({ digest: `sha256:${'f'.repeat(64)}` }));

  test('one that announced a login and died keeps the other from nothing while AWS refuses a newer one', async () => {
    await operators[1]?.stop();
    await createPullSecret(world.api, namespace, 'login', { secretName: name });
    const { logins } = await world.ready(NAMESPACED_PATH(namespace, 'login'));
    await atRest();
    const expiresAt = secondOf(Date.now() + 12 * HOUR + MINUTE);
    const lost = {
      ...logins?.[0],
      digest: `sha256:${'0'.repeat(64)}`,
      refreshedAt: secondOf(Date.now() - 40 * SECOND),
      expiresAt,
    };
    const denied = {
      op: 'error',
      status: 400,
      code: 'UnrecognizedClientException',
      message: 'The security token is invalid.',
    } as const;
    world.aws.faults.failWhile(() => true, denied);
    await world.api.merge(`${NAMESPACED_PATH(namespace, 'login')}/status`, { status: { logins: [lost] } });
    const before = passwordOf((await world.api.get(SECRET_PATH(namespace, name))).body);
    await world.api.must('DELETE', SECRET_PATH(namespace, name));
    const status = await world.status(
      NAMESPACED_PATH(namespace, 'login'),
      ({ conditions, secrets }) =>
        secrets?.ready === 1 && (conditions?.some(({ type }) => type === 'Stalled') ?? false),
    );
    assert.ok((status.expiresAt ?? '') < expiresAt);
    assert.equal(passwordOf(await world.api.must('GET', SECRET_PATH(namespace, name))), before);
  });

  test('neither is stopped by an end that no login can have, in a status that a user forged', async () => {
    await createPullSecret(world.api, namespace, 'login', { secretName: name });
    const { logins } = await world.ready(NAMESPACED_PATH(namespace, 'login'));
    await atRest();
    const forged = { ...logins?.[0], digest: `sha256:${'f'.repeat(64)}`, expiresAt: '2099-01-01T00:00:00Z' };
    await world.api.merge(`${NAMESPACED_PATH(namespace, 'login')}/status`, { status: { logins: [forged] } });
    await world.api.must('DELETE', SECRET_PATH(namespace, name));
    await eventually(async () =>
      (await world.api.get(SECRET_PATH(namespace, name))).status === 200 ? true : undefined,
    );
    await world.status(NAMESPACED_PATH(namespace, 'login'), ({ expiresAt }) => (expiresAt ?? '') < '2099');
    await atRest();
    await holdsWhatTheStatusTells();
  });
});

// Rule 12
describe('two operators that cannot agree', () => {
  const world = useWorld();
  test('come to rest, and follow what their user changes', async (t) => {
    const { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY } = GOOD_KEY;
    const env = { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL_ECR: world.aws.url };
    const operators = await Promise.all([{}, { useAmbient: false }].map((own) => world.startOperator({ env, ...own })));
    t.after(() => Promise.all(operators.map((operator) => operator.stop())).then(() => {}));
    const namespace = await world.api.createNamespace();
    const spec = { awsAccess: { region: 'eu-west-1', ambient: {} }, namespaces: [namespace] };
    const name = `disputed-${namespace}`;
    await createClusterPullSecret(world.api, name, spec);
    const writes = async (): Promise<number> => {
      const counts = await Promise.all(operators.map((operator) => operator.mutations()));
      return counts.reduce((one, other) => one + other, 0);
    };
    await world.status(
      CLUSTER_PATH(name),
      ({ conditions }) => conditions?.some(({ type }) => type === 'Stalled') ?? false,
    );
    const rest = await eventually(async () => {
      const before = await writes();
      await new Promise((resolve) => void setTimeout(resolve, 1_000));
      const after = await writes();
      return after <= before + 1 ? after : undefined;
    });
    assert.ok(rest < 60, `${rest} writes`);
    await world.api.merge(CLUSTER_PATH(name), {
      spec: { awsAccess: { ambient: null, accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY } },
    });
    await world.status(
      CLUSTER_PATH(name),
      ({ observedGeneration, conditions }) => observedGeneration === 2 && conditions?.length === 1,
    );
    await world.api.must('DELETE', CLUSTER_PATH(name));
  });
});

// Rule 7
describe('an operator that is overtaken while it writes', () => {
  const world = useWorld();
  test('does not tell of the end of its own login', async (t) => {
    const proxy = await startFaultProxy(world.plane, world.plane.adminToken);
    const operator = await world.startOperator({ access: proxy.access });
    t.after(async () => {
      await operator.stop();
      await proxy.stop();
    });
    const namespace = await world.api.createNamespace();
    const path = NAMESPACED_PATH(namespace, 'login');
    const [asked, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    proxy.decide(async ({ method, path: at }) => {
      if (method === 'POST' && at === SECRET_PATH(namespace)) {
        asked.resolve();
        await answered.promise;
      }
      return 'pass' as const;
    });
    await createPullSecret(world.api, namespace, 'login');
    await asked.promise;
    const expiresAt = secondOf(Date.now() + 12 * HOUR + 2 * MINUTE);
    const login = {
      registry: 'eu-west-1',
      hosts: ['111122223333.dkr.ecr.eu-west-1.amazonaws.com'],
      nextRefreshAt: secondOf(Date.now() + 5 * HOUR),
      digest: `sha256:${'0'.repeat(32)}`,
      refreshedAt: secondOf(Date.now()),
      expiresAt,
    };
    await world.api.merge(`${path}/status`, { status: { logins: [login], expiresAt } });
    await eventually(async () => {
      const told = await operator.metric('ecr_operator_token_expiry_timestamp_seconds');
      return told === Date.parse(expiresAt) / SECOND ? true : undefined;
    });
    answered.resolve();
    await eventually(async () =>
      (await world.api.get(SECRET_PATH(namespace, 'ecr-login'))).status === 200 ? true : undefined,
    );
    await operator.idle();
    assert.equal((await world.api.must('GET', path)).status.expiresAt, expiresAt);
    await world.api.must('DELETE', path);
  });
});

function secondOf(instant: number): string {
  return `${new Date(instant).toISOString().slice(0, 19)}Z`;
}
