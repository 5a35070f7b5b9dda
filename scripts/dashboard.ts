// The dashboard for Grafana, as JSON: what one looks at first, over the metrics of
// src/operator/telemetry/metric-catalogue.ts. Pure.

interface Panel {
  readonly title: string;
  /** PromQL by what its lines are called; `{{label}}` stands for a label. */
  readonly lines: Readonly<Record<string, string>>;
  /** Of Grafana: `short`, `s`, `bytes`, `ops`. */
  readonly unit: string;
  readonly description: string;
}

export const PANELS: readonly Panel[] = [
  {
    title: 'Objects by Ready',
    lines: { '{{kind}} {{ready}}': 'sum by (kind, ready) (ecr_operator_objects)' },
    unit: 'short',
    description: 'Everything should be True.',
  },
  {
    title: 'Pull secrets by state',
    lines: { '{{state}}': 'sum by (state) (ecr_operator_secrets)' },
    unit: 'short',
    description: 'ready, expired, failing or pending.',
  },
  {
    title: 'Time until the first login ends',
    lines: { 'first login': 'min(ecr_operator_token_expiry_timestamp_seconds) - time()' },
    unit: 's',
    description: 'Falls to about six hours, then renewal lifts it. Below one hour pods are about to fail.',
  },
  {
    title: 'Calls of AWS by answer',
    lines: {
      '{{operation}} {{region}} {{code}}':
        'sum by (operation, region, code) (rate(ecr_operator_aws_requests_total[$__rate_interval]))',
    },
    unit: 'ops',
    description: 'Few at rest; what is not success is tried again later each time.',
  },
  {
    title: 'Reconciliations by result',
    lines: {
      '{{controller}} {{result}}':
        'sum by (controller, result) (rate(controller_runtime_reconcile_total[$__rate_interval]))',
    },
    unit: 'ops',
    description: 'None at rest.',
  },
  {
    title: 'Keys that wait',
    lines: { '{{name}}': 'sum by (name) (workqueue_depth)' },
    unit: 'short',
    description: 'Rises with bursts and falls to nothing.',
  },
  {
    title: 'Since the API server was last heard of',
    lines: { '{{resource}}': 'time() - max by (resource) (ecr_operator_watch_last_contact_timestamp_seconds)' },
    unit: 's',
    description: 'Below a minute while the watches are well.',
  },
  {
    title: 'Requests to the API server',
    lines: { '{{method}} {{code}}': 'sum by (method, code) (rate(rest_client_requests_total[$__rate_interval]))' },
    unit: 'ops',
    description: 'At rest only GET, for watches that begin anew.',
  },
  {
    title: 'Memory',
    lines: { resident: 'max(process_resident_memory_bytes)', heap: 'max(nodejs_heap_size_used_bytes)' },
    unit: 'bytes',
    description: 'Of the pod, beside its limit of 128 MiB by default.',
  },
];

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
/** Grafana's grid has 24 columns. */
const [WIDTH, HEIGHT, COLUMNS] = [8, 8, 3];

/** The dashboard as a file; the source of data is chosen on it. */
export function makeDashboard(): string {
  const dashboard = {
    title: 'kube-ecr-secrets-operator',
    tags: ['kube-ecr-secrets-operator', 'ecr'],
    schemaVersion: 39,
    refresh: '1m',
    time: { from: 'now-24h', to: 'now' },
    templating: { list: [{ name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Prometheus' }] },
    panels: PANELS.map(({ title, lines, unit, description }, index) => ({
      id: index + 1,
      type: 'timeseries',
      title,
      description,
      datasource: DATASOURCE,
      gridPos: { w: WIDTH, h: HEIGHT, x: (index % COLUMNS) * WIDTH, y: Math.floor(index / COLUMNS) * HEIGHT },
      fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
      targets: Object.entries(lines).map(([legendFormat, expr], line) => ({
        refId: String.fromCodePoint('A'.charCodeAt(0) + line),
        datasource: DATASOURCE,
        legendFormat,
        expr,
      })),
    })),
  };
  return `${JSON.stringify(dashboard, undefined, 2)}\n`;
}
