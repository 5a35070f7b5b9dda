// A real API server that checks every field accepts what the chart renders from every value, with foreign CRDs beside
// the chart's.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { parse } from 'yaml';
import { CERT_MANAGER, installForeignCrds, PROMETHEUS_OPERATOR } from '../../testing/api-server/foreign-crds.ts';
import { OPERATOR_NAMESPACE } from '../../testing/operator/operator-account.ts';
import { useWorld } from '../../testing/operator/world.ts';
import { CHART, type Rendered } from '../../testing/tools/helm/chart.ts';
import { only, useRendering } from './rendering.ts';
import { SWITCHES } from './switches.ts';

const { render } = useRendering();

type Values = Readonly<Record<string, unknown>>;
const isMap = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;

/** Paths, as names with a space between, of all values that hold no further ones, with their content. */
function leaves(values: Values, above = ''): readonly (readonly [path: string, value: unknown])[] {
  return Object.entries(values).flatMap(([name, value]) =>
    isMap(value) ? leaves(value, `${above}${name} `) : [[`${above}${name}`, value] as const],
  );
}

function valueAt(values: unknown, path: string): unknown {
  return path.split(' ').reduce<unknown>((at, name) => (isMap(at) ? at[name] : undefined), values);
}

test('every value of the chart is set to something else than its default by one of the switches below', () => {
  const defaults = parse(readFileSync(`${CHART}/values.yaml`, 'utf8')) as Values;
  const unset = leaves(defaults)
    .filter(([path, value]) =>
      Object.values(SWITCHES).every((values) => {
        const set = valueAt(values, path);
        return set === undefined || JSON.stringify(set) === JSON.stringify(value);
      }),
    )
    .map(([path]) => path);
  assert.deepEqual(unset, []);
});

describe('values', () => {
  const world = useWorld();
  /** Collections by kind, as the API server lists them. */
  const paths = new Map<string, (object: Rendered) => string>();
  /** Groups whose CRDs are not here: they come with Go. */
  const unknown = new Set<string>();
  const removals: (() => Promise<void>)[] = [];
  before(async () => {
    for (const source of [CERT_MANAGER, PROMETHEUS_OPERATOR]) {
      const remove = await installForeignCrds(world.api, source);
      if (remove) removals.push(remove);
      else unknown.add(source.group);
    }
    for (const group of ['api/v1', ...(await groups())]) {
      const { resources } = await world.api.must('GET', `/${group}`);
      for (const { name, kind, namespaced } of resources) {
        if (name.includes('/')) continue;
        const version = group.replace(/^apis?\//, '');
        paths.set(`${version} ${kind}`, ({ metadata }) =>
          namespaced ? `/${group}/namespaces/${metadata.namespace ?? OPERATOR_NAMESPACE}/${name}` : `/${group}/${name}`,
        );
      }
    }
  });
  after(async () => {
    for (const remove of removals) await remove();
  });
  const groups = async (): Promise<readonly string[]> => {
    const { groups: all } = await world.api.must('GET', '/apis');
    return all.map(
      ({ preferredVersion }: { preferredVersion: { groupVersion: string } }) => `apis/${preferredVersion.groupVersion}`,
    );
  };

  for (const [what, values] of Object.entries(SWITCHES)) {
    test(`for ${what} make objects that the API server takes, with every field it knows`, async (t) => {
      const objects = await render(values);
      assert.ok(objects.length > 3);
      for (const object of objects) {
        const [group = ''] = object.apiVersion.split('/');
        if (unknown.has(group)) return t.skip(`the CRDs of ${group} are fetched with Go, which is not here`);
        const path = paths.get(`${object.apiVersion} ${object.kind}`)?.(object) ?? '';
        const query = '?dryRun=All&fieldValidation=Strict&fieldManager=chart&force=true';
        const to = `${path}/${object.metadata.name}${query}`;
        // The API server admits a pod only with an existing ServiceAccount.
        const sent =
          object.kind === 'Pod' ? { ...object, spec: { ...object['spec'], serviceAccountName: 'default' } } : object;
        const { status, body } = await world.api.send('PATCH', to, sent, 'application/apply-patch+yaml');
        assert.ok(status === 200 || status === 201, `${object.kind}: ${status} ${body.message ?? body}`);
      }
    });
  }

  test('the API server does not take a field that is misspelt, so that the tests above prove something', async () => {
    const deployment = only(await render({}), 'Deployment');
    const wrong = JSON.parse(JSON.stringify(deployment).replace('"enableServiceLinks"', '"enableServiceLink"'));
    const path = `/apis/apps/v1/namespaces/${OPERATOR_NAMESPACE}/deployments/rendered`;
    const query = '?dryRun=All&fieldValidation=Strict&fieldManager=chart&force=true';
    const { status } = await world.api.send('PATCH', `${path}${query}`, wrong, 'application/apply-patch+yaml');
    assert.ok(status >= 400, String(status));
  });
});
