// For every alert, series by which it fires and series by which it does not; a value a minute, in promtool's notation:
// `1x30` is 1 and thirty times 1 more, `0+60x30` counts up by 60, `_` is no sample, `stale` the end of a series.

export interface Case {
  /** What happens, in words. */
  readonly when: string;
  readonly series: Readonly<Record<string, string>>;
  /** When one looks. */
  readonly at: string;
}

export interface AlertCases {
  /** `labels`: those with which it fires, severity aside. */
  readonly fires: Case & { readonly labels: Readonly<Record<string, string>> };
  readonly silent: Case;
}

const OBJECT = { kind: 'AWSECRImagePullSecret', namespace: 'shop', name: 'ecr' };
const NAMES = 'kind="AWSECRImagePullSecret",namespace="shop",name="ecr"';

/** A login fetched at the start, in the sixth hour of its life, and one that was renewed after five. */
const expiry = (series: string, labels: Readonly<Record<string, string>>): AlertCases => ({
  fires: { when: 'renewal has failed for five hours', series: { [series]: '21600x400' }, at: '5h30m', labels },
  silent: { when: 'it was renewed late', series: { [series]: '21600x299 43200x100' }, at: '5h30m' },
});

export const CASES: Readonly<Record<string, AlertCases>> = {
  EcrOperatorTokenExpiresSoon: expiry(`ecr_operator_resource_token_expiry_timestamp_seconds{${NAMES}}`, OBJECT),
  EcrOperatorAnyTokenExpiresSoon: expiry('ecr_operator_token_expiry_timestamp_seconds', {}),
  EcrOperatorObjectNotReady: {
    fires: {
      when: 'it is refused for twenty minutes',
      series: { [`ecr_operator_resource_condition{${NAMES},type="Ready",status="False"}`]: '1x30' },
      at: '20m',
      labels: { ...OBJECT, type: 'Ready', status: 'False' },
    },
    silent: {
      when: 'it was refused for ten minutes, and is stalled with a good login since',
      series: {
        [`ecr_operator_resource_condition{${NAMES},type="Ready",status="False"}`]: '1x10 stale',
        [`ecr_operator_resource_condition{${NAMES},type="Ready",status="True"}`]: '_x10 1x20',
        [`ecr_operator_resource_condition{${NAMES},type="Stalled",status="True"}`]: '1x30',
      },
      at: '20m',
    },
  },
  EcrOperatorObjectsNotReady: {
    fires: {
      when: 'two are refused and one never got a status',
      series: {
        'ecr_operator_objects{kind="AWSECRImagePullSecret",ready="False"}': '2x30',
        'ecr_operator_objects{kind="AWSECRImagePullSecret",ready="Unknown"}': '1x30',
      },
      at: '20m',
      labels: { kind: 'AWSECRImagePullSecret' },
    },
    silent: {
      when: 'all are ready again',
      series: {
        'ecr_operator_objects{kind="AWSECRImagePullSecret",ready="True"}': '0x10 2x20',
        'ecr_operator_objects{kind="AWSECRImagePullSecret",ready="False"}': '2x10 0x20',
      },
      at: '20m',
    },
  },
  EcrOperatorSecretsFailing: {
    fires: {
      when: 'a namespace that came by a selector has no room',
      series: { 'ecr_operator_secrets{state="failing"}': '1x30', 'ecr_operator_secrets{state="ready"}': '9x30' },
      at: '20m',
      labels: { state: 'failing' },
    },
    silent: {
      when: 'some are only pending',
      series: { 'ecr_operator_secrets{state="failing"}': '0x30', 'ecr_operator_secrets{state="pending"}': '3x30' },
      at: '20m',
    },
  },
  EcrOperatorLoginsFailing: {
    fires: {
      when: 'two of three fail',
      series: {
        'ecr_operator_logins_total{outcome="failed"}': '0+1x60',
        'ecr_operator_logins_total{outcome="denied"}': '0+1x60',
        'ecr_operator_logins_total{outcome="success"}': '0+1x60',
      },
      at: '45m',
      labels: {},
    },
    silent: {
      when: 'one of three fails',
      series: {
        'ecr_operator_logins_total{outcome="failed"}': '0+1x60',
        'ecr_operator_logins_total{outcome="success"}': '0+2x60',
      },
      at: '45m',
    },
  },
  EcrOperatorWatchBlind: {
    fires: {
      when: 'nothing was heard since the start',
      series: { 'ecr_operator_watch_last_contact_timestamp_seconds{resource="secrets"}': '0x30' },
      at: '12m',
      labels: { resource: 'secrets' },
    },
    silent: {
      when: 'a watch ended four minutes ago',
      series: { 'ecr_operator_watch_last_contact_timestamp_seconds{resource="secrets"}': '0+60x8 480x30' },
      at: '12m',
    },
  },
  EcrOperatorReconcileErrors: {
    fires: {
      when: 'one fails each minute',
      series: { 'controller_runtime_reconcile_errors_total{controller="pullsecret"}': '0+1x40' },
      at: '30m',
      labels: { controller: 'pullsecret' },
    },
    silent: {
      when: 'one failed at the start',
      series: { 'controller_runtime_reconcile_errors_total{controller="pullsecret"}': '0x5 1x40' },
      at: '22m',
    },
  },
  EcrOperatorBug: {
    fires: {
      when: 'one was met some minutes ago',
      series: { 'controller_runtime_reconcile_panics_total{controller="pullsecret"}': '0x5 1x40' },
      at: '10m',
      labels: { controller: 'pullsecret' },
    },
    silent: {
      when: 'it is long ago',
      series: { 'controller_runtime_reconcile_panics_total{controller="pullsecret"}': '0x5 1x40' },
      at: '40m',
    },
  },
  EcrOperatorLoopFailed: {
    fires: {
      when: 'a watch ended by a bug some minutes ago',
      series: { 'ecr_operator_loop_failures_total{loop="watch of secrets"}': '0x5 1x40' },
      at: '10m',
      labels: { loop: 'watch of secrets' },
    },
    silent: {
      when: 'it is long ago',
      series: { 'ecr_operator_loop_failures_total{loop="watch of secrets"}': '0x5 1x40' },
      at: '40m',
    },
  },
  EcrOperatorWorkStuck: {
    fires: {
      when: 'a reconciliation does not end',
      series: { 'workqueue_longest_running_processor_seconds{name="pullsecret",controller="pullsecret"}': '0+60x20' },
      at: '15m',
      labels: { name: 'pullsecret', controller: 'pullsecret' },
    },
    silent: {
      when: 'each ends after a minute',
      series: { 'workqueue_longest_running_processor_seconds{name="pullsecret",controller="pullsecret"}': '60x20' },
      at: '15m',
    },
  },
  EcrOperatorWebhookCertificateEnds: {
    fires: {
      when: 'nobody renews it',
      series: { ecr_operator_webhook_certificate_expiry_timestamp_seconds: '86400x200' },
      at: '2h',
      labels: {},
    },
    silent: {
      when: 'it is renewed within the hour',
      series: { ecr_operator_webhook_certificate_expiry_timestamp_seconds: '86400x50 604800x150' },
      at: '45m',
    },
  },
  EcrOperatorAbsent: {
    fires: { when: 'only others are scraped', series: { up: '1x20' }, at: '11m', labels: {} },
    silent: {
      when: 'the pod was away for some minutes',
      series: { 'ecr_operator_build_info{version="1.0.0"}': '1x5 _x8 1x10' },
      at: '20m',
    },
  },
};
