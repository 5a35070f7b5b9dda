// What the chart renders from its values: the same by both Helms, and refused in words.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { OPERATOR_NAMESPACE } from '../../testing/operator/operator-account.ts';
import { FOOTPRINT } from '../../testing/operator/operator-process.ts';
import { CHART, type Rendered, renderChart } from '../../testing/tools/helm/chart.ts';
import { only, setFlags, sorted, useRendering } from './rendering.ts';

/** What the default values render to, CRDs aside; UPDATE_GOLDEN=1 writes it anew. */
const GOLDEN = fileURLToPath(new URL('./defaults.golden.yaml', import.meta.url));

const { helms, render } = useRendering();
const podOf = (objects: readonly Rendered[]): Rendered['spec'] => only(objects, 'Deployment')['spec'].template.spec;
const containerOf = (objects: readonly Rendered[]): Rendered['spec'] => podOf(objects).containers[0];
const envOf = (objects: readonly Rendered[]): Readonly<Record<string, string>> =>
  Object.fromEntries(containerOf(objects).env.map(({ name, value }: { name: string; value: string }) => [name, value]));

test('the version of the chart is that of the program, and so is its appVersion', () => {
  const { version, appVersion } = parse(readFileSync(`${CHART}/Chart.yaml`, 'utf8'));
  const program = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  assert.deepEqual([version, appVersion], [program.version, program.version]);
});

test('the annotation for Artifact Hub names the image that the chart runs', async () => {
  const { annotations } = parse(readFileSync(`${CHART}/Chart.yaml`, 'utf8'));
  const [{ image }] = parse(annotations['artifacthub.io/images']);
  assert.equal(image, containerOf(await render({})).image);
});

test('helm lint finds nothing, not even a warning', async () => {
  for (const helm of helms()) {
    const said = await helm.must('lint', '--strict', CHART, '--kube-version', '1.37.0');
    assert.match(said, /1 chart\(s\) linted, 0 chart\(s\) failed/);
    assert.doesNotMatch(said, /WARNING|ERROR/);
  }
});

test('the annotations for Artifact Hub name the existing CRDs, and examples that they accept', async () => {
  const { annotations } = parse(readFileSync(`${CHART}/Chart.yaml`, 'utf8'));
  const crds = sorted(await render({})).filter(({ kind }) => kind === 'CustomResourceDefinition');
  const told = parse(annotations['artifacthub.io/crds']) as readonly { readonly name: string; readonly kind: string }[];
  assert.deepEqual(
    told.map(({ name, kind }) => `${name} ${kind}`),
    crds.map(({ metadata, spec }) => `${metadata.name} ${spec.names.kind}`),
  );
  for (const text of ['changes', 'links', 'crdsExamples'])
    assert.ok(Array.isArray(parse(annotations[`artifacthub.io/${text}`])), text);
});

test('the default values make the recorded objects', async () => {
  const objects = sorted(await render({})).filter(({ kind }) => kind !== 'CustomResourceDefinition');
  const text = objects.map((object) => stringify(object, { lineWidth: 0 })).join('---\n');
  if (process.env['UPDATE_GOLDEN']) writeFileSync(GOLDEN, text);
  assert.equal(text, readFileSync(GOLDEN, 'utf8'), 'if this was meant: UPDATE_GOLDEN=1, and look at the difference');
});

test('ports of servers that do not run cause no conflict', async () => {
  const [metrics, webhook] = [{ port: 8_081 }, { port: 8_081 }].map((one) => ({ enabled: false, ...one }));
  assert.equal(podOf(await render({ metrics, webhook })).containers[0].ports.length, 1);
});

describe('a release of any name that Helm takes', () => {
  const LABELS = ['app.kubernetes.io/name', 'app.kubernetes.io/instance'] as const;
  /** Valid names of a Service (DNS label of RFC 1035), in every supported Kubernetes version. */
  const SERVICE_NAME = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;
  for (const [name, values] of [
    ['my.release', {}],
    ['123', {}],
    ['123', { nameOverride: '123' }],
    ['true', { nameOverride: 'null' }],
    [`1.${'x'.repeat(40)}.yz`, {}],
  ] as const) {
    test(`has objects that the API server takes: ${name} ${JSON.stringify(values)}`, async () => {
      for (const helm of helms()) {
        const objects = await renderChart(helm, { name, namespace: OPERATOR_NAMESPACE }, ...setFlags(values));
        const services = objects.filter(({ kind }) => kind === 'Service');
        assert.equal(services.length, 2);
        for (const { metadata, spec } of services) {
          assert.match(metadata.name, SERVICE_NAME);
          for (const label of LABELS) assert.equal(typeof spec.selector[label], 'string');
        }
        const { selector, template } = only(objects, 'Deployment')['spec'];
        for (const label of LABELS) assert.equal(selector.matchLabels[label], template.metadata.labels[label]);
        assert.equal(selector.matchLabels['app.kubernetes.io/instance'], name);
      }
    });
  }
});

describe('the image', () => {
  const imageOf = async (values: object): Promise<string> => containerOf(await render(values)).image;
  test('is that of this version', async () => {
    assert.match(await imageOf({}), /^ghcr\.io\/\S+\/kube-ecr-secrets-operator:\d+\.\d+\.\d+$/);
  });
  test('comes from another registry, which takes the place of the first one', async () => {
    const repository = 'old.example:5000/a/b';
    for (const values of [
      { image: { registry: 'new.example', repository } },
      { image: { repository }, global: { imageRegistry: 'new.example/' } },
    ])
      assert.match(await imageOf(values), /^new\.example\/a\/b:/);
    assert.match(await imageOf({ image: { registry: 'new.example', repository: 'a/b' } }), /^new\.example\/a\/b:/);
  });
  test('is the one with the digest, whatever the tag', async () => {
    const digest = `sha256:${'0'.repeat(64)}`;
    assert.match(await imageOf({ image: { digest, tag: '1.2.3' } }), new RegExp(`:1\\.2\\.3@${digest}$`));
  });
});

describe('the memory limit', () => {
  for (const [memory, heap] of [
    ['128Mi', 64],
    ['1Gi', 512],
    ['256M', 122],
    ['134217728', 64],
  ] as const) {
    test(`of ${memory} leaves the heap ${heap} MiB`, async () => {
      const { NODE_OPTIONS } = envOf(await render({ resources: { limits: { memory } } }));
      assert.match(NODE_OPTIONS ?? '', new RegExp(`^--max-old-space-size=${heap} `));
    });
  }
  test('sets what the process is tested and measured with', async () => {
    const env = envOf(await render({}));
    assert.deepEqual(Object.fromEntries(Object.keys(FOOTPRINT).map((name) => [name, env[name]])), FOOTPRINT);
  });

  test('that is not set leaves the heap to Node.js', async () => {
    const { NODE_OPTIONS } = envOf(await render({ resources: { limits: null } }));
    assert.doesNotMatch(NODE_OPTIONS ?? '', /max-old-space-size/);
  });

  test('holds beside further options of Node.js, which come last, in the pod of helm test too', async () => {
    // A block of YAML ends with a line feed, which Node.js would not take.
    const objects = await render({ nodeOptions: '--use-openssl-ca\n--trace-warnings\n' });
    for (const { env } of [containerOf(objects), only(objects, 'Pod')['spec'].containers[0]])
      assert.match(env[0].value, /^--max-old-space-size=64 .* --use-openssl-ca --trace-warnings$/);
  });
});

describe('monitoring', () => {
  const monitors = (renderMode: string): object => ({
    metrics: {
      serviceMonitor: { enabled: true, renderMode, labels: { release: 'a' }, interval: '30s' },
      podMonitor: { enabled: true, renderMode },
      prometheusRule: { enabled: true, renderMode, disabledAlerts: ['EcrOperatorAbsent'] },
    },
  });
  const KINDS = ['PodMonitor', 'PrometheusRule', 'ServiceMonitor'];
  const KNOWN = KINDS.flatMap((kind) => ['--api-versions', `monitoring.coreos.com/v1/${kind}`]);
  const monitorsIn = (objects: readonly Rendered[]): readonly string[] =>
    sorted(objects)
      .filter(({ apiVersion }) => apiVersion === 'monitoring.coreos.com/v1')
      .map(({ kind }) => kind);

  test('is made where the cluster knows its kinds', async () => {
    const objects = await render(monitors('skipIfMissing'), ...KNOWN);
    assert.deepEqual(monitorsIn(objects), KINDS);
    const { endpoints, selector } = only(objects, 'ServiceMonitor')['spec'];
    assert.deepEqual(endpoints, [{ port: 'metrics', path: '/metrics', honorLabels: true, interval: '30s' }]);
    assert.equal(only(objects, 'PodMonitor')['spec'].podMetricsEndpoints[0].honorLabels, true);
    const service = only(objects, 'Service')['metadata'] as { labels?: Record<string, string> } | undefined;
    for (const [label, value] of Object.entries(selector.matchLabels)) assert.equal(service?.labels?.[label], value);
    const alerts = only(objects, 'PrometheusRule')['spec'].groups[0].rules;
    const names = alerts.map(({ alert }: { alert: string }) => alert);
    assert.ok(names.includes('EcrOperatorTokenExpiresSoon') && !names.includes('EcrOperatorAbsent'));
  });
  const absenceIn = async (prometheusRule: object, values: object = {}): Promise<string | undefined> => {
    const rule = { enabled: true, renderMode: 'alwaysRender', ...prometheusRule };
    const objects = await render({ metrics: { prometheusRule: rule }, ...values });
    const alerts = only(objects, 'PrometheusRule')['spec'].groups[0].rules as readonly Record<
      'alert' | 'expr',
      string
    >[];
    return alerts.find(({ alert }) => alert === 'EcrOperatorAbsent')?.expr;
  };
  test('has an alert for an operator that is absent, by the labels of its targets where others are scraped too', async () => {
    assert.equal(await absenceIn({}), 'absent(ecr_operator_build_info)');
    assert.equal(
      await absenceIn({ targetLabels: { cluster: 'a', namespace: 'say "b"' } }),
      'absent(ecr_operator_build_info{cluster="a",namespace="say \\"b\\""})',
    );
  });
  test('has no alert for an operator that is stopped on purpose', async () => {
    assert.equal(await absenceIn({}, { replicas: 0 }), undefined);
  });
  test('has a dashboard that Grafana can read', async () => {
    const map = only(await render({ metrics: { dashboard: { enabled: true } } }), 'ConfigMap');
    assert.equal(Reflect.get(map.metadata, 'labels')['grafana_dashboard'], '1');
    assert.equal(JSON.parse(map['data']['kube-ecr-secrets-operator.json']).title, 'kube-ecr-secrets-operator');
  });
  test('is made where only the version is given to helm template, and not where the cluster knows other kinds', async () => {
    const version = ['--api-versions', 'monitoring.coreos.com/v1'];
    assert.deepEqual(monitorsIn(await render(monitors('failIfMissing'), ...version)), KINDS);
    const one = [...version, '--api-versions', 'monitoring.coreos.com/v1/PodMonitor'];
    assert.deepEqual(monitorsIn(await render(monitors('skipIfMissing'), ...one)), ['PodMonitor']);
  });
  test('is left out, made all the same, or an error where it does not', async () => {
    assert.deepEqual(monitorsIn(await render(monitors('skipIfMissing'))), []);
    assert.deepEqual(monitorsIn(await render(monitors('alwaysRender'))), KINDS);
    await assert.rejects(
      render(monitors('failIfMissing')),
      /the cluster does not know the kind (PodMonitor|ServiceMonitor|PrometheusRule)/,
    );
  });
});

test('the page about security lists every right of the operator, and no other', async () => {
  const objects = await render({
    legacyConversion: { enabled: true },
    serviceAccountTokens: { enabled: true },
    serviceAccountAttachment: { enabled: true },
  });
  const role = objects.find(({ kind, metadata }) => kind === 'ClusterRole' && metadata.name.endsWith('operator'));
  const rights = (
    groups: readonly string[],
    resources: readonly string[],
    verbs: readonly string[],
  ): readonly string[] =>
    groups.flatMap((group) =>
      resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource} of "${group}"`)),
    );
  const granted = role?.['rules'].flatMap((rule: Readonly<Record<'apiGroups' | 'resources' | 'verbs', string[]>>) =>
    rights(rule.apiGroups, rule.resources, rule.verbs),
  );
  const page = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8');
  const rows = page.matchAll(/^\| (core|`[a-z0-9.]+`) \| ([^|]+) \| ([a-z, ]+) \|/gm);
  const told = [...rows].flatMap(([, group = '', resources = '', verbs = '']) =>
    rights(
      [group === 'core' ? '' : group.replaceAll('`', '')],
      resources.replaceAll('`', '').split(', '),
      verbs.split(', '),
    ),
  );
  assert.deepEqual(told.toSorted(), granted.toSorted());
});

describe('the right to patch the configuration of the webhook', () => {
  const GROUP = 'admissionregistration.k8s.io';
  const isGiven = (objects: readonly Rendered[]): boolean =>
    objects.some(({ kind, rules }) => kind === 'ClusterRole' && JSON.stringify(rules).includes(GROUP));
  const isConfined = (objects: readonly Rendered[]): boolean =>
    objects.some(({ kind, metadata }) => kind.endsWith('PolicyBinding') && metadata.name.includes('-webhook-'));
  const page = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8');

  test('is given together with the policy that confines it', async () => {
    const objects = await render({});
    assert.deepEqual([isGiven(objects), isConfined(objects)], [true, true]);
  });
  for (const [words, webhook] of [
    ['webhook.enabled=false', { enabled: false }],
    ['webhook.certificate.existingSecret', { certificate: { existingSecret: 'a' } }],
    ['webhook.certificate.certManager.enabled=true', { certificate: { certManager: { enabled: true } } }],
  ] as const) {
    test(`is not given with ${words}, as the page about security says`, async () => {
      const objects = await render({ webhook });
      assert.deepEqual([isGiven(objects), isConfined(objects)], [false, false]);
      assert.ok(page.includes(`\`${words}\``));
    });
  }
});

test('helm test asks about the namespaces and the switches that the operator is told', async () => {
  const [operator, check] = [/^(?:run)$/, /^check$/].map(async (command) => {
    const scope = { namespaces: ['shop', 'bank'], policiesInstalled: true };
    const objects = await render({ scope, serviceAccountAttachment: { enabled: true } });
    const containers = objects.flatMap(({ kind, spec }) =>
      kind === 'Deployment' ? spec.template.spec.containers : kind === 'Pod' ? spec.containers : [],
    ) as readonly { readonly args: readonly string[] }[];
    return containers.find(({ args: [first = ''] }) => command.test(first))?.args ?? assert.fail(command.source);
  });
  const told = new Set(await operator);
  const [, ...asked] = (await check) ?? [];
  assert.deepEqual(asked.length, 3);
  for (const flag of asked) assert.ok(told.has(flag), flag);
});

describe('roles for people', () => {
  const aggregated = (objects: readonly Rendered[]): readonly string[] =>
    sorted(objects)
      .filter(({ kind }) => kind === 'ClusterRole')
      .flatMap(({ metadata }) =>
        Object.keys(Reflect.get(metadata, 'labels'))
          .filter((label) => label.startsWith('rbac.authorization.k8s.io/aggregate-to-'))
          .map((label) => `${metadata.name.replace(/^.*operator-?/, '')} to ${label.replace(/^.*-to-/, '')}`),
      );
  test('let editors of a namespace write the namespaced kind, and nothing more by default', async () => {
    assert.deepEqual(aggregated(await render({})), ['edit to edit', 'edit to admin']);
    assert.deepEqual(aggregated(await render({ rbac: { aggregateToView: true } })), [
      'edit to edit',
      'edit to admin',
      'view to view',
    ]);
    assert.deepEqual(aggregated(await render({ rbac: { aggregateToEdit: false } })), []);
  });
  test('give no right to the status', async () => {
    const roles = (await render({})).filter(
      ({ kind, metadata }) => kind === 'ClusterRole' && !metadata.name.endsWith('operator'),
    );
    assert.equal(roles.length, 4);
    for (const { rules } of roles)
      for (const { resources } of rules) assert.ok(resources.every((one: string) => !one.includes('/')));
  });
});
