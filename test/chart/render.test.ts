// What the chart makes of its values: the same by both Helms, accepted by a real API server, and refused in words.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { CHART, type Rendered, renderChart } from '../../src/testing/helm/chart.ts';
import { createHelm, type Helm } from '../../src/testing/helm/helm.ts';
import { OPERATOR_NAMESPACE } from '../../src/testing/operator-account.ts';
import { useWorld } from '../../src/testing/world.ts';

/** What the defaults make, CRDs aside; UPDATE_GOLDEN=1 writes it anew. */
const GOLDEN = fileURLToPath(new URL('./defaults.golden.yaml', import.meta.url));
const RELEASE = { name: 'rendered', namespace: OPERATOR_NAMESPACE };

let helms: readonly [Helm, Helm];
before(async () => {
  helms = [await createHelm(4), await createHelm(3)];
});

/** By both Helms, which must agree. `values` as YAML in the form of a JSON flag. */
async function render(values: object, ...flags: readonly string[]): Promise<readonly Rendered[]> {
  const set = Object.entries(values).flatMap(([name, value]) => ['--set-json', `${name}=${JSON.stringify(value)}`]);
  const [one, other] = await Promise.all(helms.map((helm) => renderChart(helm, RELEASE, ...set, ...flags)));
  assert.deepEqual(sorted(one), sorted(other));
  return one ?? [];
}

function sorted(objects: readonly Rendered[] | undefined): readonly Rendered[] {
  const nameOf = ({ kind, metadata }: Rendered): string => `${kind} ${metadata.name}`;
  return (objects ?? []).toSorted((one, other) => nameOf(one).localeCompare(nameOf(other)));
}

/** The object of a kind. */
function only(objects: readonly Rendered[], kind: string): Rendered {
  const found = objects.find((object) => object.kind === kind);
  assert.ok(found, `there is no ${kind}`);
  return found;
}
const podOf = (objects: readonly Rendered[]): Rendered['spec'] => only(objects, 'Deployment')['spec'].template.spec;
const containerOf = (objects: readonly Rendered[]): Rendered['spec'] => podOf(objects).containers[0];
const envOf = (objects: readonly Rendered[]): Readonly<Record<string, string>> =>
  Object.fromEntries(containerOf(objects).env.map(({ name, value }: { name: string; value: string }) => [name, value]));

test('the version of the chart is that of the program, and so is its appVersion', () => {
  const { version, appVersion } = parse(readFileSync(`${CHART}/Chart.yaml`, 'utf8'));
  const program = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  assert.deepEqual([version, appVersion], [program.version, program.version]);
});

test('helm lint finds nothing, not even a warning', async () => {
  for (const helm of helms) {
    const said = await helm.must('lint', '--strict', CHART, '--kube-version', '1.37.0');
    assert.match(said, /1 chart\(s\) linted, 0 chart\(s\) failed/);
    assert.doesNotMatch(said, /WARNING|ERROR/);
  }
});

test('the annotations for Artifact Hub name the CRDs that are there, and examples that they take', async () => {
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

test('the defaults make what they always made', async () => {
  const objects = sorted(await render({})).filter(({ kind }) => kind !== 'CustomResourceDefinition');
  const text = objects.map((object) => stringify(object, { lineWidth: 0 })).join('---\n');
  if (process.env['UPDATE_GOLDEN']) writeFileSync(GOLDEN, text);
  assert.equal(text, readFileSync(GOLDEN, 'utf8'), 'if this was meant: UPDATE_GOLDEN=1, and look at the difference');
});

/** Every switch that is not at its default, by what it does. Each must render, and the API server must take it. */
const SWITCHES: Readonly<Record<string, object>> = {
  'the defaults': {},
  'names and labels': { nameOverride: 'named', fullnameOverride: 'full', commonLabels: { team: 'a' } },
  'the image': {
    image: { registry: 'mirror.example:5000', tag: '9.9.9', digest: `sha256:${'a'.repeat(64)}`, pullPolicy: 'Always' },
    imagePullSecrets: [{ name: 'pull' }, 'other'],
  },
  'the values of a parent chart': {
    enabled: true,
    global: { imageRegistry: 'mirror.example', imagePullSecrets: ['pull'], something: { of: 'others' } },
  },
  rest: { replicas: 0 },
  'the values that the Go project had': {
    podAnnotations: { a: 'b' },
    image: { repository: 'mirror.example/kube-ecr-secrets-operator', tag: '1.0.0' },
    resources: { limits: { cpu: '500m', memory: '128Mi' }, requests: { cpu: '10m', memory: '64Mi' } },
    nodeSelector: { disk: 'ssd' },
    tolerations: [{ key: 'a', operator: 'Exists' }],
    affinity: { nodeAffinity: {} },
    service: { port: 443 },
  },
  'no memory limit': { resources: { limits: null, requests: { memory: '100M' } } },
  'flags of the operator': {
    ambientCredentials: 'none',
    renewalsPerSecond: 5,
    logLevel: 'debug',
    logFormat: 'text',
    legacyConversion: { enabled: true },
    serviceAccountTokens: { enabled: true },
    extraArgs: ['--namespace=other'],
  },
  'the way to AWS': {
    proxy: { httpsProxy: 'http://proxy.example:3128', noProxy: '10.0.0.0/8' },
    awsCABundle: { configMap: 'authorities', key: 'bundle.pem' },
  },
  'CRDs that are not kept': { crds: { keep: false, annotations: { a: 'b' } } },
  'CRDs by somebody else': { crds: { enabled: false } },
  'an account of somebody else': { serviceAccount: { create: false, name: 'somebodys' }, rbac: { create: false } },
  'an account with a role': { serviceAccount: { name: 'own', annotations: { 'eks.amazonaws.com/role-arn': 'arn' } } },
  'roles for people': { rbac: { aggregateToEdit: false, aggregateToView: true } },
  'no roles for people': { rbac: { userRoles: false } },
  'no policies': { admissionPolicy: { enabled: false } },
  metrics: { metrics: { perObject: 0, port: 9090 }, service: { port: 9090, annotations: { a: 'b' } } },
  'a dashboard': { metrics: { dashboard: { enabled: true, annotations: { folder: 'ecr' } } } },
  'no webhook': { webhook: { enabled: false }, networkPolicy: { enabled: true } },
  'a webhook that warns of missing namespaces': { webhook: { missingNamespaces: 'Warn', port: 8443 } },
  'a webhook with a certificate of somebody else': {
    webhook: {
      annotations: { 'cert-manager.io/inject-ca-from': 'a/b' },
      certificate: { existingSecret: 'certificate' },
    },
  },
  'no metrics': { metrics: { enabled: false }, networkPolicy: { enabled: true } },
  'a network policy': {
    networkPolicy: {
      enabled: true,
      metricsFrom: [{ namespaceSelector: { matchLabels: { a: 'b' } } }],
      egress: [{ ports: [{ port: 443 }] }],
    },
  },
  'the pod': {
    probePort: 9091,
    podLabels: { a: 'b' },
    podAnnotations: { a: 'b' },
    deploymentAnnotations: { a: 'b' },
    podSecurityContext: { runAsUser: 1_000 },
    securityContext: { runAsGroup: 1_000 },
    hostUsers: false,
    dnsPolicy: 'None',
    dnsConfig: { nameservers: ['10.0.0.1'] },
    hostAliases: [{ ip: '10.0.0.2', hostnames: ['a'] }],
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway' }],
    priorityClassName: 'system-cluster-critical',
    runtimeClassName: 'gvisor',
    terminationGracePeriodSeconds: 15,
  },
  'the network of the node': { hostNetwork: true },
  'what we did not think of': {
    extraEnv: [{ name: 'A', value: 'b' }],
    extraEnvFrom: [{ configMapRef: { name: 'a', optional: true } }],
    extraVolumes: [{ name: 'v', emptyDir: {} }],
    extraVolumeMounts: [{ name: 'v', mountPath: '/v' }],
    extraContainers: [{ name: 'beside', image: 'example.com/beside:1' }],
    extraInitContainers: [{ name: 'first', image: 'example.com/first:1' }],
    extraObjects: [
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: '{{ .Release.Name }}-object' } },
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-text\n',
    ],
  },
};

describe('values', () => {
  const world = useWorld();
  /** Collections by kind, as the API server tells them. */
  const paths = new Map<string, (object: Rendered) => string>();
  before(async () => {
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
  const groups = async (): Promise<readonly string[]> => {
    const { groups: all } = await world.api.must('GET', '/apis');
    return all.map(
      ({ preferredVersion }: { preferredVersion: { groupVersion: string } }) => `apis/${preferredVersion.groupVersion}`,
    );
  };

  for (const [what, values] of Object.entries(SWITCHES)) {
    test(`for ${what} make objects that the API server takes, with every field it knows`, async () => {
      const objects = await render(values);
      assert.ok(objects.length > 3);
      for (const object of objects) {
        const path = paths.get(`${object.apiVersion} ${object.kind}`)?.(object) ?? '';
        const query = '?dryRun=All&fieldValidation=Strict&fieldManager=chart&force=true';
        const to = `${path}/${object.metadata.name}${query}`;
        // A pod is only admitted with an account that is there.
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
  test('that is not there leaves the heap to Node.js', async () => {
    const { NODE_OPTIONS } = envOf(await render({ resources: { limits: null } }));
    assert.doesNotMatch(NODE_OPTIONS ?? '', /max-old-space-size/);
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
    assert.deepEqual(endpoints, [{ port: 'metrics', path: '/metrics', interval: '30s' }]);
    const service = only(objects, 'Service')['metadata'] as { labels?: Record<string, string> } | undefined;
    for (const [label, value] of Object.entries(selector.matchLabels)) assert.equal(service?.labels?.[label], value);
    const alerts = only(objects, 'PrometheusRule')['spec'].groups[0].rules;
    const names = alerts.map(({ alert }: { alert: string }) => alert);
    assert.ok(names.includes('EcrOperatorTokenExpiresSoon') && !names.includes('EcrOperatorAbsent'));
  });
  test('has a dashboard that Grafana can read', async () => {
    const map = only(await render({ metrics: { dashboard: { enabled: true } } }), 'ConfigMap');
    assert.equal(Reflect.get(map.metadata, 'labels')['grafana_dashboard'], '1');
    assert.equal(JSON.parse(map['data']['kube-ecr-secrets-operator.json']).title, 'kube-ecr-secrets-operator');
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
  const objects = await render({ legacyConversion: { enabled: true }, serviceAccountTokens: { enabled: true } });
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

describe('roles for people', () => {
  const aggregated = (objects: readonly Rendered[]): readonly string[] =>
    sorted(objects)
      .filter(({ kind }) => kind === 'ClusterRole')
      .flatMap(({ metadata }) =>
        Object.keys(Reflect.get(metadata, 'labels'))
          .filter((label) => label.startsWith('rbac.authorization.k8s.io/aggregate-to-'))
          .map((label) => `${metadata.name.replace(/^.*operator-?/, '')} to ${label.replace(/^.*-to-/, '')}`),
      );
  test('let who may edit a namespace write the namespaced kind, and nothing more by default', async () => {
    assert.deepEqual(aggregated(await render({})), ['edit to edit', 'edit to admin']);
    assert.deepEqual(aggregated(await render({ rbac: { aggregateToView: true } })), [
      'edit to edit',
      'edit to admin',
      'view to view',
    ]);
    assert.deepEqual(aggregated(await render({ rbac: { aggregateToEdit: false } })), []);
  });
  test('give nobody the status', async () => {
    const roles = (await render({})).filter(
      ({ kind, metadata }) => kind === 'ClusterRole' && !metadata.name.endsWith('operator'),
    );
    assert.equal(roles.length, 4);
    for (const { rules } of roles)
      for (const { resources } of rules) assert.ok(resources.every((one: string) => !one.includes('/')));
  });
});

describe('values that cannot be', () => {
  const REFUSED: Readonly<Record<string, readonly [values: object, words: string]>> = {
    'a misspelt name': [{ image: { tga: '1' } }, "additional properties 'tga' not allowed"],
    'a name nobody knows': [{ watchNamespace: 'a' }, "additional properties 'watchNamespace' not allowed"],
    'a word that is none of the choices': [
      { logLevel: 'loud' },
      "value must be one of 'debug', 'info', 'warn', 'error'",
    ],
    'a text for a number': [{ probePort: 'http' }, 'got string, want integer'],
    'a short digest': [{ image: { digest: 'sha256:abc' } }, 'does not match pattern'],
    'two pods': [{ replicas: 2 }, 'replicas: 2 is too many: leader election is not built yet, so run 1'],
    'too little memory': [
      { resources: { limits: { memory: '64Mi' } } },
      'resources.limits.memory: 64Mi is too little; the operator needs 96Mi or more',
    ],
    'memory in a strange unit': [
      { resources: { limits: { memory: '128MB' } } },
      'resources.limits.memory: "128MB" is not understood; write it in Mi or Gi',
    ],
    'a monitor without metrics': [
      { metrics: { enabled: false, podMonitor: { enabled: true } } },
      'metrics.enabled is false, so there is nothing that metrics.serviceMonitor or metrics.podMonitor could scrape',
    ],
    'one port for both servers': [{ probePort: 8_080 }, 'metrics.port and probePort are the same: 8080'],
    'the image of the Go project': [
      { image: { repository: 'ghcr.io/zak905/kube-ecr-secrets-operator/controller-manager' } },
      'is the image of the Go project, which this chart cannot run',
    ],
  };
  for (const [what, [values, words]] of Object.entries(REFUSED)) {
    test(`are refused by both Helms for ${what}`, async () => {
      const set = Object.entries(values).flatMap(([name, value]) => ['--set-json', `${name}=${JSON.stringify(value)}`]);
      for (const helm of helms) {
        const { code, stderr } = await helm.run('template', 'a', CHART, '--kube-version', '1.37.0', ...set);
        assert.equal(code, 1);
        assert.ok(stderr.includes(words), stderr);
      }
    });
  }
});
