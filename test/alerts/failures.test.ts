// What breaks most often, and the one alert that says so: each failure happens to a real operator on a real API server,
// and Prometheus' own tool sees its scrapes, one a minute.

import assert from 'node:assert/strict';
import { afterEach, before, beforeEach, describe, test } from 'node:test';
import { CREDENTIALS_LABEL } from '../../src/api/names.ts';
import { observeProcess } from '../../src/cli/process-metrics.ts';
import { HOUR } from '../../src/lib/time.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createTravelClock, type TravelClock } from '../../testing/clocks/travel-clock.ts';
import { type Recording, record, TARGET } from '../../testing/operator/recording.ts';
import {
  CLUSTER_PATH,
  conditionOf,
  GOOD_KEY,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { makeTemporaryFolder } from '../../testing/process/temporary-folder.ts';
import { createClusterPullSecret, createPullSecret } from '../scenario/manifests.ts';
import { RUNNING } from './case-series.ts';
import { type Alerts, type Fired, openAlerts } from './promtool.ts';

const WRONG = { accessKeyId: 'AKIATESTWRONGKEY0001', secretAccessKey: GOOD_KEY.secretAccessKey };
const THROTTLED = { op: 'error', status: 400, code: 'ThrottlingException', message: 'Rate exceeded' } as const;
const KIND = 'AWSECRImagePullSecret';
/** Long enough for every alert but the one that takes an hour. */
const WHILE = 31;

describe('the alert for a failure', () => {
  const world = useWorld();
  const folder = makeTemporaryFolder('alerts-failures');
  let alerts: Alerts;
  let clock: TravelClock;
  let operator: RunningOperator;
  let namespace = '';

  before(async () => {
    alerts = await openAlerts(folder);
  });
  beforeEach(async () => {
    world.aws.addKey(GOOD_KEY);
    namespace = await world.api.createNamespace();
    clock = createTravelClock();
    operator = await world.startOperator({ clock });
    observeProcess(operator.metrics, '1.0.0', new Map(), undefined);
  });
  afterEach(async () => {
    world.aws.faults.clear();
    await operator.stop();
    await world.api.must('DELETE', CLUSTER_PATH());
    await world.api.must('DELETE', NAMESPACED_PATH(namespace));
  });

  const path = (name = 'login'): string => NAMESPACED_PATH(namespace, name);
  const create = (name = 'login', spec: object = {}): Promise<unknown> =>
    createPullSecret(world.api, namespace, name, { secretName: name, ...spec });
  const stalls = (): Promise<unknown> =>
    world.status(path(), (status) => conditionOf(status, 'Stalled')?.status === 'True');
  /** Some other objects, with the same key, and in good health. */
  const createOthers = async (): Promise<void> => {
    for (const name of ['a', 'b', 'c']) {
      await create(name);
      await world.ready(path(name));
    }
  };
  const ofObject = (alert: string, says: string): Fired => {
    const labels = { job: TARGET.job, kind: KIND, namespace, name: 'login' };
    return { alert, labels, says: `${KIND} ${namespace}/login${says}` };
  };
  const ofRelease = (alert: string, says: string): Fired => {
    const { job, namespace } = TARGET;
    return { alert, labels: { job, namespace }, says: `The operator in namespace ${namespace} ${says}` };
  };
  /** A series with this label has counted something. */
  const has = (recording: Recording, name: string, label: string): boolean =>
    Object.entries(recording).some(
      ([series, values]) => series.startsWith(`${name}{`) && series.includes(label) && / [1-9]\d*$/.test(values),
    );

  const STALLED = [`EcrOperatorObjectStalled`, ' is stalled: only a change by you helps'] as const;

  test('a new object with a wrong key is that it is stalled', async () => {
    await createOthers();
    await create('login', { awsAccess: { region: 'eu-west-1', ...WRONG } });
    await stalls();
    const recording = await record(operator, clock, WHILE);
    assert.ok(has(recording, 'ecr_operator_aws_errors_total', 'error="UnrecognizedClientException"'));
    alerts.check(recording, '12m', [ofObject(...STALLED)]);
    alerts.check(recording, `${WHILE}m`, [ofObject(...STALLED)]);
  });

  test('a wrong key after a rotation is that the object is stalled, while its old login is good for hours', async () => {
    await createOthers();
    const secret = (keys: typeof WRONG): object => ({
      stringData: { AWS_ACCESS_KEY_ID: keys.accessKeyId, AWS_SECRET_ACCESS_KEY: keys.secretAccessKey },
    });
    const metadata = { name: 'keys', labels: { [CREDENTIALS_LABEL]: 'true' } };
    await world.api.must('POST', SECRET_PATH(namespace), { metadata, ...secret(GOOD_KEY) });
    await create('login', { awsAccess: { region: 'eu-west-1', secretRef: { name: 'keys' } } });
    await world.ready(path());
    await world.api.merge(SECRET_PATH(namespace, 'keys'), secret(WRONG));
    await stalls();
    await world.ready(path());
    const recording = await record(operator, clock, WHILE);
    alerts.check(recording, '12m', [ofObject(...STALLED)]);
    alerts.check(recording, `${WHILE}m`, [ofObject(...STALLED)]);
  });

  for (const [failure, fault, series, label] of [
    ['AWS that is down', { op: 'reset' }, 'ecr_operator_aws_requests_total', 'code="AWSUnreachable"'],
    ['AWS that throttles', THROTTLED, 'ecr_operator_aws_errors_total', 'error="ThrottlingException"'],
  ] as const) {
    test(`${failure} is one about the logins of all, and the series say why`, async () => {
      await createOthers();
      await create();
      await world.ready(path());
      world.aws.faults.failWhile(() => true, fault);
      clock.travel(6 * HOUR);
      const recording = await record(operator, clock, WHILE);
      assert.ok(has(recording, series, label));
      const expected = ofRelease('EcrOperatorLoginsFailing', 'gets no logins of AWS for several objects');
      alerts.check(recording, `${WHILE}m`, [expected]);
    });
  }

  test('a quota in a namespace is that the object is not ready', async () => {
    const quotas = `/api/v1/namespaces/${namespace}/resourcequotas`;
    const hard = { 'count/secrets': '0' };
    await world.api.must('POST', quotas, { metadata: { name: 'none' }, spec: { hard } });
    // The work of the controller for quotas, which does not run here.
    await world.api.merge(`${quotas}/none/status`, { status: { hard, used: hard } });
    await isRefused();
    await create();
    await world.status(path(), ({ problems }) => problems?.items[0]?.reason === 'CreateSecretError');
    const recording = await record(operator, clock, WHILE);
    alerts.check(recording, '20m', [ofObject('EcrOperatorObjectNotReady', ' is not ready')]);
  });

  test('a policy that denies the Secret is that the object is not ready, or that Secrets fail where a selector chose', async () => {
    await denySecrets();
    const labels = { ecr: namespace };
    await world.api.merge(`/api/v1/namespaces/${namespace}`, { metadata: { labels } });
    await create();
    await world.status(path(), ({ problems }) => problems?.items[0]?.reason === 'CreateSecretError');
    const selected = { secretName: 'all', namespaceSelector: { matchLabels: labels } };
    await createClusterPullSecret(world.api, 'all', selected);
    await world.status(CLUSTER_PATH('all'), ({ problems }) => problems?.count === 1);
    const recording = await record(operator, clock, WHILE);
    const all = 'ClusterAWSECRImagePullSecret';
    alerts.check(recording, '20m', [
      ofObject('EcrOperatorObjectNotReady', ' is not ready'),
      {
        alert: 'EcrOperatorSecretsFailing',
        labels: { job: TARGET.job, kind: all, name: 'all' },
        says: `${all} all: 1 of its Secrets are not in place`,
      },
    ]);
  });
  /** The API server takes no Secret in the namespace any more. */
  const isRefused = (): Promise<true> =>
    eventually(async () => {
      const probe = { metadata: { name: 'probe' } };
      const { status } = await world.api.send('POST', `${SECRET_PATH(namespace)}?dryRun=All`, probe);
      return status === 403 || status === 422 ? true : undefined;
    });
  /** Denies every creation of a Secret in the namespace. */
  const denySecrets = async (): Promise<void> => {
    const group = '/apis/admissionregistration.k8s.io/v1';
    const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['secrets'] };
    const metadata = { name: `no-secrets-${namespace}` };
    const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
    const spec = {
      matchConstraints: { namespaceSelector, resourceRules: [rule] },
      validations: [{ expression: 'false', message: 'no Secrets here' }],
    };
    await world.api.must('POST', `${group}/validatingadmissionpolicies`, { metadata, spec });
    const binding = { policyName: metadata.name, validationActions: ['Deny'] };
    await world.api.must('POST', `${group}/validatingadmissionpolicybindings`, { metadata, spec: binding });
    await isRefused();
  };

  test('a rival writer is that the object is not ready', async () => {
    await create();
    await world.ready(path());
    const contest = async (): Promise<void> => {
      await eventually(async () => {
        await world.api.send('DELETE', SECRET_PATH(namespace, 'login'));
        const { status } = await world.api.must('GET', path());
        return status.problems?.items[0]?.reason === 'SecretContested' ? true : undefined;
      }, 30_000);
    };
    const recording = await record(operator, clock, WHILE, contest);
    alerts.check(recording, '20m', [ofObject('EcrOperatorObjectNotReady', ' is not ready')]);
  });

  test('a token that has ended is a critical one about its object', async () => {
    await createOthers();
    await create('login', {
      awsAccess: {
        region: 'eu-central-1',
        accessKeyId: GOOD_KEY.accessKeyId,
        secretAccessKey: GOOD_KEY.secretAccessKey,
      },
    });
    await world.ready(path());
    world.aws.faults.failWhile(({ region }) => region === 'eu-central-1', {
      op: 'error',
      status: 400,
      code: 'AccessDeniedException',
      message: 'no',
    });
    // The others get a login that outlasts the first one.
    world.aws.setTokenLife(30 * HOUR);
    clock.travel(6 * HOUR);
    await operator.idle();
    clock.travel(6.5 * HOUR);
    await world.status(path(), (status) => conditionOf(status, 'Ready')?.reason === 'TokenExpired');
    const recording = await record(operator, clock, WHILE);
    world.aws.setTokenLife(12 * HOUR);
    alerts.check(recording, '20m', [
      ofObject('EcrOperatorTokenExpiresSoon', ': its login ends within the hour, or has ended'),
    ]);
  });
});

describe('the alert for a failure that a clock that is moved cannot show', () => {
  const folder = makeTemporaryFolder('alerts-derived');
  let alerts: Alerts;
  before(async () => {
    alerts = await openAlerts(folder);
  });
  const labels = `job="${TARGET.job}",pod="${TARGET.pod}",instance="${TARGET.instance}",namespace="${TARGET.namespace}"`;
  const contact = (resource: string): string =>
    `ecr_operator_watch_last_contact_timestamp_seconds{${labels},resource="${resource}"}`;
  const failures = (resource: string): string => `ecr_operator_watch_failures_total{${labels},resource="${resource}"}`;
  const errors = `controller_runtime_reconcile_errors_total{${labels},controller="pullsecret"}`;
  const release = { job: TARGET.job, namespace: TARGET.namespace };

  test('an API server that flaps is that reconciliations fail', () => {
    const series = { ...RUNNING, [contact('secrets')]: '0+60x60', [failures('secrets')]: '0+2x60', [errors]: '0+1x60' };
    const says = 'The operator in namespace system: reconciliations of pullsecret fail';
    const alert = 'EcrOperatorReconcileErrors';
    alerts.check(series, '30m', [{ alert, labels: { ...release, controller: 'pullsecret' }, says }]);
  });

  test('CRDs that are gone, and an API server that is gone, are that the operator hears nothing', () => {
    const [own, cluster] = ['awsecrimagepullsecrets', 'clusterawsecrimagepullsecrets'];
    const says = 'The operator in namespace system has heard nothing of something it watches for 20m 0s';
    const expected = [{ alert: 'EcrOperatorWatchBlind', labels: release, says }];
    const gone = {
      [contact(own)]: '0+60x10 600x50',
      [contact(cluster)]: '0+60x10 600x50',
      [failures(own)]: '0x10 0+1x50',
      [failures(cluster)]: '0x10 0+1x50',
    };
    alerts.check({ ...RUNNING, ...gone, [contact('secrets')]: '0+60x60' }, '30m', expected);
    alerts.check({ ...RUNNING, ...gone, [contact('secrets')]: '0+60x10 600x50', [errors]: '0+1x60' }, '30m', expected);
  });

  test('an operator that is down is that none is there', () => {
    const ended = Object.fromEntries(Object.keys(RUNNING).map((series) => [series, '1x10 stale']));
    alerts.check({ ...ended, [contact('secrets')]: '0+60x10 stale' }, '25m', [
      { alert: 'EcrOperatorAbsent', labels: {}, says: 'No operator is scraped' },
    ]);
  });
});
