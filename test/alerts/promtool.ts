// The alerts of the chart as Prometheus' own tool runs them over series that a test makes.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { findPromtool } from '../../testing/tools/find-promtool.ts';
import { renderChart } from '../../testing/tools/helm/chart.ts';
import { createHelm } from '../../testing/tools/helm/helm.ts';

export interface Rule {
  readonly alert: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** An alert that is expected, with its labels, severity aside, and its summary. */
export interface Fired {
  readonly alert: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly says: string;
}

export interface Alerts {
  readonly rules: ReadonlyMap<string, Rule>;
  /** @throws AssertionError with what promtool says */
  lint(): void;
  /**
   * @param series  values by the minute, in promtool's notation
   * @param at      when one looks, such as `1h30m`
   * @param fired   those that fire then
   * @param among   names of the alerts that are looked at; default: all
   * @throws AssertionError when others fire, or with other labels or words
   */
  check(series: Readonly<Record<string, string>>, at: string, fired: readonly Fired[], among?: readonly string[]): void;
}

/** @param values  of the chart, for `--set` */
export async function openAlerts(folder: string, values: readonly string[] = []): Promise<Alerts> {
  const promtool = await findPromtool();
  const on = ['metrics.prometheusRule.enabled=true', 'metrics.prometheusRule.renderMode=alwaysRender', ...values];
  const objects = await renderChart(await createHelm(4), { name: 'a', namespace: 'a' }, '--set', on.join(','));
  const groups = objects.find(({ kind }) => kind === 'PrometheusRule')?.['spec'].groups;
  const rules = new Map((groups[0].rules as readonly Rule[]).map((rule) => [rule.alert, rule]));
  writeFileSync(join(folder, 'rules.yaml'), stringify({ groups }));

  const run = (...args: readonly string[]): void => {
    const { status, stdout, stderr } = spawnSync(promtool, args, { cwd: folder, encoding: 'utf8' });
    assert.equal(status, 0, `${stdout}${stderr}`);
  };
  const expected = ({ alert, labels, says }: Fired): object => {
    const rule = rules.get(alert);
    return {
      exp_labels: { ...labels, ...rule?.labels },
      exp_annotations: { ...rule?.annotations, summary: says },
    };
  };
  return {
    rules,
    lint: () => run('check', 'rules', '--lint=all', '--lint-fatal', 'rules.yaml'),
    check(series, at, fired, among = [...rules.keys()]) {
      const one = {
        interval: '1m',
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        alert_rule_test: among.map((alertname) => ({
          eval_time: at,
          alertname,
          exp_alerts: fired.filter(({ alert }) => alert === alertname).map(expected),
        })),
      };
      writeFileSync(join(folder, 'test.yaml'), stringify({ rule_files: ['rules.yaml'], tests: [one] }));
      run('test', 'rules', 'test.yaml');
    },
  };
}
