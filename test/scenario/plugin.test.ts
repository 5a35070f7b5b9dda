// `kubectl ecr-secrets status`, `inspect` and `refresh` on the real API server.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { RECONCILE_AT_ANNOTATION } from '../../src/api/names.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import {
  CLUSTER_PATH,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { createClusterPullSecret, createPullSecret, passwordOf } from './manifests.ts';
import { createNobody, createViewer, type Ran, runPlugin } from './plugin-rig.ts';

const HOST = '111122223333.dkr.ecr.eu-west-1.amazonaws.com';

describe('the commands for people', () => {
  const world = useWorld();
  let operator: RunningOperator;
  let namespace = '';
  let viewer = '';
  const run = (args: readonly string[], token?: string): Promise<Ran> => runPlugin(world, args, token);
  const runJson = async (args: readonly string[], token?: string) => {
    const { code, out, err } = await run([...args, '-o', 'json'], token);
    assert.equal(err, '');
    return { code, value: JSON.parse(out) };
  };

  before(async () => {
    operator = await world.startOperator();
    namespace = await world.api.createNamespace();
    await createPullSecret(world.api, namespace, 'login', { registries: { regions: ['us-east-1'] } });
    await world.ready(NAMESPACED_PATH(namespace, 'login'));
    viewer = await createViewer(world.api, namespace);
  });

  describe('status', () => {
    test('lists the objects of a namespace with what they hold', async () => {
      const { code, out } = await run(['status', '-n', namespace]);
      assert.equal(code, 0);
      const [head, row] = out.split('\n');
      assert.match(head ?? '', /^KIND {3}NAMESPACE +NAME +READY +REASON +SECRETS +ENDS +RENEWED$/);
      assert.match(
        row ?? '',
        new RegExp(`^aeps +${namespace} +login +True +SecretsUpdated +1/1 +in 1[12]h\\d*m? +in [4-6]h`),
      );
    });

    test('shows one object with a line for each login, and its Secret in every namespace', async () => {
      const { code, out } = await run(['status', 'login', '-n', namespace]);
      assert.equal(code, 0);
      assert.match(out, /✔ Ready True: SecretsUpdated\n {2}Secret ecr-login: 1 of 1 in place/);
      for (const region of ['eu-west-1', 'us-east-1'])
        assert.match(out, new RegExp(`^${region} +\\d+s ago +[━─]*┃─+ +in \\d+h\\S* +in 1[12]h`, 'm'));
      assert.match(out, new RegExp(`^${namespace} +good +in 1[12]h\\S*$`, 'm'));
    });

    test('shows in which namespaces of a cluster object something is wrong, and ends by 1', async () => {
      const other = await world.api.createNamespace();
      const taken = await world.api.createNamespace();
      await world.api.must('POST', SECRET_PATH(taken), {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'team-login' },
      });
      await createClusterPullSecret(world.api, 'team', { secretName: 'team-login', namespaces: [other, taken] });
      await world.status(CLUSTER_PATH('team'), ({ secrets }) => secrets?.ready === 1);
      const { code, value } = await runJson(['status', 'caeps/team']);
      assert.equal(code, 1);
      const [object] = value.objects;
      assert.deepEqual(
        [object.ready, object.reason, object.secrets],
        ['False', 'PartiallyReady', { desired: 2, ready: 1 }],
      );
      const states = object.namespaces.map((one: { namespace: string; state: string }) => [one.namespace, one.state]);
      assert.deepEqual(
        new Map(states),
        new Map([
          [other, 'good'],
          [taken, 'problem'],
        ]),
      );
      assert.match(
        object.namespaces.find((one: { state: string }) => one.state === 'problem').problem,
        /^SecretConflict: /,
      );
      await world.api.must('DELETE', CLUSTER_PATH('team'));
    });

    test('says what a viewer may not see, and shows the rest', async () => {
      const listed = await run(['status', '-n', namespace], viewer);
      assert.match(listed.out, /login +True/);
      assert.match(listed.out, /\(you may not list clusterawsecrimagepullsecrets there\)/);
      const whole = await run(['status', 'login', '-n', namespace], viewer);
      assert.match(whole.out, /1 of 1 in place/);
      assert.match(whole.out, /\(you may not list the Secrets: only problems of the status are shown\)/);
    });

    test('does not take a Secret for one of the object because somebody gave it the label', async () => {
      const { metadata } = await world.api.must('GET', NAMESPACED_PATH(namespace, 'login'));
      await world.api.must('POST', SECRET_PATH(namespace), {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'forged', labels: { 'aws.zakariaamine.com/owner-uid': metadata.uid } },
      });
      const { value } = await runJson(['status', 'login', '-n', namespace]);
      assert.deepEqual(
        value.objects[0].namespaces.map(({ state }: { state: string }) => state),
        ['good'],
      );
    });

    test('is not well with a condition, a spec that nobody has looked at, or a login that has ended', async () => {
      const other = await world.api.createNamespace();
      await createPullSecret(world.api, other, 'forged', { secretName: 'forged' });
      const path = NAMESPACED_PATH(other, 'forged');
      await world.ready(path);
      await operator.stop();
      const { status } = await world.api.must('GET', path);
      const [ready] = status.conditions;
      const stalled = { ...ready, type: 'Stalled', reason: 'GetAWSAuthTokenFailed', message: 'AWS says \u001b[31mno' };
      await world.api.merge(`${path}/status`, {
        status: {
          conditions: [ready, stalled],
          observedGeneration: 0,
          logins: [{ ...status.logins[0], expiresAt: '2026-01-01T00:00:00Z' }],
        },
      });
      await world.api.must('DELETE', SECRET_PATH(other, 'forged'));
      for (const args of [
        ['status', 'forged', '-n', other],
        ['status', '-n', other],
      ]) {
        const { code, out } = await run(args);
        assert.equal(code, 1);
        for (const words of [
          /Stalled: GetAWSAuthTokenFailed: AWS says/,
          /has not looked at the present spec/,
          /login to eu-west-1 has ended/,
        ])
          assert.match(out, words);
      }
      assert.match((await run(['status', 'forged', '-n', other])).out, /1 of 1 Secrets are not there/);
      await world.api.must('DELETE', path);
      operator = await world.startOperator();
    });

    test('ends by 1 when nothing may be read', async () => {
      const nobody = await world.api.createNamespace();
      const token = await createNobody(world.api, nobody);
      for (const command of ['status', 'migrate']) {
        const { code, out } = await run([command, '-n', nobody], token);
        assert.equal(code, 1);
        assert.match(out, /you may not list/);
        assert.doesNotMatch(out, /there is no object/);
      }
    });

    test('says that there is nothing where there is nothing', async () => {
      const empty = await world.api.createNamespace();
      assert.deepEqual(await run(['status', '-n', empty]), {
        code: 0,
        out: 'there is no object of the operator here\n',
        err: '',
      });
      const { code, err } = await run(['status', 'none', '-n', empty]);
      assert.equal(code, 1);
      assert.match(
        err,
        /there is no AWSECRImagePullSecret none in namespace .*; one of the cluster kind is caeps\/NAME/,
      );
    });
  });

  describe('inspect', () => {
    test('shows hosts, user, end and owner, and no password', async () => {
      const { code, out } = await run(['inspect', 'ecr-login', '-n', namespace]);
      assert.equal(code, 0);
      assert.match(out, /owner: AWSECRImagePullSecret login/);
      assert.match(out, new RegExp(`^${HOST} +AWS +\\d{4}-\\S+Z \\(in 1[12]h`, 'm'));
      const password = passwordOf(await world.api.must('GET', SECRET_PATH(namespace, 'ecr-login')));
      const all = await run(['inspect', 'secret/ecr-login', '-n', namespace, '-o', 'yaml']);
      for (const text of [out, all.out]) assert.ok(!text.includes(password.slice(0, 20)));
    });

    test('reads Secrets of others in both forms, and says what the kubelet cannot use', async () => {
      const auth = Buffer.from('me:hush').toString('base64');
      const rows = {
        'by-auth': [
          'kubernetes.io/dockerconfigjson',
          { '.dockerconfigjson': JSON.stringify({ auths: { 'a.io': { auth } } }) },
        ],
        // As the kubelet has it, `auth` goes before the others.
        'both-forms': [
          'kubernetes.io/dockerconfigjson',
          { '.dockerconfigjson': JSON.stringify({ auths: { 'a.io': { username: 'you', password: 'old', auth } } }) },
        ],
        older: [
          'kubernetes.io/dockercfg',
          { '.dockercfg': JSON.stringify({ 'a.io': { username: 'me', password: 'hush' } }) },
        ],
        opaque: ['Opaque', { password: 'hush' }],
        empty: ['kubernetes.io/dockerconfigjson', { '.dockerconfigjson': '{"auths":{}}' }],
        half: ['kubernetes.io/dockerconfigjson', { '.dockerconfigjson': '{"auths":{"a.io":{"username":"me"}}}' }],
      } as const;
      for (const [name, [type, stringData]] of Object.entries(rows))
        await world.api.must('POST', SECRET_PATH(namespace), {
          apiVersion: 'v1',
          kind: 'Secret',
          type,
          metadata: { name },
          stringData,
        });
      for (const name of ['by-auth', 'both-forms', 'older']) {
        const { code, value } = await runJson(['inspect', name, '-n', namespace]);
        assert.deepEqual(
          [code, value.owner, value.hosts],
          [0, null, [{ host: 'a.io', user: 'me', endsAt: null, problem: null }]],
        );
      }
      for (const [name, words] of [
        ['opaque', /the kubelet takes no login from it/],
        ['empty', /it opens no host/],
        ['half', /it has no user, or no password/],
      ] as const) {
        const { code, out } = await run(['inspect', name, '-n', namespace]);
        assert.equal(code, 1, name);
        assert.match(out, words);
        assert.ok(!out.includes('hush'));
      }
    });

    test('needs the right to read the Secret, and a name', async () => {
      const { code, err } = await run(['inspect', 'ecr-login', '-n', namespace], viewer);
      assert.equal(code, 1);
      assert.match(err, /^error: secrets "ecr-login" is forbidden/);
      assert.match((await run(['inspect', 'none', '-n', namespace])).err, /there is no Secret none in namespace/);
      assert.deepEqual([(await run(['inspect'])).code, (await run(['inspect', 'a', '-A'])).code], [2, 2]);
    });
  });

  describe('refresh', () => {
    test('brings new logins, and shows the old end and the new one', async () => {
      const path = SECRET_PATH(namespace, 'ecr-login');
      const before = passwordOf(await world.api.must('GET', path));
      const { code, value } = await runJson(['refresh', 'login', '-n', namespace]);
      assert.equal(code, 0);
      assert.deepEqual(
        value.logins.map(({ registry, key }: { registry: string; key: string }) => [registry, key]),
        [
          ['eu-west-1', '0001'],
          ['us-east-1', '0001'],
        ],
      );
      await eventually(async () => (passwordOf(await world.api.must('GET', path)) === before ? undefined : true));
      const { out } = await run(['refresh', 'aeps/login', '-n', namespace]);
      assert.match(out, /✔ logged in anew\n\nREGISTRY +ENDED BEFORE +ENDS NOW +KEY\neu-west-1 +\S+Z +\S+Z +…0001\n/);
    });

    test('ends by 1 and says why when AWS denies', async () => {
      world.aws.faults.failWhile(() => true, {
        op: 'error',
        status: 400,
        code: 'AccessDeniedException',
        message: 'not you',
      });
      const { code, out, err } = await run(['refresh', 'login', '-n', namespace, '--timeout', '3']);
      world.aws.faults.clear();
      assert.deepEqual([code, out], [1, '']);
      assert.match(err, /^error: no new login within 3 s: .*GetAWSAuthTokenFailed.*not you/);
    });

    test('ends by 1 when nobody looks', async () => {
      await operator.stop();
      const { code, err } = await run(['refresh', 'login', '-n', namespace, '--timeout', '1']);
      operator = await world.startOperator();
      assert.equal(code, 1);
      assert.match(err, /no new login within 1 s/);
    });

    test('says that another object has the name meanwhile', async () => {
      const other = await world.api.createNamespace();
      await operator.stop();
      await createPullSecret(world.api, other, 'replaced');
      const waiting = run(['refresh', 'replaced', '-n', other, '--timeout', '20']);
      const path = NAMESPACED_PATH(other, 'replaced');
      await eventually(async () =>
        (await world.api.must('GET', path)).metadata.annotations?.[RECONCILE_AT_ANNOTATION] ? true : undefined,
      );
      await world.api.must('DELETE', path);
      await createPullSecret(world.api, other, 'replaced');
      const { code, err } = await waiting;
      operator = await world.startOperator();
      assert.equal(code, 1);
      // It may look in the moment in which there is none.
      assert.match(
        err,
        /^error: (?:replaced was deleted, and is another object now|there is no AWSECRImagePullSecret replaced)/,
      );
    });

    test('needs the right to patch, a name, and a time', async () => {
      const { code, err } = await run(['refresh', 'login', '-n', namespace], viewer);
      assert.equal(code, 1);
      assert.match(err, /forbidden: .* cannot patch/);
      for (const args of [
        ['refresh'],
        ['refresh', 'a', '--timeout', 'soon'],
        ['refresh', 'pods/a'],
        ['refresh', 'a/b/c'],
      ])
        assert.equal((await run(args)).code, 2, args.join(' '));
    });
  });
});
