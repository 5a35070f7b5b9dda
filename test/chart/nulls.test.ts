// `null` in values: Helm removes the value then, the default too. A section that the templates need is refused by its
// name.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import pLimit from 'p-limit';
import { parse } from 'yaml';
import { CHART, renderChart } from '../../testing/tools/helm/chart.ts';
import { setFlags, sorted, useRendering } from './rendering.ts';

const { helms } = useRendering();

interface Schema {
  readonly $ref?: string;
  readonly type?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

const root = JSON.parse(readFileSync(`${CHART}/values.schema.json`, 'utf8')) as Schema & {
  readonly definitions: Readonly<Record<string, Schema>>;
};
const defaults = parse(readFileSync(`${CHART}/values.yaml`, 'utf8')) as Readonly<Record<string, unknown>>;
const resolved = (schema: Schema): Schema =>
  schema.$ref === undefined ? schema : (root.definitions[schema.$ref.split('/').at(-1) ?? ''] ?? {});

interface Value {
  readonly path: readonly string[];
  readonly schema: Schema;
  readonly isRequired: boolean;
  readonly fallback: unknown;
}

/**
 * Everything that values.yaml has and the schema describes, except the inside of values that users fill as they like.
 */
function valuesOf(schema: Schema, fallbacks: unknown, above: readonly string[] = []): readonly Value[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const fallback: unknown = Reflect.get(Object(fallbacks), name);
    if (fallback === undefined) return [];
    const here = resolved(property);
    const path = [...above, name];
    const isRequired = schema.required?.includes(name) ?? false;
    return [{ path, schema: here, isRequired, fallback }, ...valuesOf(here, fallback, path)];
  });
}

const all = valuesOf(root, defaults);
const withNulls = (paths: readonly (readonly string[])[]): object => {
  const values: Record<string, unknown> = {};
  for (const path of paths) {
    let at = values;
    for (const name of path.slice(0, -1)) at = (at[name] ??= {}) as Record<string, unknown>;
    at[path.at(-1) ?? ''] = null;
  }
  return values;
};

describe('null', () => {
  test('cannot stand for a section, a truth, a number or a choice: the schema requires each of them', () => {
    const needed = all.filter(
      ({ schema: { properties, type, enum: choices }, path }) =>
        path.at(-1) !== 'issuerRef' &&
        path[0] !== 'resources' &&
        (properties !== undefined || type === 'boolean' || type === 'integer' || (choices && !choices.includes(''))),
    );
    assert.ok(needed.length > 50);
    assert.deepEqual(
      needed.filter(({ isRequired, path }) => !isRequired && path[0] !== 'resources').map(({ path }) => path.join('.')),
      [],
    );
  });

  test('in the place of any section is refused by its name, never by a mistake in a template', async () => {
    const sections = all.filter(({ isRequired, schema }) => isRequired && schema.properties !== undefined);
    assert.ok(sections.length > 15);
    const limit = pLimit(2);
    for (const helm of helms())
      await Promise.all(
        sections.map(({ path }) =>
          limit(async () => {
            const set = setFlags(withNulls([path]));
            const { code, stderr } = await helm.run('template', 'a', CHART, '--kube-version', '1.37.0', ...set);
            assert.equal(code, 1, path.join('.'));
            assert.ok(stderr.includes('schema') && stderr.includes(`'${path.at(-1)}'`), stderr);
          }),
        ),
      );
  });

  test('in the place of everything else means that it is empty', async () => {
    const isEmpty = (value: unknown): boolean =>
      value === '' || value === null || (typeof value === 'object' && Object.keys(value).length === 0);
    const optional = all.filter(({ isRequired, fallback }) => !isRequired && isEmpty(fallback));
    assert.ok(optional.length > 30);
    const release = { name: 'released', namespace: 'here' };
    const monitoring = Object.fromEntries(
      ['serviceMonitor', 'podMonitor', 'prometheusRule'].map((name) => [
        name,
        { enabled: true, renderMode: 'alwaysRender' },
      ]),
    );
    for (const helm of helms()) {
      const on = setFlags({
        metrics: monitoring,
        networkPolicy: { enabled: true },
        serviceAccountTokens: { enabled: true },
      });
      const nulls = optional.flatMap(({ path }) => ['--set-json', `${path.join('.')}=null`]);
      assert.deepEqual(
        sorted(await renderChart(helm, release, ...on, ...nulls)),
        sorted(await renderChart(helm, release, ...on)),
      );
    }
  });
});
