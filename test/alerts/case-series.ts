// What the cases of alerts are made of; a value a minute, in promtool's notation: `1x30` is 1 and thirty times 1 more,
// `0+60x30` counts up by 60, `_` is no sample, `stale` the end of a series.

import { TARGET } from '../../testing/operator/recording.ts';

type Series = Readonly<Record<string, string>>;
type Labels = Readonly<Record<string, string>>;

export interface Case {
  /** What happens, in words. */
  readonly when: string;
  readonly series: Series;
  /** When one looks. */
  readonly at: string;
}

export interface AlertCases {
  /** `labels`: those with which it fires, severity aside; `says`: its summary. No other alert fires at that moment. */
  readonly fires: Case & { readonly labels: Labels; readonly says: string };
  readonly silent: readonly Case[];
}

const selector = (labels: Labels): string =>
  Object.entries(labels)
    .map(([label, value]) => `${label}="${value}"`)
    .join(',');

/** Another operator in the same Prometheus. */
export const STRANGER = { job: 'cert-manager', pod: 'cert-1', instance: '10.0.0.2:9402', namespace: 'system' };
/** The name of a series of the operator. A label of its own wins over that of the target. */
export const ours = (name: string, labels: Labels = {}): string => `${name}{${selector({ ...TARGET, ...labels })}}`;
export const strangers = (name: string, labels: Labels = {}): string =>
  `${name}{${selector({ ...STRANGER, ...labels })}}`;

/** With which an alert about the whole operator fires. */
export const RELEASE = { job: TARGET.job, namespace: TARGET.namespace };
export const OPERATOR = 'The operator in namespace system';
export const IDS = { kind: 'AWSECRImagePullSecret', namespace: 'shop', name: 'ecr' };
export const OBJECT = { job: TARGET.job, ...IDS };
export const WHO = 'AWSECRImagePullSecret shop/ecr';

/** What is there while the operator is scraped, and all its objects have series. */
export const RUNNING: Series = {
  [ours('ecr_operator_build_info', { version: '1.0.0' })]: '1x400',
  [ours('ecr_operator_objects_without_series')]: '0x400',
};
export const UNSEEN = { [ours('ecr_operator_objects_without_series')]: '7x400' };

export const condition = (type: string, status = 'True', of: Labels = IDS): string =>
  ours('ecr_operator_resource_condition', { ...of, type, status });
export const expiry = (of: Labels = IDS): string => ours('ecr_operator_resource_token_expiry_timestamp_seconds', of);
export const secrets = (state: string): string => ours('ecr_operator_resource_secrets', { ...IDS, state });
export const inCondition = (type: string): string => ours('ecr_operator_condition_objects', { type });
export const logins = (outcome: string): string => ours('ecr_operator_logins_total', { outcome });
export const errors = 'controller_runtime_reconcile_errors_total';
export const panics = 'controller_runtime_reconcile_panics_total';
export const stuck = 'workqueue_longest_running_processor_seconds';
export const CONTROLLER = { controller: 'pullsecret' };

/** A login fetched at the start, in the sixth hour of its life, and one that was renewed after five. */
export const [UNRENEWED, LATE] = ['21600x400', '21600x299 43200x100'];

/** Three of three logins fail, and five objects wait. */
export const AWS_AWAY = {
  [logins('failed')]: '0+1x120',
  [logins('success')]: '7x120',
  [inCondition('Reconciling')]: '5x120',
};
