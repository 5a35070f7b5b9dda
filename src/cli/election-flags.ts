// The flags of leader election -> ElectionOptions. It is off unless --leader-elect says otherwise.

import { LONGEST_LEASE } from '../kube/lease-state.ts';
import type { DurationMs } from '../lib/time.ts';
import type { ElectionOptions } from '../operator/run.ts';
import { type Given, isObjectName } from './webhook-flags.ts';

/** Names and defaults of the times are those of client-go's components. */
export const ELECTION_FLAGS = [
  {
    name: 'leader-elect',
    env: 'ECR_OPERATOR_LEADER_ELECT',
    fallback: 'false',
    value: 'true|false',
    help: 'Whether of several replicas one works at a time, chosen by a Lease; the others watch and serve the webhook.',
  },
  {
    name: 'leader-elect-resource-name',
    env: 'ECR_OPERATOR_LEADER_ELECT_RESOURCE_NAME',
    fallback: 'kube-ecr-secrets-operator',
    value: 'NAME',
    help: "The Lease, in the operator's own namespace; it is made when it is missing.",
  },
  {
    name: 'leader-elect-lease-duration',
    env: 'ECR_OPERATOR_LEADER_ELECT_LEASE_DURATION',
    fallback: '15s',
    value: 'DURATION',
    help: 'How long a Lease that is not renewed keeps the other replicas waiting: 1s to 60s.',
  },
  {
    name: 'leader-elect-renew-deadline',
    env: 'ECR_OPERATOR_LEADER_ELECT_RENEW_DEADLINE',
    fallback: '10s',
    value: 'DURATION',
    help: 'How long the leader works without having renewed; shorter than the lease duration.',
  },
  {
    name: 'leader-elect-retry-period',
    env: 'ECR_OPERATOR_LEADER_ELECT_RETRY_PERIOD',
    fallback: '2s',
    value: 'DURATION',
    help: 'Between two looks at the Lease, or two renewals; 100ms to half of the renew deadline.',
  },
] as const;

type Name = (typeof ELECTION_FLAGS)[number]['name'];

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 };
/** The API server keeps the duration in whole seconds, one at least. */
const SHORTEST_LEASE = 1_000;
const SHORTEST_RETRY = 100;

/**
 * @param read      a flag's value
 * @param isOn      whether `--leader-elect` is true
 * @param mistakes  receives one sentence for each thing that is wrong, also while it is off
 */
export function electionOptions(
  read: (name: Name) => Given,
  isOn: boolean,
  mistakes: string[],
): Omit<ElectionOptions, 'identity'> | undefined {
  const lease = read('leader-elect-resource-name');
  if (!isObjectName(lease.text)) mistakes.push(`${lease.from}: "${lease.text}" is not a name a Lease can have`);
  const [duration, renewDeadline, retryPeriod] = (
    ['leader-elect-lease-duration', 'leader-elect-renew-deadline', 'leader-elect-retry-period'] as const
  ).map((name) => durationOf(read(name), mistakes));
  if (!duration || !renewDeadline || !retryPeriod) return undefined;
  if (duration.length < SHORTEST_LEASE || duration.length > LONGEST_LEASE)
    mistakes.push(`${duration.from}: "${duration.text}" is not between 1s and ${LONGEST_LEASE / 1_000}s`);
  else if (renewDeadline.length >= duration.length)
    mistakes.push(
      `${renewDeadline.from}: "${renewDeadline.text}" is not shorter than ${duration.from} ("${duration.text}"), and two replicas could lead at once: lower the first or raise the second`,
    );
  if (retryPeriod.length < SHORTEST_RETRY || 2 * retryPeriod.length > renewDeadline.length)
    mistakes.push(
      `${retryPeriod.from}: "${retryPeriod.text}" is not between ${SHORTEST_RETRY}ms and half of ${renewDeadline.from} ("${renewDeadline.text}")`,
    );
  const times = { duration: duration.length, renewDeadline: renewDeadline.length, retryPeriod: retryPeriod.length };
  return isOn ? { lease: lease.text, times } : undefined;
}

/** As Go writes them, of one unit: `1.5s`, `500ms`, `1m`. */
function durationOf({ text, from }: Given, mistakes: string[]): (Given & { readonly length: DurationMs }) | undefined {
  const [, count, unit = ''] = /^(\d{1,6}(?:\.\d{1,3})?)(ms|s|m)$/.exec(text) ?? [];
  const factor = UNITS[unit];
  if (factor !== undefined) return { text, from, length: (Number(count) * factor) as DurationMs };
  mistakes.push(`${from}: "${text}" is not a length of time; write it as 15s, 1.5s or 500ms`);
  return undefined;
}
