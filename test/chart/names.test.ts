// Names that look like something else in YAML, or are invalid in Kubernetes: they come out as they are, or Helm refuses
// them in words.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import pLimit from 'p-limit';
import { CHART, type Rendered, renderChart } from '../../testing/tools/helm/chart.ts';
import { setFlags, useRendering } from './rendering.ts';

const { helms } = useRendering();

/** A name of an object, in every kind that the chart makes (DNS subdomain, RFC 1123). */
const OBJECT_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
/** Fields that name an object, wherever they stand. */
const NAMING =
  /^(name|namespace|secretName|serviceAccountName|policyName|priorityClassName|runtimeClassName|resourceNames)$/;
const EVERYTHING = {
  serviceAccountTokens: { enabled: true },
  metrics: {
    serviceMonitor: { enabled: true, renderMode: 'alwaysRender' },
    podMonitor: { enabled: true, renderMode: 'alwaysRender' },
    prometheusRule: { enabled: true, renderMode: 'alwaysRender' },
    dashboard: { enabled: true },
  },
  networkPolicy: { enabled: true },
  webhook: { certificate: { certManager: { enabled: true } } },
};

/** Every value of a field that names something. */
function namesIn(value: unknown, field = ''): readonly unknown[] {
  if (Array.isArray(value)) return value.flatMap((one) => namesIn(one, field));
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).flatMap(([name, one]) => namesIn(one, name));
  return NAMING.test(field) ? [value] : [];
}

describe('a name that YAML could take for something else', () => {
  const CASES: Readonly<Record<string, { namespace?: string; release?: string; values?: object }>> = {
    'a namespace of digits': { namespace: '123' },
    'a namespace that could be octal': { namespace: '0123' },
    'a namespace that could be a number with an exponent': { namespace: '1e3' },
    'a namespace that could be a truth': { namespace: 'true' },
    'a release of digits': { release: '0123' },
    'a release with dots': { release: 'a.b' },
    'an account of digits': { values: { serviceAccount: { name: '123' } } },
    'an account that could be octal': { values: { serviceAccount: { name: '0123' } } },
    'an account with dots': { values: { serviceAccount: { name: 'a.b' } } },
    'a part of names of digits': { values: { nameOverride: '123' } },
    'a part of names that could be octal': { values: { nameOverride: '0123' } },
    'a part of names with dots': { values: { nameOverride: 'a.b' } },
    'classes of digits': { values: { priorityClassName: '123', runtimeClassName: '0123' } },
    'a config map of digits': { values: { awsCABundle: { configMap: '0123' } } },
    'pull secrets of digits': { values: { imagePullSecrets: ['123', { name: '0123' }] } },
    'a certificate of digits': { values: { webhook: { certificate: { existingSecret: '0123' } } } },
    'labels of digits': { values: { commonLabels: { team: '0123' }, podLabels: { a: '1e3' } } },
  };
  for (const [what, { namespace = 'here', release = 'released', values = {} }] of Object.entries(CASES)) {
    test(`stays what it is: ${what}`, async () => {
      for (const helm of helms()) {
        const flags = setFlags({ ...EVERYTHING, ...values });
        const objects = await renderChart(helm, { name: release, namespace }, ...flags);
        for (const object of objects) checkNames(object, namespace);
      }
    });
  }

  const checkNames = (object: Rendered, namespace: string): void => {
    assert.match(object.metadata.name, OBJECT_NAME);
    if (object.metadata.namespace !== undefined) assert.equal(object.metadata.namespace, namespace);
    for (const name of namesIn(object)) assert.equal(typeof name, 'string', `${object.kind}: ${JSON.stringify(name)}`);
    const labels: Readonly<Record<string, unknown>> = Reflect.get(object.metadata, 'labels') ?? {};
    for (const label of Object.values(labels)) assert.equal(typeof label, 'string');
  };
});

describe('a name that Kubernetes does not take', () => {
  const REFUSED: readonly (readonly [path: string, values: object])[] = [
    ...['123', '0123', 'a.b', 'Abc_D', '-a', 'a-'].map(
      (name) => ['fullnameOverride', { fullnameOverride: name }] as const,
    ),
    ...['Abc_D', '-a', 'a..b'].flatMap((name) => [
      ['nameOverride', { nameOverride: name }] as const,
      ['serviceAccount.name', { serviceAccount: { name } }] as const,
      ['awsCABundle.configMap', { awsCABundle: { configMap: name } }] as const,
      ['existingSecret', { webhook: { certificate: { existingSecret: name } } }] as const,
      ['priorityClassName', { priorityClassName: name }] as const,
      ['runtimeClassName', { runtimeClassName: name }] as const,
      ['denied', { serviceAccountTokens: { denied: [name] } }] as const,
    ]),
    ['imagePullSecrets', { imagePullSecrets: ['Abc_D'] }],
    ['denied', { serviceAccountTokens: { denied: ["a'] + ['b"] } }],
    ['denied', { serviceAccountTokens: { denied: ['a/b/c'] } }],
  ];
  test('is refused by the schema, by both Helms, whatever it is to name', async () => {
    const limit = pLimit(2);
    const outcomes = await Promise.all(
      REFUSED.map(([path, values], index) =>
        limit(async () => {
          const helm = helms()[index % 2];
          const reply = await helm?.run('template', 'a', CHART, '--kube-version', '1.37.0', ...setFlags(values));
          const [field = ''] = path.split('.').slice(-1);
          const isTold = /does not match pattern|oneOf/.test(reply?.stderr ?? '') && reply?.stderr.includes(field);
          return isTold ? undefined : `${path} ${JSON.stringify(values)}: ${reply?.stderr}`;
        }),
      ),
    );
    assert.deepEqual(
      outcomes.filter((one) => one !== undefined),
      [],
    );
  });
});
