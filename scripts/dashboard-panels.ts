// The panels of the dashboard: what each shows, as PromQL.

import { ours } from './promql.ts';

export interface Panel {
  readonly title: string;
  /** A table shows the present, one row for each line. */
  readonly type: 'timeseries' | 'table';
  /** PromQL by what its lines are called; `{{label}}` stands for a label. */
  readonly lines: Readonly<Record<string, string>>;
  /** Of Grafana: `short`, `s`, `bytes`, `ops`. */
  readonly unit: string;
  readonly description: string;
}

/** A metric, of the clusters and jobs that are chosen. */
function chosen(metric: string, matchers = ''): string {
  return `${metric}{cluster=~"$cluster",job=~"$job"${matchers && `,${matchers}`}}`;
}
const rate = (metric: string, matchers?: string): string => `rate(${chosen(metric, matchers)}[$__rate_interval])`;

/** Names of an object, and where it is. */
const OBJECT = 'cluster, kind, exported_namespace, namespace, name';
const OF_OBJECT = '{{cluster}} {{kind}} {{exported_namespace}} {{namespace}} {{name}}';

export const PANELS: readonly Panel[] = [
  {
    title: 'Objects by Ready',
    type: 'timeseries',
    lines: { '{{kind}} {{ready}}': `sum by (kind, ready) (${chosen('ecr_operator_objects')})` },
    unit: 'short',
    description: 'Everything should be True.',
  },
  {
    title: 'Objects that are stalled or tried again',
    type: 'timeseries',
    lines: { '{{type}}': `sum by (type) (${chosen('ecr_operator_condition_objects')})` },
    unit: 'short',
    description: 'Stalled: only a change by a user helps. Reconciling: the operator tries again by itself.',
  },
  {
    title: 'Stalled objects',
    type: 'table',
    lines: {
      [OF_OBJECT]: `max by (${OBJECT}) (${chosen('ecr_operator_resource_condition', 'type="Stalled",status="True"')})`,
    },
    unit: 'short',
    description: 'Empty is good. Objects within --per-object-metrics, those with trouble first.',
  },
  {
    title: 'Time until the first login ends',
    type: 'timeseries',
    lines: { 'first login': `min(${chosen('ecr_operator_token_expiry_timestamp_seconds')}) - time()` },
    unit: 's',
    description: 'Falls to about six hours, then renewal lifts it. Below one hour pods are about to fail.',
  },
  {
    title: 'Time until the login of each object ends',
    type: 'table',
    lines: {
      [OF_OBJECT]: `min by (${OBJECT}) (${chosen('ecr_operator_resource_token_expiry_timestamp_seconds')}) - time()`,
    },
    unit: 's',
    description: 'The most urgent first. Objects within --per-object-metrics.',
  },
  {
    title: 'Pull secrets by state',
    type: 'timeseries',
    lines: { '{{state}}': `sum by (state) (${chosen('ecr_operator_secrets')})` },
    unit: 'short',
    description: 'ready, expired, failing or pending.',
  },
  {
    title: 'Logins by outcome',
    type: 'timeseries',
    lines: { '{{outcome}}': `sum by (outcome) (${rate('ecr_operator_logins_total')})` },
    unit: 'ops',
    description: 'denied: only a change of keys or rights helps. failed: it is tried again.',
  },
  {
    title: 'Calls of AWS by answer',
    type: 'timeseries',
    lines: {
      '{{operation}} {{region}} {{code}}': `sum by (operation, region, code) (${rate('ecr_operator_aws_requests_total')})`,
    },
    unit: 'ops',
    description: 'Few at rest; what is not success is tried again later each time.',
  },
  {
    title: 'Errors of AWS by code',
    type: 'timeseries',
    lines: { '{{operation}} {{error}}': `sum by (operation, error) (${rate('ecr_operator_aws_errors_total')})` },
    unit: 'ops',
    description: 'In AWS’s own words, such as ThrottlingException.',
  },
  {
    title: 'Reconciliations by result',
    type: 'timeseries',
    lines: {
      '{{controller}} {{result}}': `sum by (controller, result) (${ours(rate('controller_runtime_reconcile_total'))})`,
    },
    unit: 'ops',
    description: 'None at rest.',
  },
  {
    title: 'Keys that wait',
    type: 'timeseries',
    lines: { '{{name}}': `sum by (name) (${ours(chosen('workqueue_depth'))})` },
    unit: 'short',
    description: 'Rises with bursts and falls to nothing.',
  },
  {
    title: 'Since the API server was last heard of',
    type: 'timeseries',
    lines: {
      '{{resource}}': `time() - max by (resource) (${chosen('ecr_operator_watch_last_contact_timestamp_seconds')})`,
    },
    unit: 's',
    description: 'Below a minute while the watches are well.',
  },
  {
    title: 'Requests to the API server',
    type: 'timeseries',
    lines: { '{{method}} {{code}}': `sum by (method, code) (${ours(rate('rest_client_requests_total'))})` },
    unit: 'ops',
    description: 'At rest only GET, for watches that begin anew.',
  },
  {
    title: 'Reviews of the webhook',
    type: 'timeseries',
    lines: { '{{outcome}}': `sum by (outcome) (${rate('ecr_operator_webhook_reviews_total')})` },
    unit: 'ops',
    description: 'What kubectl apply was told. Empty while the webhook is off.',
  },
  {
    title: 'Memory',
    type: 'timeseries',
    lines: {
      resident: `max(${ours(chosen('process_resident_memory_bytes'))})`,
      heap: `max(${ours(chosen('nodejs_heap_size_used_bytes'))})`,
    },
    unit: 'bytes',
    description: 'Of the pod, beside its limit of 128 MiB by default.',
  },
];
