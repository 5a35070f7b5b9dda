// Covers the alerts of the chart with Prometheus itself: each fires when it should, and does not when it should not.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { stringify } from 'yaml';
import { makeTemporaryFolder } from '../../testing/process/temporary-folder.ts';
import { findPromtool } from '../../testing/tools/find-promtool.ts';
import { renderChart } from '../../testing/tools/helm/chart.ts';
import { createHelm } from '../../testing/tools/helm/helm.ts';
import { CASES, type Case } from './cases.ts';

interface Rule {
  readonly alert: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

describe('the alerts of the chart', () => {
  const folder = makeTemporaryFolder('alerts');
  const rules = new Map<string, Rule>();
  let promtool = '';

  before(async () => {
    promtool = await findPromtool();
    const release = { name: 'a', namespace: 'a' };
    const values = ['metrics.prometheusRule.enabled=true', 'metrics.prometheusRule.renderMode=alwaysRender'];
    const objects = await renderChart(await createHelm(4), release, '--set', values.join(','));
    const groups = objects.find(({ kind }) => kind === 'PrometheusRule')?.['spec'].groups;
    for (const rule of groups[0].rules as readonly Rule[]) rules.set(rule.alert, rule);
    writeFileSync(join(folder, 'rules.yaml'), stringify({ groups }));
  });

  const run = (...args: readonly string[]): void => {
    const { status, stdout, stderr } = spawnSync(promtool, args, { cwd: folder, encoding: 'utf8' });
    assert.equal(status, 0, `${stdout}${stderr}`);
  };

  /** Whether it fires with exactly these labels at that moment; undefined: not at all. */
  const check = (alert: string, { series, at }: Case, labels: Readonly<Record<string, string>> | undefined): void => {
    const rule = rules.get(alert);
    const expected = { exp_labels: { ...labels, ...rule?.labels }, exp_annotations: rule?.annotations };
    const one = {
      interval: '1m',
      input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
      alert_rule_test: [{ eval_time: at, alertname: alert, exp_alerts: labels === undefined ? [] : [expected] }],
    };
    writeFileSync(join(folder, 'test.yaml'), stringify({ rule_files: ['rules.yaml'], tests: [one] }));
    run('test', 'rules', 'test.yaml');
  };

  test('are read without a complaint', () => run('check', 'rules', '--lint=all', '--lint-fatal', 'rules.yaml'));

  test('each have cases', () => assert.deepEqual(Object.keys(CASES), [...rules.keys()]));

  for (const [alert, { fires, silent }] of Object.entries(CASES)) {
    test(`fire as ${alert} when ${fires.when}`, () => check(alert, fires, fires.labels));
    test(`do not fire as ${alert} when ${silent.when}`, () => check(alert, silent, undefined));
  }
});
