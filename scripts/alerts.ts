// What is worth waking somebody for, as PromQL over the metrics of src/operator/telemetry/metric-catalogue.ts. One
// cause fires one alert: the more precise or the more urgent one holds back the others.

import { ON_RELEASE, object, ours, RELEASE, release, SHARED, unless } from './promql.ts';

export interface Alert {
  readonly name: string;
  readonly severity: 'critical' | 'warning' | 'info';
  /** How long it must be so: PromQL's `for`. */
  readonly lasts: string;
  readonly expression: string;
  /** Whom it concerns, in half a line: a template of Prometheus. */
  readonly summary: string;
  /** What it means, in a sentence or two. */
  readonly meaning: string;
}

/** The object of an alert; also where the scraper does not honor labels. Cluster objects have no namespace. */
const WHO =
  '{{ $labels.kind }} {{ if eq $labels.kind "AWSECRImagePullSecret" }}{{ or $labels.exported_namespace $labels.namespace }}/{{ end }}{{ $labels.name }}';
const OPERATOR =
  'The operator{{ with $labels.namespace }} in namespace {{ . }}{{ end }}{{ with $labels.cluster }} of cluster {{ . }}{{ end }}';

const condition = (labels: string): string => object(`ecr_operator_resource_condition{${labels}} == 1`);

const expiring = object('ecr_operator_resource_token_expiry_timestamp_seconds - time() < 3600');
const stalled = condition('type="Stalled",status="True"');
/** Also while it waits for its turn at the next try, when the condition may be gone for some minutes. */
const retrying = object('max_over_time(ecr_operator_resource_condition{type="Reconciling",status="True"}[10m]) == 1');
const notReady = condition('type="Ready",status!="True"');
const notPullable = condition('type="Pullable",status="False"');
const secretsFailing = object('ecr_operator_resource_secrets{state="failing"} > 0');

/** Several objects wait for AWS: one of them alone is not a matter of all logins. */
const loginsFailing =
  release('sum', 'rate(ecr_operator_logins_total{outcome="failed"}[15m])') +
  ` / ${release('sum', 'rate(ecr_operator_logins_total[15m])')} > 0.5` +
  ` and ${ON_RELEASE} ${release('max', 'max_over_time(ecr_operator_condition_objects{type="Reconciling"}[10m])')} > 2`;
/** The objects that wait because of that. */
const waitingForAws = `${retrying} and on (${SHARED}) (${loginsFailing})`;

const blind = `time() - ${release('min', 'ecr_operator_watch_last_contact_timestamp_seconds')} > 300`;
const panics = `${release('sum', ours('increase(controller_runtime_reconcile_panics_total[15m])'), 'controller')} > 0`;

/** There are objects without series of their own. */
const someUnseen = `${ON_RELEASE} ${release('max', 'ecr_operator_objects_without_series')} > 0`;
const anyExpiring = `${release('min', 'ecr_operator_token_expiry_timestamp_seconds')} - time() < 3600`;
const anyStalled = `${release('sum', 'ecr_operator_condition_objects{type="Stalled"}')} > 0`;
const anyNotReady = `${release('sum', 'ecr_operator_objects{ready!="True"}')} > 0`;
const anyFailing = `${release('sum', 'ecr_operator_secrets{state="failing"}')} > 0`;

/**
 * What is seen only in the numbers of all objects.
 *
 * @param byName  the same by objects, which says more
 * @param worse   of all objects as well
 */
function unnamed(vector: string, byName: string, worse: readonly string[] = []): string {
  const own = worse.length === 0 ? '' : ` unless ${worse.map((one) => `(${one})`).join(' unless ')}`;
  return unless(`${vector}${own} and ${someUnseen}`, [byName], SHARED);
}

const OF_OBJECTS: readonly Alert[] = [
  {
    name: 'EcrOperatorTokenExpiresSoon',
    severity: 'critical',
    lasts: '5m',
    expression: expiring,
    summary: `${WHO}: its login ends within the hour, or has ended`,
    meaning:
      'Pods that pull with this object’s Secret fail from then on: renewal has not worked for five hours. Its condition Ready, Stalled or Reconciling says why.',
  },
  {
    name: 'EcrOperatorObjectStalled',
    severity: 'warning',
    lasts: '10m',
    expression: unless(stalled, [expiring]),
    summary: `${WHO} is stalled: only a change by you helps`,
    meaning:
      'AWS denies its login, or a field cannot be used; an earlier login stays in place until it ends. The message of its condition Stalled says why.',
  },
  {
    name: 'EcrOperatorObjectNotReady',
    severity: 'warning',
    lasts: '15m',
    expression: unless(notReady, [stalled, expiring, waitingForAws]),
    summary: `${WHO} is not ready`,
    meaning:
      'A Secret that it names is not in place; the message of its condition Ready, and its status.problems, say why.',
  },
  {
    name: 'EcrOperatorSecretsFailing',
    severity: 'warning',
    lasts: '15m',
    expression: unless(secretsFailing, [notReady, stalled, expiring]),
    summary: `${WHO}: {{ $value }} of its Secrets are not in place`,
    meaning:
      'Some namespaces that its selector matches lack a good Secret; it is ready all the same. See status.problems.',
  },
  {
    name: 'EcrOperatorObjectRetrying',
    severity: 'warning',
    lasts: '1h',
    expression: unless(retrying, [notReady, stalled, expiring, waitingForAws]),
    summary: `${WHO} has been tried again for an hour`,
    meaning:
      'Its login, or the write of its Secrets, fails again and again, while those of others do not; the message of its condition Reconciling says why. The login in place is good.',
  },
  {
    name: 'EcrOperatorPullDenied',
    severity: 'warning',
    lasts: '15m',
    expression: unless(notPullable, [notReady, stalled, expiring]),
    summary: `${WHO}: pods cannot pull what its spec.probe names`,
    meaning:
      'Its Secret is in place, and the registry refuses what spec.probe names, or does not have it: new pods cannot pull it. The message of its condition Pullable says why.',
  },
];

const OF_ALL: readonly Alert[] = [
  {
    name: 'EcrOperatorAnyTokenExpiresSoon',
    severity: 'critical',
    lasts: '5m',
    expression: unnamed(anyExpiring, expiring),
    summary: `${OPERATOR}: the login of some object ends within the hour, or has ended`,
    meaning: 'EcrOperatorTokenExpiresSoon for objects beyond --per-object-metrics.',
  },
  {
    name: 'EcrOperatorAnyObjectStalled',
    severity: 'warning',
    lasts: '10m',
    expression: unnamed(anyStalled, stalled, [anyExpiring]),
    summary: `${OPERATOR}: {{ $value }} objects are stalled`,
    meaning: 'EcrOperatorObjectStalled for objects beyond --per-object-metrics.',
  },
  {
    name: 'EcrOperatorObjectsNotReady',
    severity: 'warning',
    lasts: '15m',
    expression: unnamed(anyNotReady, notReady, [anyStalled, anyExpiring, loginsFailing]),
    summary: `${OPERATOR}: {{ $value }} objects are not ready`,
    meaning: 'EcrOperatorObjectNotReady for objects beyond --per-object-metrics.',
  },
  {
    name: 'EcrOperatorAnySecretsFailing',
    severity: 'warning',
    lasts: '15m',
    expression: unnamed(anyFailing, secretsFailing, [anyNotReady, anyStalled, anyExpiring]),
    summary: `${OPERATOR}: {{ $value }} Secrets are not in place`,
    meaning: 'EcrOperatorSecretsFailing for objects beyond --per-object-metrics.',
  },
  {
    name: 'EcrOperatorLoginsFailing',
    severity: 'warning',
    lasts: '15m',
    expression: loginsFailing,
    summary: `${OPERATOR} gets no logins of AWS for several objects`,
    meaning:
      'AWS cannot be reached, throttles or fails, more often than not, and three objects or more wait for it; the Secrets stay good for some hours. ecr_operator_aws_requests_total has regions, ecr_operator_aws_errors_total AWS’s codes.',
  },
];

const OF_THE_OPERATOR: readonly Alert[] = [
  {
    name: 'EcrOperatorWatchBlind',
    severity: 'critical',
    lasts: '5m',
    expression: blind,
    summary: `${OPERATOR} has heard nothing of something it watches for {{ $value | humanizeDuration }}`,
    meaning:
      'A healthy watch ends and begins anew within a minute. The API server does not answer, the CRDs are gone, or a right is missing: “Could not list or watch” in the log says which. Until then nothing new is served.',
  },
  {
    name: 'EcrOperatorReconcileErrors',
    severity: 'warning',
    lasts: '15m',
    expression: unless(
      `${release('sum', ours('rate(controller_runtime_reconcile_errors_total[5m])'), 'controller')} > 0`,
      [blind, panics],
      RELEASE,
    ),
    summary: `${OPERATOR}: reconciliations of {{ $labels.controller }} fail`,
    meaning: 'They fail as a whole, most often because the API server refuses or does not answer now and then.',
  },
  {
    name: 'EcrOperatorBug',
    severity: 'warning',
    lasts: '0m',
    expression: panics,
    summary: `${OPERATOR} met a bug in {{ $labels.controller }}`,
    meaning: 'A bug in the operator; please report the log lines with the level warn or error of that time.',
  },
  {
    name: 'EcrOperatorLoopFailed',
    severity: 'warning',
    lasts: '0m',
    expression: `${release('sum', 'increase(ecr_operator_loop_failures_total[15m])', 'loop')} > 0`,
    summary: `${OPERATOR}: {{ $labels.loop }} ended by a bug, and was started again`,
    meaning: 'A bug in the operator; please report the log lines with the level error of that time.',
  },
  {
    name: 'EcrOperatorWorkStuck',
    severity: 'warning',
    lasts: '5m',
    expression: `${release('max', ours('workqueue_longest_running_processor_seconds{name="pullsecret"}'))} > 300`,
    summary: `${OPERATOR} has worked on one object for {{ $value | humanizeDuration }}`,
    meaning: 'A reconciliation does not end; requests have time-outs of half a minute.',
  },
  {
    name: 'EcrOperatorWebhookCertificateEnds',
    severity: 'warning',
    lasts: '1h',
    expression: `${release('min', 'ecr_operator_webhook_certificate_expiry_timestamp_seconds')} - time() < 86400`,
    summary: `${OPERATOR}: the certificate of the webhook ends within a day`,
    meaning:
      'Those of its own are renewed two days before. Afterwards nothing is checked at kubectl apply; Secrets are not concerned.',
  },
  {
    name: 'EcrOperatorAbsent',
    severity: 'critical',
    lasts: '10m',
    expression: 'absent(ecr_operator_build_info)',
    summary:
      'No operator{{ with $labels.namespace }} in namespace {{ . }}{{ end }}{{ with $labels.cluster }} of cluster {{ . }}{{ end }} is scraped',
    meaning: 'Nothing is renewed, or nobody would notice.',
  },
  {
    name: 'EcrOperatorNoLeader',
    severity: 'critical',
    lasts: '5m',
    expression: `${release('max', ours('leader_election_master_status'))} == 0`,
    summary: `${OPERATOR} runs, but no replica works`,
    meaning:
      'Each waits for a Lease that none gets; a takeover takes less than half a minute. Nothing is renewed. “Could not read or write the Lease” in the log says why.',
  },
];

export const ALERTS: readonly Alert[] = [...OF_OBJECTS, ...OF_ALL, ...OF_THE_OPERATOR];

/** The heading of its runbook in docs/runbooks.md, as a link names it. */
export function anchorOf(alert: Pick<Alert, 'name'>): string {
  return alert.name.toLowerCase();
}
