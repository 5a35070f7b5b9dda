import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { METRIC } from '../src/operator/telemetry/metric-catalogue.ts';
import { makeDashboard } from './dashboard.ts';
import { PANELS } from './dashboard-panels.ts';
import { OF_THE_SCRAPE, ours } from './promql.ts';

const CATALOGUE = new Map<string, readonly string[]>(Object.values(METRIC).map(({ name, labels }) => [name, labels]));

describe('the dashboard', () => {
  for (const { title, lines } of PANELS) {
    test(`shows under "${title}" only metrics and labels that exist`, () => {
      for (const [legend, expression] of Object.entries(lines)) {
        const metrics = [...expression.matchAll(/\b(ecr|controller|workqueue|rest|process|nodejs)_[a-z_]+/g)].map(
          ([name]) => name,
        );
        assert.ok(metrics.length > 0, expression);
        const labels = metrics.flatMap((name) => {
          const found = CATALOGUE.get(name);
          assert.ok(found, `there is no metric ${name}`);
          return found;
        });
        const summed = (/by \(([a-z_, ]+)\)/.exec(expression)?.[1] ?? '').split(', ').filter((label) => label !== '');
        const all = [...labels, ...OF_THE_SCRAPE];
        for (const label of summed) assert.ok(all.includes(label), `${expression}: no label ${label}`);
        const named = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1] ?? '');
        assert.deepEqual(named.toSorted(), summed.toSorted());
      }
    });
  }

  test('selects in each query what is chosen on it, and of names that others use only the series of this operator', () => {
    const join = ours('').trim();
    for (const { lines } of PANELS) {
      for (const expression of Object.values(lines)) {
        const own = expression.replaceAll(join, '');
        for (const [, name = '', rest = ''] of own.matchAll(
          /\b((?:ecr|controller|workqueue|rest|process|nodejs)_[a-z_]+)(.*)/g,
        )) {
          assert.ok(rest.startsWith('{cluster=~"$cluster",job=~"$job"'), expression);
          if (!name.startsWith('ecr_')) assert.ok(expression.includes(join), expression);
        }
      }
    }
  });

  test('has a uid that stays, and lets one choose cluster and job', () => {
    const { uid, templating } = JSON.parse(makeDashboard());
    assert.equal(uid, 'kube-ecr-secrets-operator');
    const names = templating.list.map(({ name }: { name: string }) => name);
    assert.deepEqual(names, ['datasource', 'cluster', 'job']);
  });

  test('has its panels beside one another, none over another, within 24 columns', () => {
    const { panels } = JSON.parse(makeDashboard()) as {
      readonly panels: readonly { readonly gridPos: { readonly x: number; readonly y: number; readonly w: number } }[];
    };
    assert.equal(panels.length, PANELS.length);
    assert.equal(new Set(panels.map(({ gridPos }) => `${gridPos.x} ${gridPos.y}`)).size, panels.length);
    assert.ok(panels.every(({ gridPos }) => gridPos.x + gridPos.w <= 24));
  });
});
