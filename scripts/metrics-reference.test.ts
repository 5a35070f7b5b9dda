// Covers the page about metrics: it has all of them, and alerts select only metrics that the operator serves.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Definition } from '../src/lib/metrics.ts';
import { METRIC } from '../src/operator/telemetry/metric-catalogue.ts';
import { ALERTS } from './alerts.ts';
import { makeMetricsPage } from './metrics-reference.ts';

const ALL = new Map<string, Definition>(Object.values(METRIC).map((metric) => [metric.name, metric]));
/** A metric with the labels it is selected by, if any. */
const SELECTOR = /\b((?:ecr_operator|controller_runtime|workqueue|rest_client|process|nodejs)_\w+)(?:\{([^}]*)\})?/g;

test('every metric is on the page once', () => {
  const page = makeMetricsPage([...ALL.values()], ALERTS);
  for (const name of ALL.keys()) assert.equal(page.split(`\n| \`${name}\` |`).length, 2, name);
});

describe('an alert', () => {
  for (const { name, expression } of ALERTS) {
    test(`(${name}) selects metrics that are served, by labels that they have`, () => {
      const selectors = [...expression.matchAll(SELECTOR)];
      assert.ok(selectors.length > 0, 'it selects something');
      for (const [, metric = '', labels = ''] of selectors) {
        const known = ALL.get(metric.replace(/_(bucket|sum|count)$/, '')) ?? ALL.get(metric);
        assert.ok(known, `there is no ${metric}`);
        for (const [, label = ''] of labels.matchAll(/(\w+)(?:=|!)/g))
          assert.ok(known.labels.includes(label), `${metric} has no label ${label}`);
      }
      for (const [, grouped = ''] of expression.matchAll(/by \(([^)]*)\)/g))
        for (const label of grouped.split(', '))
          assert.ok(
            selectors.some(([, metric = '']) => ALL.get(metric)?.labels.includes(label)),
            label,
          );
    });
  }

  test('has a name of its own', () => {
    assert.equal(new Set(ALERTS.map(({ name }) => name)).size, ALERTS.length);
  });
});
