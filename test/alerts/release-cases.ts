// For every alert about all objects or the operator, series by which it fires, and series by which it does not.

import {
  type AlertCases,
  CONTROLLER,
  condition,
  errors,
  expiry,
  IDS,
  inCondition,
  LATE,
  logins,
  OPERATOR,
  ours,
  panics,
  RELEASE,
  strangers,
  stuck,
  UNRENEWED,
  UNSEEN,
} from './case-series.ts';

export const RELEASE_CASES: Readonly<Record<string, AlertCases>> = {
  EcrOperatorAnyTokenExpiresSoon: {
    fires: {
      when: 'renewal of an object without series of its own has failed for five hours',
      series: {
        ...UNSEEN,
        [ours('ecr_operator_token_expiry_timestamp_seconds')]: UNRENEWED,
        [ours('ecr_operator_objects', { kind: IDS.kind, ready: 'True' })]: '9x400',
      },
      at: '5h30m',
      labels: RELEASE,
      says: `${OPERATOR}: the login of some object ends within the hour, or has ended`,
    },
    silent: [
      {
        when: 'it was renewed late',
        series: { ...UNSEEN, [ours('ecr_operator_token_expiry_timestamp_seconds')]: LATE },
        at: '5h30m',
      },
      {
        when: 'the object has series of its own',
        series: { [ours('ecr_operator_token_expiry_timestamp_seconds')]: UNRENEWED, [expiry()]: UNRENEWED },
        at: '5h30m',
      },
      {
        when: 'an object with series of its own is behind it, although others have none',
        series: { ...UNSEEN, [ours('ecr_operator_token_expiry_timestamp_seconds')]: UNRENEWED, [expiry()]: UNRENEWED },
        at: '5h30m',
      },
    ],
  },
  EcrOperatorAnyObjectStalled: {
    fires: {
      when: 'two objects are stalled, and none has series of its own',
      series: {
        ...UNSEEN,
        [inCondition('Stalled')]: '2x30',
        [ours('ecr_operator_objects', { kind: IDS.kind, ready: 'False' })]: '2x30',
      },
      at: '20m',
      labels: RELEASE,
      says: `${OPERATOR}: 2 objects are stalled`,
    },
    silent: [{ when: 'they have series', series: { [inCondition('Stalled')]: '2x30' }, at: '20m' }],
  },
  EcrOperatorObjectsNotReady: {
    fires: {
      when: 'two are not ready and one never got a status, and none has series of its own',
      series: {
        ...UNSEEN,
        [ours('ecr_operator_objects', { kind: IDS.kind, ready: 'False' })]: '2x30',
        [ours('ecr_operator_objects', { kind: IDS.kind, ready: 'Unknown' })]: '1x30',
        [ours('ecr_operator_secrets', { state: 'failing' })]: '2x30',
      },
      at: '20m',
      labels: RELEASE,
      says: `${OPERATOR}: 3 objects are not ready`,
    },
    silent: [
      {
        when: 'all are ready again',
        series: {
          ...UNSEEN,
          [ours('ecr_operator_objects', { kind: IDS.kind, ready: 'True' })]: '0x10 2x20',
          [ours('ecr_operator_objects', { kind: IDS.kind, ready: 'False' })]: '2x10 0x20',
        },
        at: '20m',
      },
    ],
  },
  EcrOperatorAnySecretsFailing: {
    fires: {
      when: 'namespaces that came by a selector have no room, and no object has series of its own',
      series: {
        ...UNSEEN,
        [ours('ecr_operator_secrets', { state: 'failing' })]: '4x30',
        [ours('ecr_operator_objects', { kind: IDS.kind, ready: 'True' })]: '9x30',
      },
      at: '20m',
      labels: RELEASE,
      says: `${OPERATOR}: 4 Secrets are not in place`,
    },
    silent: [
      {
        when: 'some are only pending',
        series: {
          ...UNSEEN,
          [ours('ecr_operator_secrets', { state: 'failing' })]: '0x30',
          [ours('ecr_operator_secrets', { state: 'pending' })]: '3x30',
        },
        at: '20m',
      },
    ],
  },
  EcrOperatorLoginsFailing: {
    fires: {
      when: 'two of three fail, and five objects wait',
      series: {
        [logins('failed')]: '0+2x60',
        [logins('success')]: '0+1x60',
        [inCondition('Reconciling')]: '5x60',
        [condition('Reconciling')]: '1x60',
        [condition('Ready', 'True')]: '1x60',
      },
      at: '45m',
      labels: RELEASE,
      says: `${OPERATOR} gets no logins of AWS for several objects`,
    },
    silent: [
      {
        when: 'one of three fails',
        series: {
          [logins('failed')]: '0+1x60',
          [logins('success')]: '0+2x60',
          [inCondition('Reconciling')]: '5x60',
        },
        at: '45m',
      },
      {
        when: 'one object of a small cluster fails, and so every login that is asked for',
        series: {
          [logins('failed')]: '0+1x60',
          [logins('success')]: '4x60',
          [inCondition('Reconciling')]: '1x60',
        },
        at: '45m',
      },
      {
        when: 'AWS denies the keys of five objects, each of which says so',
        series: { [logins('denied')]: '0+1x60', [logins('success')]: '5x60', [inCondition('Stalled')]: '5x60' },
        at: '45m',
      },
    ],
  },
  EcrOperatorWatchBlind: {
    fires: {
      when: 'nothing was heard since the start, and reconciliations fail as well',
      series: {
        [ours('ecr_operator_watch_last_contact_timestamp_seconds', { resource: 'secrets' })]: '0x30',
        [ours('ecr_operator_watch_last_contact_timestamp_seconds', { resource: 'namespaces' })]: '0x30',
        [ours(errors, CONTROLLER)]: '0+1x40',
      },
      at: '29m',
      labels: RELEASE,
      says: `${OPERATOR} has heard nothing of something it watches for 29m 0s`,
    },
    silent: [
      {
        when: 'a watch ended four minutes ago',
        series: {
          [ours('ecr_operator_watch_last_contact_timestamp_seconds', { resource: 'secrets' })]: '0+60x8 480x30',
        },
        at: '12m',
      },
    ],
  },
  EcrOperatorReconcileErrors: {
    fires: {
      when: 'one fails each minute',
      series: { [ours(errors, CONTROLLER)]: '0+1x40' },
      at: '30m',
      labels: { ...RELEASE, controller: 'pullsecret' },
      says: `${OPERATOR}: reconciliations of pullsecret fail`,
    },
    silent: [
      { when: 'one failed at the start', series: { [ours(errors, CONTROLLER)]: '0x5 1x40' }, at: '22m' },
      {
        when: 'those of another operator fail',
        series: { [strangers(errors, CONTROLLER)]: '0+1x40', [strangers(errors, { controller: 'cert' })]: '0+1x40' },
        at: '30m',
      },
    ],
  },
  EcrOperatorBug: {
    fires: {
      when: 'one was met some minutes ago',
      series: { [ours(panics, CONTROLLER)]: '0x5 1x40', [ours(errors, CONTROLLER)]: '0x5 1x40' },
      at: '10m',
      labels: { ...RELEASE, controller: 'pullsecret' },
      says: `${OPERATOR} met a bug in pullsecret`,
    },
    silent: [
      { when: 'it is long ago', series: { [ours(panics, CONTROLLER)]: '0x5 1x40' }, at: '40m' },
      {
        when: 'another operator panics',
        series: { [strangers(panics, CONTROLLER)]: '0+1x40', [strangers(errors, CONTROLLER)]: '0+1x40' },
        at: '10m',
      },
    ],
  },
  EcrOperatorLoopFailed: {
    fires: {
      when: 'a watch ended by a bug some minutes ago',
      series: { [ours('ecr_operator_loop_failures_total', { loop: 'watch of secrets' })]: '0x5 1x40' },
      at: '10m',
      labels: { ...RELEASE, loop: 'watch of secrets' },
      says: `${OPERATOR}: watch of secrets ended by a bug, and was started again`,
    },
    silent: [
      {
        when: 'it is long ago',
        series: { [ours('ecr_operator_loop_failures_total', { loop: 'watch of secrets' })]: '0x5 1x40' },
        at: '40m',
      },
    ],
  },
  EcrOperatorWorkStuck: {
    fires: {
      when: 'a reconciliation does not end',
      series: { [ours(stuck, { name: 'pullsecret', ...CONTROLLER })]: '0+60x20' },
      at: '15m',
      labels: RELEASE,
      says: `${OPERATOR} has worked on one object for 15m 0s`,
    },
    silent: [
      {
        when: 'each ends after a minute',
        series: { [ours(stuck, { name: 'pullsecret', ...CONTROLLER })]: '60x20' },
        at: '15m',
      },
      {
        when: 'a queue of that name is stuck elsewhere',
        series: { [strangers(stuck, { name: 'pullsecret', ...CONTROLLER })]: '0+60x20' },
        at: '15m',
      },
    ],
  },
  EcrOperatorWebhookCertificateEnds: {
    fires: {
      when: 'nobody renews it',
      series: { [ours('ecr_operator_webhook_certificate_expiry_timestamp_seconds')]: '86400x200' },
      at: '2h',
      labels: RELEASE,
      says: `${OPERATOR}: the certificate of the webhook ends within a day`,
    },
    silent: [
      {
        when: 'it is renewed within the hour',
        series: { [ours('ecr_operator_webhook_certificate_expiry_timestamp_seconds')]: '86400x50 604800x150' },
        at: '45m',
      },
    ],
  },
  EcrOperatorAbsent: {
    fires: {
      when: 'only others are scraped',
      series: { [ours('ecr_operator_build_info', { version: '1.0.0' })]: '_x40', [strangers('up')]: '1x20' },
      at: '11m',
      labels: {},
      says: 'No operator is scraped',
    },
    silent: [
      {
        when: 'the pod was away for some minutes',
        series: { [ours('ecr_operator_build_info', { version: '1.0.0' })]: '1x5 _x8 1x10' },
        at: '20m',
      },
    ],
  },
};
