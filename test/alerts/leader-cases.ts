// As release-cases.ts, for the alerts about several replicas.

import { type AlertCases, OPERATOR, ours, RELEASE, strangers } from './case-series.ts';

/** Of a second pod. */
const SECOND = { pod: 'ecr-operator-b', instance: '10.0.0.9:8080', version: '1.0.0' };
const leader = (which: 'a' | 'b'): string => {
  const { version, ...pod } = SECOND;
  return ours('leader_election_master_status', { name: `lease-${version}`, ...(which === 'b' ? pod : {}) });
};

export const LEADER_CASES: Readonly<Record<string, AlertCases>> = {
  EcrOperatorNoLeader: {
    fires: {
      when: 'two replicas wait for ever',
      series: { [leader('a')]: '0x30', [leader('b')]: '0x30', [ours('ecr_operator_build_info', SECOND)]: '1x30' },
      at: '10m',
      labels: RELEASE,
      says: `${OPERATOR} runs, but no replica works`,
    },
    silent: [
      {
        when: 'one of them works',
        series: { [leader('a')]: '0x30', [leader('b')]: '1x30', [ours('ecr_operator_build_info', SECOND)]: '1x30' },
        at: '20m',
      },
      {
        when: 'another takes over after a minute',
        series: {
          [leader('a')]: '1x5 0x25',
          [leader('b')]: '0x6 1x24',
          [ours('ecr_operator_build_info', SECOND)]: '1x30',
        },
        at: '20m',
      },
      {
        when: 'another program has no leader',
        series: { [strangers('leader_election_master_status')]: '0x30' },
        at: '20m',
      },
    ],
  },
};
