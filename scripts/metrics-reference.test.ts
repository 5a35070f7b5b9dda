// Covers the page about metrics: it has all of them, and alerts select only metrics that the operator serves, each with
// a runbook.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { Definition } from '../src/lib/metrics.ts';
import { METRIC } from '../src/operator/telemetry/metric-catalogue.ts';
import { ALERTS, anchorOf } from './alerts.ts';
import { makeMetricsPage } from './metrics-reference.ts';
import { OF_THE_SCRAPE } from './promql.ts';
import { BRANCH, REPOSITORY } from './repository.ts';

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
            OF_THE_SCRAPE.includes(label) ||
              selectors.some(([, metric = '']) => ALL.get(metric)?.labels.includes(label)),
            label,
          );
    });
  }

  test('has a name of its own', () => {
    assert.equal(new Set(ALERTS.map(({ name }) => name)).size, ALERTS.length);
  });
});

describe('runbooks', () => {
  const page = readFileSync('docs/runbooks.md', 'utf8');
  const sections = page.split(/^## /m).slice(1);
  const PARTS = ['What it means', 'Look', 'Causes', 'Mend', 'Over'];

  test('are there for each alert, in the order of the alerts, and for no other', () => {
    const headings = sections.map((section) => section.split('\n')[0]);
    assert.deepEqual(
      headings,
      ALERTS.map(({ name }) => name),
    );
  });

  for (const [index, { name }] of ALERTS.entries()) {
    test(`of ${name} say what it means, where to look, what causes it, how to mend it, and how to see that it is over`, () => {
      const section = sections[index] ?? '';
      const places = PARTS.map((part) => section.indexOf(`**${part}.**`));
      assert.ok(!places.includes(-1), `${places.join(' ')}: one of ${PARTS.join(', ')} is missing`);
      assert.deepEqual(
        places.toSorted((one, other) => one - other),
        places,
      );
      assert.match(section, /\*\*Look\.\*\*[^*]*?```sh\n/, 'it begins with a command');
    });
  }

  test('are what the rules of the chart link to', () => {
    const rules = readFileSync('charts/kube-ecr-secrets-operator/files/alerts.yaml', 'utf8');
    const urls = [...rules.matchAll(/runbook_url: (\S+)/g)].map(([, url]) => url);
    assert.deepEqual(
      urls,
      ALERTS.map((alert) => `${REPOSITORY}/blob/${BRANCH}/docs/runbooks.md#${anchorOf(alert)}`),
    );
  });
});

test('links to the repository name the branch that CI runs for', () => {
  const [, branches] =
    /^ {2}push:\n {4}branches: \[(.*)\]$/m.exec(readFileSync('.github/workflows/ci.yml', 'utf8')) ?? [];
  assert.equal(branches, BRANCH);
  const files = ['*.md', 'docs/**/*.md', '{.github,charts,examples,gitops}/**/*.{md,yaml,yml,txt,tpl,json}'].flatMap(
    (glob) => globSync(glob),
  );
  const path = REPOSITORY.replace('https://github.com/', '');
  const link = new RegExp(`${path}/(?:(?:blob|tree|raw)/)?(?!releases|issues|pulls|security)([\\w.-]+)/`, 'g');
  const named = files.flatMap((file) => [...readFileSync(file, 'utf8').matchAll(link)].map(([, branch]) => branch));
  assert.ok(named.length > 10);
  assert.deepEqual([...new Set(named)], [BRANCH]);
});
