// Covers the alerts of the chart with Prometheus itself: each fires when it should, alone, and does not when it should
// not.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { TARGET } from '../../testing/operator/recording.ts';
import { makeTemporaryFolder } from '../../testing/process/temporary-folder.ts';
import { RUNNING } from './case-series.ts';
import { LEADER_CASES } from './leader-cases.ts';
import { OBJECT_CASES } from './object-cases.ts';
import { type Alerts, openAlerts } from './promtool.ts';
import { RELEASE_CASES } from './release-cases.ts';

const CASES = { ...OBJECT_CASES, ...RELEASE_CASES, ...LEADER_CASES };

describe('the alerts of the chart', () => {
  const folder = makeTemporaryFolder('alerts');
  let alerts: Alerts;
  before(async () => {
    alerts = await openAlerts(folder);
  });

  test('are read without a complaint', () => alerts.lint());

  test('each have cases', () => assert.deepEqual(Object.keys(CASES), [...alerts.rules.keys()]));

  for (const [alert, { fires, silent }] of Object.entries(CASES)) {
    test(`fire as ${alert}, and as nothing else, when ${fires.when}`, () => {
      alerts.check({ ...RUNNING, ...fires.series }, fires.at, [{ alert, ...fires }]);
    });
    for (const { when, series, at } of silent) {
      test(`do not fire as ${alert} when ${when}`, () => {
        alerts.check({ ...RUNNING, ...series }, at, [], [alert]);
      });
    }
  }
});

describe('the same alerts under other ways to scrape', () => {
  const folder = makeTemporaryFolder('alerts-scrapes');
  let alerts: Alerts;
  before(async () => {
    alerts = await openAlerts(folder);
  });
  const [build, panics] = ['ecr_operator_build_info', 'controller_runtime_reconcile_panics_total'];
  const stalled = 'ecr_operator_resource_condition';
  const own = 'kind="AWSECRImagePullSecret",name="ecr",type="Stalled",status="True"';
  const released = { job: 'kubernetes-pods', namespace: 'system' };
  const bug = { alert: 'EcrOperatorBug', says: 'The operator in namespace system met a bug in pullsecret' };
  const stall = {
    alert: 'EcrOperatorObjectStalled',
    says: 'AWSECRImagePullSecret shop/ecr is stalled: only a change by you helps',
  };

  test('by annotations, without a label for the pod, tell the operator from a stranger under the same job', () => {
    const target = 'job="kubernetes-pods",namespace="system",instance="10.0.0.1:8080"';
    const other = 'job="kubernetes-pods",namespace="system",instance="10.0.0.2:8080"';
    const series = {
      [`${build}{${target}}`]: '1x40',
      [`${panics}{${target},controller="pullsecret"}`]: '0x40',
      [`${panics}{${other},controller="pullsecret"}`]: '0x5 1x40',
    };
    alerts.check(series, '10m', []);
    alerts.check({ ...series, [`${panics}{${target},controller="pullsecret"}`]: '0x5 1x40' }, '10m', [
      { ...bug, labels: { ...released, controller: 'pullsecret' } },
    ]);
  });

  test('that do not honor labels name the namespace of the object all the same', () => {
    const target = 'job="ecr",namespace="system",pod="a",instance="10.0.0.1:8080"';
    const series = {
      [`${build}{${target}}`]: '1x40',
      [`${stalled}{${target},${own},exported_namespace="shop"}`]: '1x40',
    };
    const labels = { job: 'ecr', kind: 'AWSECRImagePullSecret', name: 'ecr', namespace: 'system' };
    alerts.check(series, '20m', [{ ...stall, labels: { ...labels, exported_namespace: 'shop' } }]);
  });

  test('of several clusters, with one instance in each, blame the right one', () => {
    const target = (cluster: string): string =>
      `cluster="${cluster}",job="ecr",namespace="system",instance="10.0.0.1:8080"`;
    const series = {
      [`${build}{${target('a')}}`]: '1x40',
      [`${panics}{${target('b')},controller="pullsecret"}`]: '0x5 1x40',
    };
    alerts.check(series, '10m', []);
    const labels = { cluster: 'b', job: 'ecr', namespace: 'system', controller: 'pullsecret' };
    const says = 'The operator in namespace system of cluster b met a bug in pullsecret';
    alerts.check({ ...series, [`${build}{${target('b')}}`]: '1x40' }, '10m', [{ ...bug, labels, says }]);
  });

  test('go on for an object, with its labels unchanged, when the operator is started anew in another pod', () => {
    const at = (pod: string): string => `job="ecr",namespace="shop",pod="${pod}",instance="${pod}:8080"`;
    const series = {
      [`${build}{${at('a')}}`]: '1x8 stale',
      [`${stalled}{${at('a')},${own}}`]: '1x8 stale',
      [`${build}{${at('b')}}`]: '_x8 1x40',
      [`${stalled}{${at('b')},${own}}`]: '_x8 1x40',
    };
    const labels = { job: 'ecr', kind: 'AWSECRImagePullSecret', name: 'ecr', namespace: 'shop' };
    alerts.check(series, '12m', [{ ...stall, labels }]);
  });
});

describe('the alert about an operator that is absent', () => {
  const folder = makeTemporaryFolder('alerts-absent');
  const build = (cluster: string): string => `ecr_operator_build_info{cluster="${cluster}",job="${TARGET.job}"}`;

  test('fires for the cluster of its release when the operators of others are there', async () => {
    const alerts = await openAlerts(folder, ['metrics.prometheusRule.targetLabels.cluster=a']);
    const says = 'No operator of cluster a is scraped';
    alerts.check({ [build('b')]: '1x40' }, '15m', [{ alert: 'EcrOperatorAbsent', labels: { cluster: 'a' }, says }]);
    alerts.check({ [build('a')]: '1x40' }, '15m', []);
  });
});
