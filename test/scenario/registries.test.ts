// Several registries in one secret: each login stands for itself, and content that no secret can hold is refused before
// any write.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
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

const [OWN, OTHER] = ['eu-west-1', 'us-east-1'].map((region) => `111122223333.dkr.ecr.${region}.amazonaws.com`);

describe('several registries', () => {
  const world = useWorld();
  let clock: TravelClock;
  let operator: RunningOperator;
  let namespace = '';
  let path = '';

  before(async () => {
    clock = createTravelClock();
    operator = await world.startOperator({ clock });
  });
  after(async () => {
    await operator.stop();
  });
  beforeEach(async () => {
    namespace = await world.api.createNamespace();
    path = NAMESPACED_PATH(namespace, 'login');
    world.aws.faults.clear();
  });
  afterEach(async () => {
    await world.api.send('DELETE', path);
  });

  const hosts = async (): Promise<readonly string[]> => {
    const { data } = await world.api.must('GET', SECRET_PATH(namespace, 'ecr-login'));
    const { auths } = JSON.parse(Buffer.from(data['.dockerconfigjson'], 'base64').toString()) as { auths: object };
    return Object.keys(auths);
  };
  const twoRegions = { registries: { regions: ['us-east-1'] } };
  const refuseOther = (): void =>
    world.aws.faults.failWhile(({ region }) => region === 'us-east-1', {
      op: 'error',
      status: 400,
      code: 'AccessDeniedException',
      message: 'not in this region',
    });

  // Rules 7, 9
  test('of which one is denied give a secret with the other, and all have a login when it is corrected', async () => {
    refuseOther();
    await createPullSecret(world.api, namespace, 'login', twoRegions);
    const status = await world.status(path, (found) => conditionOf(found, 'Ready')?.status === 'False');
    assert.equal(conditionOf(status, 'Ready')?.reason, 'GetAWSAuthTokenFailed');
    assert.equal(
      conditionOf(status, 'Ready')?.message,
      'login to us-east-1: AWS denied the login (AccessDeniedException): not in this region',
    );
    assert.deepEqual(
      status.logins?.map(({ registry }) => registry),
      ['eu-west-1'],
    );
    assert.deepEqual(await hosts(), [OWN]);
    world.aws.faults.clear();
    clock.travel(5_000);
    await world.ready(path);
    assert.deepEqual(await hosts(), [OWN, OTHER]);
  });

  // Rule 7
  test('of which one is denied later keep what they have, and the other is renewed', async () => {
    await createPullSecret(world.api, namespace, 'login', twoRegions);
    const before = await world.ready(path);
    refuseOther();
    // From now on tokens must end after the operator's clock.
    world.aws.setTokenLife(24 * 3_600_000);
    clock.travel(6 * 3_600_000);
    const after = await world.status(path, (found) => conditionOf(found, 'Stalled') !== undefined);
    const digests = (of: typeof before): readonly (string | undefined)[] =>
      (of.logins ?? []).map(({ digest }) => digest);
    assert.equal(conditionOf(after, 'Ready')?.status, 'True');
    assert.notEqual(digests(after)[0], digests(before)[0]);
    assert.equal(digests(after)[1], digests(before)[1]);
    assert.deepEqual(await hosts(), [OWN, OTHER]);
  });

  // Rule 14
  test('that no secret can hold are refused with a reason, and the present content stays', async () => {
    await createPullSecret(world.api, namespace, 'login');
    await world.ready(path);
    const held = (await world.api.get(SECRET_PATH(namespace, 'ecr-login'))).body;
    const accounts = Array.from({ length: 100 }, (_, index) => String(100_000_000_000 + index));
    await world.api.merge(path, { spec: { registries: { accounts, regions: ['us-west-1', 'us-west-2'] } } });
    const status = await world.status(path, (found) => conditionOf(found, 'Ready')?.status === 'False');
    assert.equal(conditionOf(status, 'Ready')?.reason, 'SecretTooLarge');
    assert.equal(conditionOf(status, 'Stalled')?.reason, 'SecretTooLarge');
    assert.match(
      conditionOf(status, 'Ready')?.message ?? '',
      /^the pull secret would hold 303 hosts and 1\.\d MiB, but Kubernetes takes 1 MiB: name fewer regions, accounts or hosts in spec\.registries; the old login holds until /,
    );
    assert.deepEqual((await world.api.get(SECRET_PATH(namespace, 'ecr-login'))).body, held);
    // Its present content stays fresh meanwhile. Each newer login causes another try: one may be small enough for a
    // Secret.
    world.aws.setTokenLife(48 * 3_600_000);
    let [last, until] = [passwordOf(held), status.expiresAt ?? ''];
    for (let turn = 0; turn < 2; turn += 1) {
      const calls = world.aws.calls();
      clock.travel(6 * 3_600_000);
      await eventually(() => (world.aws.calls() >= calls + 3 ? true : undefined));
      // The key comes back when the answers are there.
      await eventually(async () => {
        const { body } = await world.api.get(SECRET_PATH(namespace, 'ecr-login'));
        return passwordOf(body) === last ? undefined : true;
      });
      await operator.idle();
      const { body: now } = await world.api.get(SECRET_PATH(namespace, 'ecr-login'));
      assert.equal(now.metadata.uid, held.metadata.uid);
      last = passwordOf(now);
      assert.deepEqual(await hosts(), [OWN]);
      const told = (await world.api.must('GET', path)).status;
      assert.equal(conditionOf(told, 'Ready')?.reason, 'SecretTooLarge');
      assert.deepEqual(told.secrets, { desired: 1, ready: 1, summary: '1/1' });
      assert.ok(told.expiresAt > until, 'the old login holds longer');
      until = told.expiresAt;
    }
    await world.api.merge(path, { spec: { registries: { accounts: accounts.slice(0, 10) } } });
    await world.ready(path);
    assert.equal((await hosts()).length, 33);
  });
});
