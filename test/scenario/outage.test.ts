// The API server goes away for long, comes back in an earlier state, or no longer accepts the old token: the operator
// does not restart, and recovers soon.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { podAccess } from '../../src/kube/access.ts';
import { type Clock, HOUR, MINUTE, SECOND, systemClock } from '../../src/lib/time.ts';
import { installCrds } from '../../testing/api-server/install-crds.ts';
import { adminOf, eventually, type TestApi } from '../../testing/api-server/test-api.ts';
import { type AwsStandIn, startAwsStandIn } from '../../testing/aws/aws-stand-in.ts';
import { createTravelClock } from '../../testing/clocks/travel-clock.ts';
import { type ControlPlane, startControlPlane } from '../../testing/control-plane/control-plane.ts';
import { OPERATOR_ACCOUNT, OPERATOR_NAMESPACE } from '../../testing/operator/operator-account.ts';
import { accessTo } from '../../testing/operator/plane-access.ts';
import {
  CLUSTER_PATH,
  conditionOf,
  GOOD_KEY,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  startInProcess,
  useWorld,
} from '../../testing/operator/world.ts';
import { createClusterPullSecret, createPullSecret, passwordOf } from './manifests.ts';

// An API server that has just come back refuses everything for a moment: the rights of the chart are not checked here.
describe('an operator with a control plane of its own', () => {
  let plane: ControlPlane;
  let api: TestApi;
  let aws: AwsStandIn;
  let running: RunningOperator | undefined;

  before(async () => {
    plane = await startControlPlane();
    api = adminOf(plane);
    await installCrds(api);
    aws = await startAwsStandIn({ accounts: [GOOD_KEY] });
    process.env['AWS_ENDPOINT_URL_ECR'] = aws.url;
  });
  afterEach(async () => {
    await running?.stop();
  });
  after(async () => {
    delete process.env['AWS_ENDPOINT_URL_ECR'];
    await aws.stop();
    await plane.stop();
  });

  /** Requests of the operator. */
  let sent = 0;
  const start = async (clock: Clock): Promise<RunningOperator> => {
    const access = accessTo(plane, plane.adminToken);
    // The operator reads its credentials once more at its start, for the audience of its token.
    sent = -1;
    const credentials: typeof access.credentials = () => {
      sent += 1;
      return access.credentials();
    };
    running = await startInProcess({ ...access, credentials }, clock);
    return running;
  };
  /** Waits until every request that the operator has sent is answered, and no key is being reconciled. */
  const atRest = async ({ metric, idle }: RunningOperator): Promise<void> => {
    await becomes(async () => (await metric('rest_client_requests_total')) === sent);
    await idle();
  };
  const password = async (name: string, namespace = 'default'): Promise<string> =>
    passwordOf((await api.get(SECRET_PATH(namespace, name))).body);
  const becomes = (look: () => Promise<boolean>): Promise<true> =>
    eventually(async () => ((await look()) ? true : undefined), MINUTE);
  const becomesReady = (path: string): Promise<true> =>
    becomes(async () => conditionOf((await api.get(path)).body.status ?? {}, 'Ready')?.status === 'True');

  // Rules 7, 13, 15
  test('is alive while the API server is gone for ten minutes, and soon after its return all is well, renewals too', async () => {
    // Falls due for renewal between eight and ten minutes from now.
    aws.setTokenLife(20 * MINUTE);
    const clock = createTravelClock();
    const started = await start(clock);
    const { operator, idle } = started;
    const namespace = await api.createNamespace({ outage: 'yes' });
    await createPullSecret(api, namespace, 'login');
    const selecting = { namespaceSelector: { matchLabels: { outage: 'yes' } }, secretName: 'selected' };
    await createClusterPullSecret(api, 'outage', selecting);
    await becomesReady(NAMESPACED_PATH(namespace, 'login'));
    await becomes(async () => (await api.get(SECRET_PATH(namespace, 'selected'))).status === 200);
    await becomesReady(CLUSTER_PATH('outage'));
    const { body: before } = await api.get(SECRET_PATH(namespace, 'ecr-login'));
    assert.equal(aws.calls(), 1);

    // The clock of AWS stands still meanwhile: a login of the same length would end when the old one does.
    aws.setTokenLife(40 * MINUTE);
    await plane.killApiServer();
    for (let passed = 0; passed < 10 * MINUTE; passed += 5 * SECOND) {
      clock.travel(5 * SECOND);
      // A call of AWS in flight would be given up after six of these steps.
      await idle();
      const { status } = await fetch(`http://127.0.0.1:${operator.probePort}/healthz`);
      assert.equal(status, 200, `after ${passed} ms`);
    }
    // Ten minutes pass in a moment: the renewal that fell due in them may still be in flight.
    await becomes(async () => aws.calls() === 2);
    await plane.restartApiServer();
    const late = await api.createNamespace({ outage: 'yes' });
    await api.must('DELETE', SECRET_PATH(namespace, 'selected'));

    const isWell = async (): Promise<boolean> => {
      const { body } = await api.get(SECRET_PATH(namespace, 'ecr-login'));
      const isRenewed = body.metadata.uid === before.metadata.uid && passwordOf(body) !== passwordOf(before);
      const selected = await Promise.all([namespace, late].map((one) => password('selected', one)));
      return isRenewed && selected.every((one) => one === passwordOf(body));
    };
    // A second passes only when all that the operator does is done: a slow machine gets no fewer of them.
    for (let passed = 0; !(await isWell().catch(() => false)); passed += SECOND) {
      assert.ok(passed < MINUTE, 'not within a minute of its return');
      clock.travel(SECOND);
      await atRest(started);
    }
    assert.equal(aws.calls(), 2);
    aws.setTokenLife(12 * HOUR);
  });

  // Rules 7, 13
  test('follows a cluster that is set back to a backup of its etcd, and lets no login go back', async () => {
    const { metric } = await start(systemClock);
    const path = (name: string): string => NAMESPACED_PATH('default', name);
    const objectsBefore = await metric('ecr_operator_objects');
    for (const name of ['kept', 'deleted']) await createPullSecret(api, 'default', name, { secretName: name });
    for (const name of ['kept', 'deleted']) await becomesReady(path(name));
    const old = await password('kept');
    const restore = await plane.backUp();

    // Two for one, so that their number shows which of the two states the operator knows.
    for (const name of ['new', 'newer']) await createPullSecret(api, 'default', name, { secretName: name });
    for (const name of ['new', 'newer']) await becomesReady(path(name));
    await api.must('DELETE', path('deleted'));
    await api.must('DELETE', SECRET_PATH('default', 'deleted'));
    const again = { metadata: { annotations: { 'aws.zakariaamine.com/reconcile-at': 'now' } } };
    await api.merge(path('kept'), again);
    await becomes(async () => (await password('kept')) !== old);
    const renewed = await password('kept');
    // So many versions later that the restored cluster does not get there by itself.
    for (let count = 0; count < 50; count += 1)
      await api.merge('/api/v1/namespaces/default', { metadata: { annotations: { count: String(count) } } });
    const calls = aws.calls();

    await restore();
    // Not by the password: the operator may have written the newer one again by now.
    assert.equal((await api.get(path('new'))).status, 404, 'the backup is back');
    // The operator has forgotten later objects, and knows deleted ones again.
    await becomes(async () => (await metric('ecr_operator_objects')) === objectsBefore + 2);
    await becomes(async () => (await password('kept')) === renewed);
    await api.must('DELETE', SECRET_PATH('default', 'deleted'));
    await becomes(async () => (await api.get(SECRET_PATH('default', 'deleted'))).status === 200);
    assert.equal(aws.calls(), calls);
    await createPullSecret(api, 'default', 'fresh', { secretName: 'fresh' });
    await becomesReady(path('fresh'));
  });
});

// Rule 13
describe('the token of a pod', () => {
  const world = useWorld();
  const folder = mkdtempSync(join(tmpdir(), 'service-account-'));
  after(() => rmSync(folder, { recursive: true }));

  /** A token that is good while the Secret `to` exists. */
  const tokenBound = async (to: string): Promise<string> => {
    const holder = { apiVersion: 'v1', kind: 'Secret', metadata: { name: to } };
    await world.api.must('POST', SECRET_PATH(OPERATOR_NAMESPACE), holder);
    const path = `/api/v1/namespaces/${OPERATOR_NAMESPACE}/serviceaccounts/${OPERATOR_ACCOUNT}/token`;
    const boundObjectRef = { apiVersion: 'v1', kind: 'Secret', name: to };
    const { status } = await world.api.must('POST', path, { spec: { expirationSeconds: 3_600, boundObjectRef } });
    return status.token;
  };
  afterEach(async () => {
    for (const name of ['first', 'second']) await world.api.send('DELETE', SECRET_PATH(OPERATOR_NAMESPACE, name));
  });

  test('that was rotated on the disk is read again when the API server refuses the old one', async () => {
    const [first, second] = [await tokenBound('first'), await tokenBound('second')];
    writeFileSync(join(folder, 'token'), first);
    writeFileSync(join(folder, 'ca.crt'), world.plane.certificateAuthority);
    const { hostname: host, port } = new URL(world.plane.url);
    // Its clock stands while the token is valid: a minute must not pass, after which the file is read in any case.
    const running = await world.startOperator({ access: await podAccess({ host, port, folder }, createTravelClock()) });
    const namespace = await world.api.createNamespace();
    await createPullSecret(world.api, namespace, 'login');
    await world.ready(NAMESPACED_PATH(namespace, 'login'));

    writeFileSync(join(folder, 'token'), second);
    await world.api.must('DELETE', SECRET_PATH(OPERATOR_NAMESPACE, 'first'));
    // The API server remembers for ten seconds that a token was good.
    await eventually(async () => ((await world.api.as(first).get('/api')).status === 401 ? true : undefined), 30_000);
    await world.api.must('DELETE', SECRET_PATH(namespace, 'ecr-login'));
    await eventually(async () => {
      return (await world.api.get(SECRET_PATH(namespace, 'ecr-login'))).status === 200 ? true : undefined;
    });
    assert.ok((await running.metric('rest_client_requests_total', { code: '401' })) > 0);
    await running.stop();
  });
});
