// For every alert about one object, series by which it fires, and series by which it does not.

import { TARGET } from '../../testing/operator/recording.ts';
import {
  type AlertCases,
  AWS_AWAY,
  condition,
  expiry,
  inCondition,
  LATE,
  logins,
  OBJECT,
  ours,
  secrets,
  UNRENEWED,
  WHO,
} from './case-series.ts';

export const OBJECT_CASES: Readonly<Record<string, AlertCases>> = {
  EcrOperatorTokenExpiresSoon: {
    fires: {
      when: 'renewal has failed for five hours',
      series: { [expiry()]: UNRENEWED, [condition('Stalled')]: '1x400', [condition('Ready', 'True')]: '1x400' },
      at: '5h30m',
      labels: OBJECT,
      says: `${WHO}: its login ends within the hour, or has ended`,
    },
    silent: [{ when: 'it was renewed late', series: { [expiry()]: LATE }, at: '5h30m' }],
  },
  EcrOperatorObjectStalled: {
    fires: {
      when: 'AWS denies the renewal of one object among a hundred, whose login is good for hours',
      series: {
        [condition('Stalled')]: '1x30',
        [condition('Ready', 'True')]: '1x30',
        [expiry()]: UNRENEWED,
        [logins('success')]: '0+3x30',
        [logins('denied')]: '0+0.2x30',
      },
      at: '11m',
      labels: OBJECT,
      says: `${WHO} is stalled: only a change by you helps`,
    },
    silent: [
      {
        when: 'it was stalled for five minutes',
        series: { [condition('Stalled')]: '1x5 stale' },
        at: '11m',
      },
    ],
  },
  EcrOperatorObjectNotReady: {
    fires: {
      when: 'a Secret of a cluster object is not in place for twenty minutes, and so of the count of failing ones',
      series: {
        [ours('ecr_operator_resource_condition', {
          kind: 'ClusterAWSECRImagePullSecret',
          namespace: '',
          name: 'all',
          type: 'Ready',
          status: 'False',
        })]: '1x30',
        [ours('ecr_operator_resource_secrets', {
          kind: 'ClusterAWSECRImagePullSecret',
          namespace: '',
          name: 'all',
          state: 'failing',
        })]: '1x30',
      },
      at: '20m',
      labels: { job: TARGET.job, kind: 'ClusterAWSECRImagePullSecret', name: 'all' },
      says: 'ClusterAWSECRImagePullSecret all is not ready',
    },
    silent: [
      {
        when: 'it was not ready for ten minutes',
        series: {
          [condition('Ready', 'False')]: '1x10 stale',
          [condition('Ready', 'True')]: '_x10 1x20',
        },
        at: '20m',
      },
      {
        when: 'it waits, like others, for AWS, which is away',
        series: {
          ...AWS_AWAY,
          [condition('Ready', 'Unknown')]: '1x60',
          [condition('Reconciling')]: '1x60',
        },
        at: '45m',
      },
    ],
  },
  EcrOperatorSecretsFailing: {
    fires: {
      when: 'a namespace that came by a selector has no room',
      series: { [secrets('failing')]: '1x30', [secrets('ready')]: '9x30', [condition('Ready', 'True')]: '1x30' },
      at: '20m',
      labels: OBJECT,
      says: `${WHO}: 1 of its Secrets are not in place`,
    },
    silent: [
      {
        when: 'none is failing, and some are not made yet',
        series: { [secrets('failing')]: '0x30', [secrets('desired')]: '9x30', [secrets('ready')]: '3x30' },
        at: '20m',
      },
    ],
  },
  EcrOperatorObjectRetrying: {
    fires: {
      when: 'the only object in the cluster waits for AWS, which is away',
      series: {
        [condition('Reconciling')]: '1x120',
        [condition('Ready', 'True')]: '1x120',
        [expiry()]: UNRENEWED,
        [inCondition('Reconciling')]: '1x120',
        [logins('failed')]: '0+1x120',
      },
      at: '61m',
      labels: OBJECT,
      says: `${WHO} has been tried again for an hour`,
    },
    silent: [
      {
        when: 'it is tried again for half an hour, now and then',
        series: { [condition('Reconciling')]: '1x30 stale _x14 1x30' },
        at: '61m',
      },
      {
        when: 'it waits with others',
        series: { ...AWS_AWAY, [condition('Reconciling')]: '1x120', [condition('Ready', 'True')]: '1x120' },
        at: '100m',
      },
    ],
  },
  EcrOperatorPullDenied: {
    fires: {
      when: 'a registry refuses the login of an object, which is ready all the same',
      series: { [condition('Pullable', 'False')]: '1x30', [condition('Ready', 'True')]: '1x30' },
      at: '20m',
      labels: OBJECT,
      says: `${WHO}: pods cannot pull what its spec.probe names`,
    },
    silent: [
      {
        when: 'the registry could not be asked',
        series: { [condition('Pullable', 'Unknown')]: '1x30', [condition('Ready', 'True')]: '1x30' },
        at: '20m',
      },
    ],
  },
};
