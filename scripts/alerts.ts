// What is worth waking somebody for, as PromQL over the metrics of src/operator/telemetry/metric-catalogue.ts.

export interface Alert {
  readonly name: string;
  readonly severity: 'critical' | 'warning' | 'info';
  /** How long it must be so: PromQL's `for`. */
  readonly lasts: string;
  readonly expression: string;
  /** What it means and what to do, in a sentence or two. */
  readonly meaning: string;
}

export const ALERTS: readonly Alert[] = [
  {
    name: 'EcrOperatorTokenExpiresSoon',
    severity: 'critical',
    lasts: '5m',
    expression: 'ecr_operator_resource_token_expiry_timestamp_seconds - time() < 3600',
    meaning:
      'Pods that pull with this object’s Secret fail within the hour: renewal has not worked for five hours. Its condition Ready or Stalled says why.',
  },
  {
    name: 'EcrOperatorAnyTokenExpiresSoon',
    severity: 'critical',
    lasts: '5m',
    expression: 'ecr_operator_token_expiry_timestamp_seconds - time() < 3600',
    meaning: 'The same for the earliest of all logins; for clusters with more objects than --per-object-metrics.',
  },
  {
    name: 'EcrOperatorObjectNotReady',
    severity: 'warning',
    lasts: '15m',
    expression: 'ecr_operator_resource_condition{type="Ready",status!="True"} == 1',
    meaning: 'The object cannot be served; the message of its condition Ready says why (docs/status.md).',
  },
  {
    name: 'EcrOperatorObjectsNotReady',
    severity: 'warning',
    lasts: '15m',
    expression: 'sum by (kind) (ecr_operator_objects{ready!="True"}) > 0',
    meaning: 'The same without names; for clusters with more objects than --per-object-metrics.',
  },
  {
    name: 'EcrOperatorSecretsFailing',
    severity: 'warning',
    lasts: '15m',
    expression: 'ecr_operator_secrets{state=~"failing|expired"} > 0',
    meaning:
      'Some namespaces lack a good Secret; those that came by a selector do not make their object unready. See status.problems.',
  },
  {
    name: 'EcrOperatorLoginsFailing',
    severity: 'warning',
    lasts: '15m',
    expression:
      'sum(rate(ecr_operator_logins_total{outcome!="success"}[15m])) / sum(rate(ecr_operator_logins_total[15m])) > 0.5',
    meaning:
      'AWS refuses or cannot be reached more often than not. ecr_operator_aws_requests_total has regions and codes; the Secrets stay good for some hours.',
  },
  {
    name: 'EcrOperatorWatchBlind',
    severity: 'critical',
    lasts: '5m',
    expression: 'time() - ecr_operator_watch_last_contact_timestamp_seconds > 300',
    meaning:
      'The operator has heard nothing of these objects for five minutes; a healthy watch ends and begins anew within one. Look for “Could not list or watch” in the log.',
  },
  {
    name: 'EcrOperatorReconcileErrors',
    severity: 'warning',
    lasts: '15m',
    expression: 'sum by (controller) (rate(controller_runtime_reconcile_errors_total[5m])) > 0',
    meaning: 'Reconciliations fail as a whole, most often because the API server refuses or does not answer.',
  },
  {
    name: 'EcrOperatorBug',
    severity: 'warning',
    lasts: '0m',
    expression: 'increase(controller_runtime_reconcile_panics_total[15m]) > 0',
    meaning: 'A bug in the operator; please report the log lines with the level warn or error of that time.',
  },
  {
    name: 'EcrOperatorLoopFailed',
    severity: 'warning',
    lasts: '0m',
    expression: 'increase(ecr_operator_loop_failures_total[15m]) > 0',
    meaning:
      'Something that runs all the time ended by a bug in the operator and was started again; please report the log lines with the level error of that time.',
  },
  {
    name: 'EcrOperatorWorkStuck',
    severity: 'warning',
    lasts: '5m',
    expression: 'workqueue_longest_running_processor_seconds{name="pullsecret"} > 300',
    meaning: 'One reconciliation has been under way for over five minutes; requests have time-outs of half a minute.',
  },
  {
    name: 'EcrOperatorWebhookCertificateEnds',
    severity: 'warning',
    lasts: '1h',
    expression: 'ecr_operator_webhook_certificate_expiry_timestamp_seconds - time() < 86400',
    meaning:
      'The webhook serves a certificate that ends within a day; those of its own are renewed two days before. Afterwards nothing is checked at kubectl apply; Secrets are not concerned.',
  },
  {
    name: 'EcrOperatorAbsent',
    severity: 'critical',
    lasts: '10m',
    expression: 'absent(ecr_operator_build_info)',
    meaning: 'No operator is scraped: nothing is renewed, or nobody would notice.',
  },
];
