// Objects with spec.probe: the registry itself is asked whether their login may pull, and the status says what it
// answered, before any pod fails.

import assert from 'node:assert/strict';
import { before, beforeEach, describe, test } from 'node:test';
import { HOUR, MINUTE } from '../../src/lib/time.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createTravelClock, type TravelClock } from '../../testing/clocks/travel-clock.ts';
import { useAwsByName } from '../../testing/operator/aws-by-name.ts';
import {
  conditionOf,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { createEcrRegistry, REFUSALS } from '../../testing/registry/ecr-registry.ts';
import type { Refusal } from '../../testing/registry/oci-registry.ts';
import { ACCESS, createPullSecret, passwordOf } from './manifests.ts';

// Rule 23
describe('an object that asks whether its login may pull', () => {
  const world = useWorld('by name');
  const refusals = new Map<string, Refusal>();
  const registry = createEcrRegistry({
    aws: () => world.aws,
    refusal: (repository) => refusals.get(repository) ?? REFUSALS[repository],
  });
  const asked = new Set<string>();
  const aws = useAwsByName(world, (host, socket) => {
    asked.add(host);
    if (!host.includes('.dkr.ecr.')) return !host.endsWith('.amazonaws.com') && socket.destroy() !== undefined;
    registry.accept(socket);
    return true;
  });
  let clock: TravelClock;
  let operator: RunningOperator;
  let namespace = '';
  before(async () => {
    world.aws.setTokenLife(12 * HOUR);
    clock = createTravelClock();
    operator = await world.startOperator({ clock, ...aws.surroundings() });
  });
  beforeEach(async () => {
    namespace = await world.api.createNamespace();
  });
  const create = (repositories: readonly string[], over: object = {}) =>
    createPullSecret(world.api, namespace, 'login', { probe: { repositories, ...over } });
  const pullable = async (status: string, reason: string): Promise<string> => {
    const found = await world.status(NAMESPACED_PATH(namespace, 'login'), (found) => {
      const condition = conditionOf(found, 'Pullable');
      return condition?.status === status && condition.reason === reason;
    });
    assert.equal(conditionOf(found, 'Ready')?.status, 'True');
    return conditionOf(found, 'Pullable')?.message ?? '';
  };
  const calls = (repository: string): number =>
    registry.calls.filter(({ path }) => path.startsWith(`/v2/${repository}/`)).length;

  test('is told that it may, by a repository with an image and by one without', async () => {
    await create(['empty/app', 'team/app', 'team/app:1.0']);
    assert.equal(
      await pullable('True', 'Pullable'),
      'the registry lets this login pull from empty/app, team/app, team/app:1.0',
    );
    assert.ok(registry.calls.some(({ method, path }) => method === 'HEAD' && path === '/v2/team/app/manifests/1.0'));
    assert.ok(registry.calls.every(({ path }) => !path.includes('tags')));
  });

  for (const [repository, status, reason, words] of [
    [
      'denied/app',
      'False',
      'PullDenied',
      /^denied\/app: 403 DENIED User: .*: the AWS identity may log in, and not pull: give it ecr:BatchGetImage/,
    ],
    [
      'missing/app',
      'False',
      'RepositoryNotFound',
      /^missing\/app: 404 NAME_UNKNOWN .*: the registry has no such repository/,
    ],
    ['busy/app', 'Unknown', 'Throttled', /^busy\/app: 429 TOOMANYREQUESTS Rate exceeded/],
    ['odd/app', 'Unknown', 'UnexpectedAnswer', /^odd\/app: 500 INTERNAL something went wrong/],
  ] as const)
    test(`is told ${reason}, in the words of the registry, and its Secret stays as good`, async () => {
      await create(['team/app', repository]);
      assert.match(await pullable(status, reason), words);
      const secret = await world.api.must('GET', SECRET_PATH(namespace, 'ecr-login'));
      assert.ok(passwordOf(secret).length > 0);
    });

  test('is told that there is no image of the tag that it names', async () => {
    await create(['empty/app:1.0']);
    assert.match(await pullable('False', 'ImageNotFound'), /^empty\/app:1\.0: 404 MANIFEST_UNKNOWN/);
  });

  test('has its Secret kept and renewed though the probe is wrong, and says what is', async () => {
    await create(['team/app']);
    await pullable('True', 'Pullable');
    const path = NAMESPACED_PATH(namespace, 'login');
    const { metadata } = await world.api.must('GET', SECRET_PATH(namespace, 'ecr-login'));
    // As an object of before these CRDs may be.
    const broken = { matchExpressions: [{ key: 'a', operator: 'In' }] };
    await world.api.merge(path, { spec: { serviceAccounts: { selector: broken } } });
    const status = await world.status(path, (found) => conditionOf(found, 'Attached')?.reason === 'InvalidSpec');
    assert.equal(conditionOf(status, 'Ready')?.status, 'True');
    world.aws.setTokenLife(24 * HOUR);
    clock.travel(7 * HOUR);
    await eventually(async () => {
      const now = await world.api.must('GET', SECRET_PATH(namespace, 'ecr-login'));
      return now.metadata.resourceVersion === metadata.resourceVersion ? undefined : true;
    });
    await world.api.must('DELETE', path);
  });

  test('whose login cannot be had says that nobody could be asked', async () => {
    const awsAccess = { ...ACCESS, accessKeyId: 'AKIADENIEDDENIED0001' };
    await createPullSecret(world.api, namespace, 'login', { awsAccess, probe: { repositories: ['team/app'] } });
    const path = NAMESPACED_PATH(namespace, 'login');
    const status = await world.status(path, (found) => conditionOf(found, 'Pullable')?.reason === 'NoLogin');
    assert.equal(conditionOf(status, 'Pullable')?.status, 'Unknown');
  });

  test('is told when the registry is another account’s, and takes no login of this one', async () => {
    await create(['444455556666.dkr.ecr.eu-west-1.amazonaws.com/team/app'], {});
    assert.match(await pullable('False', 'RegistryNotOpened'), /no login of this object opens that registry/);
    await world.api.merge(NAMESPACED_PATH(namespace, 'login'), {
      spec: { registries: { accounts: ['444455556666'] } },
    });
    assert.match(await pullable('False', 'LoginRefused'), /the registry does not take the login/);
  });

  test('never has its login carried to a host that a user names', async () => {
    const host = 'registry.attacker.example.com';
    const registries = { hosts: [host], accounts: ['*'] };
    const spec = { registries, probe: { repositories: [`${host}/team/app`, '1.dkr.ecr.eu-west-1.evil.com/team/app'] } };
    await createPullSecret(world.api, namespace, 'login', spec);
    await pullable('False', 'RegistryNotOpened');
    await operator.idle();
    assert.deepEqual(
      [...asked].filter((one) => !one.endsWith('.amazonaws.com')),
      [],
    );
  });

  test('is told of a change at its next question, and of another spec at once', async () => {
    await create(['changing/app'], { interval: '10m' });
    await pullable('True', 'Pullable');
    const denied = REFUSALS['denied/app'];
    assert.ok(denied);
    refusals.set('changing/app', denied);
    const before = calls('changing/app');
    clock.travel(5 * MINUTE);
    await operator.idle();
    assert.equal(calls('changing/app'), before);
    clock.travel(6 * MINUTE);
    await pullable('False', 'PullDenied');
    await world.api.merge(NAMESPACED_PATH(namespace, 'login'), { spec: { probe: { repositories: ['team/app'] } } });
    await pullable('True', 'Pullable');
    await world.api.merge(NAMESPACED_PATH(namespace, 'login'), { spec: { probe: null } });
    await world.status(NAMESPACED_PATH(namespace, 'login'), (found) => !conditionOf(found, 'Pullable'));
  });

  test('shares one question with others that have the same login', async () => {
    for (let index = 0; index < 10; index += 1)
      await createPullSecret(world.api, namespace, `shared-${index}`, {
        secretName: `shared-${index}`,
        probe: { repositories: ['shared/app'] },
      });
    for (let index = 0; index < 10; index += 1)
      await world.status(
        NAMESPACED_PATH(namespace, `shared-${index}`),
        (found) => conditionOf(found, 'Pullable')?.status === 'True',
      );
    assert.equal(calls('shared/app'), 1);
  });

  test('is asked about again after a start, but not at once, and nothing is written', async () => {
    await create(['quiet/app']);
    await pullable('True', 'Pullable');
    await operator.idle();
    await operator.stop();
    const before = calls('quiet/app');
    operator = await world.startOperator({ clock, ...aws.surroundings() });
    await operator.idle();
    assert.equal(calls('quiet/app'), before);
    clock.travel(11 * MINUTE);
    await eventually(() => (calls('quiet/app') > before ? true : undefined));
  });

  test('is counted by answer, and shown as a condition of its own', async () => {
    await create(['denied/app']);
    await pullable('False', 'PullDenied');
    assert.ok((await operator.metric('ecr_operator_pull_probes_total', { answer: 'PullDenied' })) >= 1);
    const labels = { namespace, type: 'Pullable', status: 'False' };
    // The operator learns of its own status a moment after the API server.
    await eventually(async () =>
      (await operator.metric('ecr_operator_resource_condition', labels)) === 1 ? true : undefined,
    );
  });

  for (const [what, probe] of Object.entries({
    'no repository': { repositories: [] },
    'too many repositories': { repositories: Array.from({ length: 17 }, (_, index) => `team/app-${index}`) },
    'a repository in capitals': { repositories: ['Team/App'] },
    'a path that leads elsewhere': { repositories: ['team/../app'] },
    'a pull-through cache': { repositories: ['docker-hub/library/nginx'] },
    'a time that is too short': { repositories: ['team/app'], interval: '1m' },
    'a time that is too long': { repositories: ['team/app'], interval: '25h' },
    'no time': { repositories: ['team/app'], interval: 'often' },
    'two slashes, which the schema lets through': { repositories: ['team//app'] },
  })) {
    test(`is refused with ${what}, by the API server or in the status`, async () => {
      const body = {
        apiVersion: 'aws.zakariaamine.com/v1alpha2',
        kind: 'AWSECRImagePullSecret',
        metadata: { name: 'login' },
        spec: { awsAccess: { region: 'eu-west-1', secretRef: { name: 'none' } }, secretName: 'ecr-login', probe },
      };
      const { status } = await world.api.send('POST', NAMESPACED_PATH(namespace), body);
      if (status === 422) return;
      assert.equal(status, 201);
      const found = await world.status(
        NAMESPACED_PATH(namespace, 'login'),
        (found) => conditionOf(found, 'Pullable')?.reason === 'InvalidSpec',
      );
      assert.match(conditionOf(found, 'Pullable')?.message ?? '', /^spec\.probe/);
    });
  }
});
