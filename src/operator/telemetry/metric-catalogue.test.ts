// Covers the names of metrics: the rules of `promtool check metrics`, and the project's own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Definition } from '../../lib/metrics.ts';
import { METRIC } from './metric-catalogue.ts';

const ALL: readonly Definition[] = Object.values(METRIC);
/** Names that count things, or that dashboards know as they are: they need no unit. */
const COUNTS_THINGS =
  /_(objects|secrets|certificates|info|condition|depth|workers|max_concurrent_reconciles|active_workers|objects_without_series|under_way|master_status)$/;
const UNITS = /_(seconds|bytes)(_total)?$/;

for (const { name, shape, help, labels } of ALL) {
  test(`${name} has a name, labels and words as Prometheus wants them`, () => {
    assert.match(name, /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/);
    assert.equal(name.endsWith('_total'), shape === 'counter', 'counters, and only they, end in _total');
    assert.doesNotMatch(name, /_(bucket|sum|count|counter|gauge|histogram|millis\w*|ms|kb|minutes|hours)(_|$)/);
    if (shape !== 'counter') assert.ok(UNITS.test(name) || COUNTS_THINGS.test(name), 'no unit');
    for (const label of labels) {
      assert.match(label, /^[a-z][a-zA-Z]*(_[a-z]+)*$/);
      assert.ok(!['le', 'quantile', 'job', 'instance'].includes(label), `${label} is Prometheus' own`);
    }
    assert.match(help, /^[A-Z].{10,}\.$/, 'whole sentences');
  });
}

test('no two metrics have one name', () => {
  assert.equal(new Set(ALL.map(({ name }) => name)).size, ALL.length);
});

test('only the series that are bounded by a flag hold names of objects', () => {
  const named = ALL.filter(({ labels }) => labels.includes('namespace')).map(({ name }) => name);
  assert.deepEqual(named, [
    'ecr_operator_resource_token_expiry_timestamp_seconds',
    'ecr_operator_resource_condition',
    'ecr_operator_resource_secrets',
  ]);
});
