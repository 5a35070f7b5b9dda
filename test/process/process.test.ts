// The operator as the process that a pod runs: signals, probes, an API server that comes and goes, and what never
// leaks.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { METRIC } from '../../src/operator/telemetry/metric-catalogue.ts';
import { installCrds } from '../../testing/api-server/install-crds.ts';
import { adminOf, eventually, type TestApi } from '../../testing/api-server/test-api.ts';
import { type AwsStandIn, startAwsStandIn } from '../../testing/aws/aws-stand-in.ts';
import { type ControlPlane, startControlPlane } from '../../testing/control-plane/control-plane.ts';
import { createCanaries } from '../../testing/leaks/canaries.ts';
import { findLeaks, placesIn } from '../../testing/leaks/canary-search.ts';
import { type OperatorProcess, startOperatorProcess } from '../../testing/operator/operator-process.ts';
import {
  CLUSTER_PATH,
  conditionOf,
  GOOD_KEY,
  NAMESPACED_PATH,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { createClusterPullSecret, createPullSecret, passwordOf } from '../scenario/manifests.ts';
import { ensureBundle } from './bundle.ts';

const byText = (one: string, other: string): number => one.localeCompare(other);

before(() => void ensureBundle());

// In time is within ten seconds: a process that takes longer ends itself, by code 1.
describe('the process by a kubeconfig', () => {
  const world = useWorld();
  let running: OperatorProcess | undefined;
  let namespace = '';
  afterEach(async () => {
    await running?.end('SIGKILL');
    world.aws.faults.clear();
  });

  const start = async (): Promise<OperatorProcess> => {
    running = await startOperatorProcess({
      plane: world.plane,
      awsUrl: world.aws.url,
      access: 'kubeconfig',
      bundle: ensureBundle(),
    });
    const started = running;
    world.alsoSearch('the output of the process', () => started.output());
    await started.ready();
    return started;
  };
  /** Waits until it has reconciled `keys` objects. */
  const looked = (process: OperatorProcess, keys: number): Promise<true> =>
    eventually(async () => ((await process.metric('controller_runtime_reconcile_total')) >= keys ? true : undefined));

  test('serves its probes and its metrics, and ends by code 0 at SIGTERM', async () => {
    const operator = await start();
    namespace = await world.api.createNamespace();
    await createPullSecret(world.api, namespace, 'login');
    await createClusterPullSecret(world.api, `c-${namespace}`, { namespaces: [namespace], secretName: 'other' });
    await world.ready(NAMESPACED_PATH(namespace, 'login'));
    await world.ready(CLUSTER_PATH(`c-${namespace}`));
    assert.deepEqual(await operator.probe('/healthz'), { status: 200, body: 'ok\n' });
    assert.deepEqual(await operator.probe('/readyz'), { status: 200, body: 'ok\n' });
    assert.equal((await operator.probe('/metrics')).status, 404);
    const metrics = await operator.metrics();
    const described = [...metrics.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name, help]) => `${name} ${help}`);
    // Those of the webhook and of leader election, which are off here, are checked where these are on.
    const served = Object.values(METRIC).filter(({ name }) => !/_webhook_|^leader_/.test(name));
    const wanted = served.map(({ name, help }) => `${name} ${help}`);
    assert.deepEqual(described.toSorted(byText), wanted.toSorted(byText));
    for (const { name } of served) assert.match(metrics, new RegExp(`^${name}(_count)?[{ ]`, 'm'));
    assert.equal(await operator.metric('ecr_operator_objects'), 2);
    // The API server has a status a moment before the operator knows that it was accepted.
    await eventually(async () => {
      assert.equal(await operator.metric('ecr_operator_secrets', (series) => series.includes('state="ready"')), 2);
      return true;
    });
    assert.equal((await operator.end('SIGTERM')).code, 0, operator.output());
    for (const line of operator.output().trimEnd().split('\n')) {
      const { ts, level, msg } = JSON.parse(line) as Readonly<Record<string, unknown>>;
      assert.match(`${String(ts)} ${String(level)} ${String(msg)}`, /^\d{4}-\S{18}Z (info|warn) [A-Z]/, line);
    }
  });

  // Rules 6, 11
  test('killed and started again asks AWS nothing and writes nothing', async () => {
    const operator = await start();
    await looked(operator, 2);
    await operator.end('SIGKILL');
    world.aws.clearLog();
    const again = await start();
    await looked(again, 2);
    assert.equal(await again.writes(), 0);
    assert.equal(world.aws.calls(), 0);
    assert.equal((await again.end('SIGTERM')).code, 0);
  });

  test('stopped while AWS hangs ends in time, and does not report a failure of AWS', async () => {
    world.aws.faults.failWhile(() => true, { op: 'hang' });
    const operator = await start();
    const other = { ...GOOD_KEY, accessKeyId: 'AKIATESTGOODKEY00002' };
    world.aws.addKey(other);
    const { accessKeyId, secretAccessKey } = other;
    await createPullSecret(world.api, namespace, 'hanging', {
      awsAccess: { region: 'eu-west-1', accessKeyId, secretAccessKey },
      secretName: 'hanging',
    });
    await eventually(() => (world.aws.calls(({ accessKeyId: id }) => id === accessKeyId) > 0 ? true : undefined));
    assert.equal((await operator.end('SIGTERM')).code, 0, operator.output());
    const { body } = await world.api.get(NAMESPACED_PATH(namespace, 'hanging'));
    assert.notEqual(conditionOf(body.status, 'Ready')?.status, 'False');
    const { items } = await world.api.must('GET', `/apis/events.k8s.io/v1/namespaces/${namespace}/events`);
    const warnings = items.filter(
      ({ type, regarding }: { type: string; regarding: { name: string } }) =>
        type === 'Warning' && regarding.name === 'hanging',
    );
    assert.deepEqual(warnings, []);
    await world.api.must('DELETE', NAMESPACED_PATH(namespace, 'hanging'));
  });

  test('stopped in the midst of many writes ends in time by code 0, and the next one finishes the work', async () => {
    const many = await Promise.all(
      Array.from({ length: 60 }, () => world.api.createNamespace({ many: 'yes' }, 'many')),
    );
    const operator = await start();
    await createClusterPullSecret(world.api, 'many', {
      namespaceSelector: { matchLabels: { many: 'yes' } },
      secretName: 'many',
    });
    await eventually(async () => ((await secretsSeen(operator)) > 2 ? true : undefined));
    assert.equal((await operator.end('SIGTERM')).code, 0, operator.output());
    await start();
    await world.status(CLUSTER_PATH('many'), ({ secrets }) => secrets?.ready === many.length, 60_000);
  });

  // Rule 17
  test('shows neither a key nor a token, in any form, anywhere but in the Secret', async () => {
    const operator = await start();
    const denied = {
      accessKeyId: 'AKIADENIEDCANARY0001',
      secretAccessKey: 'Canary/Canary+Canary/Canary+Canary/Canary',
    };
    await createPullSecret(world.api, namespace, 'canary', { secretName: 'canary' });
    await createPullSecret(world.api, namespace, 'denied', {
      awsAccess: { region: 'eu-west-1', ...denied },
      secretName: 'denied',
    });
    await world.ready(NAMESPACED_PATH(namespace, 'canary'));
    await world.status(NAMESPACED_PATH(namespace, 'denied'), (status) => conditionOf(status, 'Stalled') !== undefined);
    const texts = { 'its metrics': await operator.metrics(), 'its readiness': (await operator.probe('/readyz')).body };
    assert.equal((await operator.end('SIGTERM')).code, 0);
    const canaries = createCanaries();
    canaries.add('token', passwordOf((await world.api.get(SECRET_PATH(namespace, 'canary'))).body));
    for (const key of [GOOD_KEY.secretAccessKey, denied.secretAccessKey]) canaries.add('key', key);
    canaries.add('bearer', world.plane.adminToken);
    assert.equal(canaries.size, 4);
    const places = Object.entries({ ...texts, 'its output': operator.output() }).map(([name, text]) => ({
      name,
      text,
    }));
    assert.deepEqual(findLeaks(canaries, [...places, ...(await placesIn(world.api))]), []);
  });
});

/** Pull secrets in its store. */
function secretsSeen(operator: OperatorProcess): Promise<number> {
  return operator.metric('ecr_operator_watch_objects', (series) => series.includes('resource="secrets"'));
}

describe('the process in a pod', () => {
  let plane: ControlPlane;
  let api: TestApi;
  let aws: AwsStandIn;
  let operator: OperatorProcess;

  before(async () => {
    plane = await startControlPlane();
    api = adminOf(plane);
    aws = await startAwsStandIn({ accounts: [GOOD_KEY] });
    operator = await startOperatorProcess({ plane, awsUrl: aws.url, access: 'pod', bundle: ensureBundle() });
  });
  after(async () => {
    await operator.end('SIGKILL');
    await aws.stop();
    await plane.stop();
  });

  const isReady = (name: string): Promise<true> =>
    eventually(async () => {
      const { body } = await api.get(NAMESPACED_PATH('default', name));
      return conditionOf(body.status, 'Ready')?.status === 'True' ? true : undefined;
    }, 60_000);

  // Rule 15
  test('is alive and not ready while its CRDs are missing, and says why', async () => {
    const kind = 'awsecrimagepullsecrets';
    const why = `the API server does not know ${kind}.aws.zakariaamine.com: are the CRDs installed?`;
    // Each kind is listed by itself, and none of them first.
    const { status, body } = await eventually(async () => {
      const reply = await operator.probe('/readyz');
      assert.ok(reply.body.includes(`waiting for the first list of ${kind}: ${why}\n`), reply.body);
      return reply;
    });
    assert.equal(status, 503);
    assert.match(body, /^waiting for the first list of secrets$/m);
    assert.equal((await operator.probe('/healthz')).status, 200);
  });

  test('gets ready by itself when they come', async () => {
    await installCrds(api);
    await eventually(async () => ((await operator.probe('/readyz')).status === 200 ? true : undefined), 60_000);
    await createPullSecret(api, 'default', 'first');
    await isReady('first');
  });

  // Rule 15
  test('outlives an API server that is gone, and goes on when it is back', async () => {
    // It logged the CRDs in the same words.
    const told = operator.output().length;
    await plane.killApiServer();
    await eventually(() => (operator.output().slice(told).includes('Could not list or watch') ? true : undefined));
    assert.equal((await operator.probe('/healthz')).status, 200);
    assert.equal(operator.code, undefined);
    await plane.restartApiServer();
    await createPullSecret(api, 'default', 'second', { secretName: 'second' });
    await isReady('second');
    assert.equal(operator.code, undefined);
  });

  test('stopped while a write hangs gives it five seconds, says so, and ends by code 0', async () => {
    const logins = (): Promise<number> =>
      operator.metric('ecr_operator_logins_total', (series) => series.includes('"success"'));
    const before = await logins();
    aws.faults.failNext(1, { op: 'delay', ms: 500 });
    const again = { metadata: { annotations: { 'aws.zakariaamine.com/reconcile-at': 'now' } } };
    await api.merge(NAMESPACED_PATH('default', 'first'), again);
    await eventually(() => (aws.requests.some(({ fault }) => fault === 'delay') ? true : undefined));
    plane.pauseApiServer();
    try {
      // Not when AWS has answered: the operator does not wait for a login in flight, and writes nothing then.
      await eventually(async () => ((await logins()) > before ? true : undefined));
      assert.equal((await operator.end('SIGTERM')).code, 0, operator.output());
      assert.ok(operator.output().includes('Gave up the writes in hand'));
    } finally {
      plane.resumeApiServer();
    }
  });
});
