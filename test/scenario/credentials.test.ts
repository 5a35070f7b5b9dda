// Keys that AWS refuses, or that a user corrects, rotates or deletes: the old secret stays until a new login is there.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { RECONCILE_AT_ANNOTATION } from '../../src/api/names.ts';
import type { LoginStatus } from '../../src/api/schema.ts';
import { SECOND } from '../../src/lib/time.ts';
import { watchObjects } from '../../testing/api-server/secret-watch.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createTravelClock, type TravelClock } from '../../testing/clocks/travel-clock.ts';
import { OPERATOR_NAMESPACE } from '../../testing/operator/operator-account.ts';
import { untilNothingIsUnderWay } from '../../testing/operator/under-way.ts';
import {
  CLUSTER_PATH,
  conditionOf,
  GOOD_KEY,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { ACCESS, createClusterPullSecret, createPullSecret, passwordOf } from './manifests.ts';

const OTHER_KEY = {
  accessKeyId: 'AKIATESTOTHERKEY0002',
  secretAccessKey: 'AnotherKeyThatIsNoneButHasTheRightShape/',
  accountId: '444455556666',
};
const HOUR = 3_600_000;
const ALIAS = 'my.alias.example.com';

describe('AWS keys', () => {
  const world = useWorld();
  let clock: TravelClock;
  let operator: RunningOperator | undefined;
  let namespace = '';
  let path = '';

  beforeEach(async () => {
    await operator?.stop();
    world.aws.faults.clear();
    world.aws.setTokenLife(12 * HOUR);
    world.aws.addKey(GOOD_KEY);
    world.aws.addKey(OTHER_KEY);
    clock = createTravelClock();
    operator = await world.startOperator({ clock });
    namespace = await world.api.createNamespace();
    path = NAMESPACED_PATH(namespace, 'login');
  });

  const password = async (): Promise<string> =>
    passwordOf((await world.api.get(SECRET_PATH(namespace, 'ecr-login'))).body);
  const another = (before: string): Promise<true> =>
    eventually(async () => ((await password()) === before ? undefined : true));
  const reason =
    (wanted: string) =>
    (status: Parameters<typeof conditionOf>[0]): boolean =>
      conditionOf(status, 'Ready')?.reason === wanted;
  const putKeys = async (
    keys: { accessKeyId: string; secretAccessKey: string },
    labels: object = {},
    method = 'POST',
  ): Promise<void> => {
    const stringData = { AWS_ACCESS_KEY_ID: keys.accessKeyId, AWS_SECRET_ACCESS_KEY: `${keys.secretAccessKey}\n` };
    const body = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'aws-keys', labels }, stringData };
    if (method === 'POST') await world.api.must('POST', SECRET_PATH(namespace), body);
    else await world.api.merge(SECRET_PATH(namespace, 'aws-keys'), body);
  };
  const referring = { awsAccess: { region: 'eu-west-1', secretRef: { name: 'aws-keys' } } };
  const CREDENTIALS_LABEL = { 'aws.zakariaamine.com/credentials': 'true' };

  test('keys of a cluster object are looked for in the namespace of the operator, and nowhere else', async () => {
    const name = `cluster-${namespace}`;
    const putInto = (where: string, keys: typeof OTHER_KEY, method = 'POST'): Promise<unknown> => {
      const stringData = { AWS_ACCESS_KEY_ID: keys.accessKeyId, AWS_SECRET_ACCESS_KEY: keys.secretAccessKey };
      const metadata = { name, labels: CREDENTIALS_LABEL };
      return method === 'POST'
        ? world.api.must('POST', SECRET_PATH(where), { apiVersion: 'v1', kind: 'Secret', metadata, stringData })
        : world.api.merge(SECRET_PATH(where, name), { stringData });
    };
    await putInto(namespace, OTHER_KEY);
    await putInto(OPERATOR_NAMESPACE, GOOD_KEY);
    await createClusterPullSecret(world.api, name, {
      awsAccess: { region: 'eu-west-1', secretRef: { name } },
      namespaces: [namespace],
    });
    const { logins } = await world.ready(CLUSTER_PATH(name));
    assert.deepEqual(logins?.[0]?.hosts, [`${GOOD_KEY.accountId}.dkr.ecr.eu-west-1.amazonaws.com`]);
    const calls = world.aws.calls();
    await putInto(namespace, GOOD_KEY, 'PATCH');
    await putInto(OPERATOR_NAMESPACE, OTHER_KEY, 'PATCH');
    await world.status(
      CLUSTER_PATH(name),
      (found) => found.logins?.[0]?.hosts[0]?.startsWith(OTHER_KEY.accountId) ?? false,
    );
    assert.equal(world.aws.calls(), calls + 1, 'nobody asked for the key in the other namespace');
    await world.api.must('DELETE', CLUSTER_PATH(name));
    await world.api.must('DELETE', SECRET_PATH(OPERATOR_NAMESPACE, name));
  });

  for (const [what, change] of [
    ['changed', (): Promise<unknown> => world.api.merge(path, { spec: { registries: { hosts: [ALIAS] } } })],
    ['deleted', (): Promise<unknown> => world.api.must('DELETE', path)],
  ] as const) {
    // Rule 12
    test(`an object that is ${what} during a call of AWS is not served as it was before`, async (t) => {
      const { metadata } = await world.api.must('GET', '/api/v1/secrets?limit=1');
      const watch = watchObjects(world.plane, SECRET_PATH(namespace), metadata.resourceVersion);
      t.after(watch.stop);
      world.aws.clearLog();
      world.aws.faults.failNext(1, { op: 'hold' });
      await createPullSecret(world.api, namespace, 'login');
      await eventually(() => (world.aws.requests.some(({ fault }) => fault === 'hold') ? true : undefined));
      const news = async (): Promise<number> => (await operator?.metric('workqueue_adds_total')) ?? 0;
      const before = await news();
      await change();
      await eventually(async () => ((await news()) > before ? true : undefined));
      world.aws.release();
      if (what === 'changed') await world.ready(path);
      await operator?.idle();
      const mark = await world.api.must('POST', SECRET_PATH(namespace), { metadata: { name: 'mark' } });
      const ofName = (name: string): ReturnType<typeof watch.events> =>
        watch.events().filter(({ object }) => object.metadata.name === name);
      await eventually(() => ofName(mark.metadata.name)[0]);
      const written = ofName('ecr-login').map(({ object }) =>
        Buffer.from(object.data['.dockerconfigjson'], 'base64').toString(),
      );
      assert.equal(written.length, what === 'changed' ? 1 : 0);
      assert.ok(written.every((content) => content.includes(ALIAS)));
    });
  }

  // Rule 7
  test('a wrong key from the beginning is reported in the status, in the words of AWS, and no secret is written', async () => {
    await createPullSecret(world.api, namespace, 'login', {
      awsAccess: { ...ACCESS, secretAccessKey: 'x'.repeat(40) },
    });
    const status = await world.status(path, reason('GetAWSAuthTokenFailed'));
    assert.equal(conditionOf(status, 'Ready')?.status, 'False');
    assert.match(
      conditionOf(status, 'Ready')?.message ?? '',
      /login to eu-west-1: AWS denied the login \(InvalidSignatureException\)/,
    );
    assert.equal(conditionOf(status, 'Stalled')?.status, 'True');
    assert.equal((await world.api.get(SECRET_PATH(namespace, 'ecr-login'))).status, 404);
  });

  // Rules 7, 8
  test('a wrong new key keeps the old secret and says until when it holds; corrected, it is replaced in place', async () => {
    await createPullSecret(world.api, namespace, 'login');
    await world.ready(path);
    const before = (await world.api.get(SECRET_PATH(namespace, 'ecr-login'))).body;
    await world.api.merge(path, { spec: { awsAccess: { secretAccessKey: 'y'.repeat(40) } } });
    const status = await world.status(path, reason('GetAWSAuthTokenFailed'));
    assert.match(conditionOf(status, 'Ready')?.message ?? '', /the old login holds until \d{4}-/);
    assert.equal(await password(), passwordOf(before));
    await world.api.merge(path, { spec: { awsAccess: OTHER_KEY_ACCESS } });
    await world.ready(path);
    const after = (await world.api.get(SECRET_PATH(namespace, 'ecr-login'))).body;
    assert.equal(after.metadata.uid, before.metadata.uid);
    assert.equal(world.aws.isValidToken(passwordOf(after))?.accountId, OTHER_KEY.accountId);
  });

  // Rule 7
  test('a key that AWS stops to accept leaves the object Ready and Stalled while the login holds, then expired', async () => {
    await createPullSecret(world.api, namespace, 'login');
    await world.ready(path);
    world.aws.removeKey(GOOD_KEY.accessKeyId);
    clock.travel(6 * HOUR);
    const stalled = await world.status(path, (found) => conditionOf(found, 'Stalled') !== undefined);
    assert.equal(conditionOf(stalled, 'Ready')?.status, 'True');
    assert.equal(conditionOf(stalled, 'Stalled')?.reason, 'GetAWSAuthTokenFailed');
    const held = await password();
    clock.travel(7 * HOUR);
    const expired = await world.status(path, reason('TokenExpired'));
    assert.equal(conditionOf(expired, 'Ready')?.status, 'False');
    assert.equal(await password(), held);
    await eventually(async () => {
      const { items } = await world.api.must('GET', `/apis/events.k8s.io/v1/namespaces/${namespace}/events`);
      return items.find((event: { reason: string }) => event.reason === 'TokenExpired');
    });
    world.aws.addKey(GOOD_KEY);
    // The stand-in's clock stood still: its next tokens must end after the operator's own time.
    world.aws.setTokenLife(24 * HOUR);
    clock.travel(HOUR);
    await world.ready(path);
    assert.notEqual(await password(), held);
  });

  // Rule 7
  test('an outage of AWS leaves Ready as it is, and the login is renewed when it ends', async () => {
    await createPullSecret(world.api, namespace, 'login');
    await world.ready(path);
    const held = await password();
    world.aws.faults.failWhile(() => true, { op: 'error', status: 500, code: 'ServerException', message: 'an outage' });
    clock.travel(6 * HOUR);
    const status = await world.status(path, (found) => conditionOf(found, 'Reconciling') !== undefined);
    assert.equal(conditionOf(status, 'Ready')?.status, 'True');
    assert.equal(conditionOf(status, 'Stalled'), undefined);
    assert.equal(await password(), held);
    world.aws.faults.clear();
    clock.travel(HOUR);
    await another(held);
    await world.status(path, (found) => conditionOf(found, 'Reconciling') === undefined);
  });

  // Rule 8
  test('keys from a secret are used, their line feeds trimmed, and a labelled one is followed at once', async () => {
    await putKeys(GOOD_KEY, CREDENTIALS_LABEL);
    await createPullSecret(world.api, namespace, 'login', referring);
    await world.ready(path);
    const held = await password();
    await putKeys(OTHER_KEY, CREDENTIALS_LABEL, 'PATCH');
    // The status announces a login before any secret holds it.
    await world.status(path, ({ logins }) => logins?.[0]?.hosts[0]?.startsWith(OTHER_KEY.accountId) ?? false);
    await another(held);
  });

  // Rule 8
  test('a secret with keys but no label is followed within five minutes', async () => {
    await putKeys(GOOD_KEY);
    await createPullSecret(world.api, namespace, 'login', referring);
    await world.ready(path);
    await putKeys(OTHER_KEY, {}, 'PATCH');
    clock.travel(5 * 60_000 + 1_000);
    await world.status(path, ({ logins }) => logins?.[0]?.hosts[0]?.startsWith(OTHER_KEY.accountId) ?? false);
  });

  const stalledWith = async (words: RegExp): Promise<void> => {
    const status = await world.status(path, (found) => words.test(conditionOf(found, 'Stalled')?.message ?? ''));
    // The same generation gave a login, and that is good.
    assert.equal(conditionOf(status, 'Ready')?.status, 'True');
  };
  const setKeys = (data: object): Promise<unknown> => world.api.merge(SECRET_PATH(namespace, 'aws-keys'), { data });

  for (const [what, spoil, words] of [
    ['is deleted', () => world.api.must('DELETE', SECRET_PATH(namespace, 'aws-keys')), /does not exist/],
    ['loses half of the pair', () => setKeys({ AWS_SECRET_ACCESS_KEY: null }), /has no key AWS_SECRET_ACCESS_KEY/],
    [
      'has nothing but white space for a key',
      () => setKeys({ AWS_ACCESS_KEY_ID: Buffer.from(' \n').toString('base64') }),
      /has an empty AWS_ACCESS_KEY_ID/,
    ],
    [
      'gets a wrong key',
      () => putKeys({ ...OTHER_KEY, secretAccessKey: 'z'.repeat(40) }, CREDENTIALS_LABEL, 'PATCH'),
      /AWS denied the login \(InvalidSignatureException\)/,
    ],
  ] as const) {
    // Rules 7, 8
    test(`a watched secret that ${what} leaves the pull secret as it is, and is used again when it is corrected`, async () => {
      await putKeys(GOOD_KEY, CREDENTIALS_LABEL);
      await createPullSecret(world.api, namespace, 'login', referring);
      await world.ready(path);
      const held = await password();
      await spoil();
      await stalledWith(words);
      assert.equal(await password(), held);
      await putKeys(OTHER_KEY, CREDENTIALS_LABEL, what === 'is deleted' ? 'POST' : 'PATCH');
      await another(held);
      assert.equal(world.aws.isValidToken(await password())?.accountId, OTHER_KEY.accountId);
    });
  }

  // Rule 8
  test('a secret that loses its label is followed within five minutes', async () => {
    await putKeys(GOOD_KEY, CREDENTIALS_LABEL);
    await createPullSecret(world.api, namespace, 'login', referring);
    await world.ready(path);
    const watched = async (): Promise<number> =>
      (await operator?.metric('ecr_operator_watch_objects', { resource: 'credentials' })) ?? 0;
    const before = await watched();
    await world.api.merge(SECRET_PATH(namespace, 'aws-keys'), {
      metadata: { labels: { 'aws.zakariaamine.com/credentials': null } },
    });
    // The jump of the clock would cut requests in flight.
    await eventually(async () => ((await watched()) < before ? true : undefined));
    if (operator) await untilNothingIsUnderWay(operator);
    await putKeys(OTHER_KEY, {}, 'PATCH');
    clock.travel(5 * 60_000 + 1_000);
    await world.status(path, ({ logins }) => logins?.[0]?.hosts[0]?.startsWith(OTHER_KEY.accountId) ?? false);
  });

  // Rule 8
  test('a missing secret is named in the status, and is used when it comes', async () => {
    await createPullSecret(world.api, namespace, 'login', referring);
    const status = await world.status(path, reason('GetAWSAuthTokenFailed'));
    assert.match(
      conditionOf(status, 'Ready')?.message ?? '',
      new RegExp(`secret aws-keys in namespace ${namespace} does not exist`),
    );
    await putKeys(GOOD_KEY, CREDENTIALS_LABEL);
    await world.ready(path);
  });

  // Rule 8
  test('a secret created after its object is used by the next look, as the message says, without a label too', async () => {
    const words =
      /looks again after 5, 15 and 45 seconds, and then every five minutes, and at once when the Secret has the label/;
    await createPullSecret(world.api, namespace, 'login', referring);
    await world.status(path, (found) => words.test(conditionOf(found, 'Ready')?.message ?? ''));
    await putKeys(GOOD_KEY);
    clock.travel(5 * SECOND);
    await world.ready(path);
  });

  // Rule 8
  test('a secret created after its object failed for long is used at once by a new object, and after reconcile-at', async () => {
    assert.ok(operator);
    await createPullSecret(world.api, namespace, 'login', referring);
    await world.status(path, reason('GetAWSAuthTokenFailed'));
    for (const pause of [5, 15, 45]) {
      clock.travel(pause * SECOND); // After these looks they are rare.
      await untilNothingIsUnderWay(operator);
    }
    await putKeys(GOOD_KEY);
    await createPullSecret(world.api, namespace, 'new', { ...referring, secretName: 'other' });
    await world.ready(NAMESPACED_PATH(namespace, 'new'));

    await putKeys(OTHER_KEY, {}, 'PATCH');
    await world.api.merge(path, { metadata: { annotations: { [RECONCILE_AT_ANNOTATION]: 'rotated' } } });
    // The status says which key gave the login.
    await world.status(path, ({ logins }) => logins?.[0]?.accessKeyIdSuffix === OTHER_KEY.accessKeyId.slice(-4));
    await eventually(async () =>
      world.aws.isValidToken(await password())?.accountId === OTHER_KEY.accountId ? true : undefined,
    );
  });

  // Rule 8
  test('the key that gave the login is told in the status after a restart too, and not the key of a login that failed', async () => {
    const told = async (): Promise<unknown> =>
      (await world.api.must('GET', path)).status.logins.map((login: LoginStatus) => login.accessKeyIdSuffix);
    await putKeys(GOOD_KEY, CREDENTIALS_LABEL);
    await createPullSecret(world.api, namespace, 'login', referring);
    await world.ready(path);
    await putKeys({ ...OTHER_KEY, secretAccessKey: 'z'.repeat(40) }, CREDENTIALS_LABEL, 'PATCH');
    await stalledWith(/AWS denied the login/);
    assert.deepEqual(await told(), [GOOD_KEY.accessKeyId.slice(-4)]);
    await operator?.stop();
    operator = await world.startOperator({ clock });
    await operator.idle();
    assert.deepEqual(await told(), [GOOD_KEY.accessKeyId.slice(-4)]);
  });

  test('a key that stays wrong is reported by one event, whose count grows', async () => {
    await createPullSecret(world.api, namespace, 'login', {
      awsAccess: { ...ACCESS, secretAccessKey: 'x'.repeat(40) },
    });
    await world.status(path, reason('GetAWSAuthTokenFailed'));
    const told = async () => {
      const { items } = await world.api.must('GET', `/apis/events.k8s.io/v1/namespaces/${namespace}/events`);
      return items.filter((event: { reason: string }) => event.reason === 'GetAWSAuthTokenFailed');
    };
    // An Event whose creation the jump of the clock cuts is created once more.
    await eventually(async () => ((await told()).length > 0 ? true : undefined));
    await operator?.idle();
    for (let turn = 1; turn <= 7; turn += 1) {
      const calls = world.aws.calls();
      clock.travel(HOUR / 12);
      await eventually(() => (world.aws.calls() > calls ? true : undefined));
      // An answer in flight would be late by five minutes.
      const underWay = async () => (await operator?.metric('ecr_operator_logins_under_way')) ?? 1;
      await eventually(async () => ((await underWay()) === 0 ? true : undefined));
      await operator?.idle();
    }
    const [event, ...others] = await eventually(async () => {
      const found = await told();
      return found[0]?.series?.count >= 4 ? found : undefined;
    });
    assert.deepEqual(others, []);
    assert.ok(Date.parse(event.series.lastObservedTime) > Date.parse(event.eventTime));
  });

  test('the annotation reconcile-at fetches a new login once', async () => {
    await createPullSecret(world.api, namespace, 'login');
    await world.ready(path);
    // Not by the calls: the operator tries the wrong keys of other objects here meanwhile.
    const [held, issued] = [await password(), world.aws.issued];
    await world.api.merge(path, { metadata: { annotations: { 'aws.zakariaamine.com/reconcile-at': '1' } } });
    await world.status(path, ({ lastHandledReconcileAt }) => lastHandledReconcileAt === '1');
    assert.notEqual(await password(), held);
    assert.equal(world.aws.issued, issued + 1);
  });

  test('the annotation reconcile-at counts as done when the new login is there, not when AWS failed', async () => {
    await createPullSecret(world.api, namespace, 'login');
    await world.ready(path);
    const held = await password();
    world.aws.faults.failWhile(() => true, { op: 'error', status: 400, code: 'Busy', message: 'not now' });
    await world.api.merge(path, { metadata: { annotations: { 'aws.zakariaamine.com/reconcile-at': '2' } } });
    const failing = await world.status(path, (found) => conditionOf(found, 'Reconciling') !== undefined);
    assert.deepEqual([failing.lastHandledReconcileAt, await password()], [undefined, held]);
    world.aws.faults.clear();
    clock.travel(5 * 60_000);
    await world.status(path, ({ lastHandledReconcileAt }) => lastHandledReconcileAt === '2');
    assert.notEqual(await password(), held);
  });
});

const OTHER_KEY_ACCESS = { accessKeyId: OTHER_KEY.accessKeyId, secretAccessKey: OTHER_KEY.secretAccessKey };
