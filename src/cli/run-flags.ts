// The flags of the commands: names, variables of the environment, values that count without either, and help.

import type { LogFormat, LogLevel } from '../lib/log.ts';
import { ELECTION_FLAGS } from './election-flags.ts';
import { WEBHOOK_FLAGS } from './webhook-flags.ts';

export interface Flag {
  readonly name: string;
  readonly env: string;
  readonly fallback: string;
  /** The name of the value in the help. */
  readonly value: string;
  readonly help: string;
}

export const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
export const AMBIENT = ['cluster', 'none'] as const;
export const YES_OR_NO = ['true', 'false'] as const;
export const FORMATS: readonly LogFormat[] = ['json', 'text'];

/** 20,000 series when all is well, and 3 MB a scrape: more helps nobody. */
export const MOST_OBJECTS_WITH_METRICS = 10_000;

/** Three watches for each: more need a right to the whole cluster. */
export const MOST_NAMESPACES = 50;

export const RUN_FLAGS: readonly Flag[] = [
  {
    name: 'metrics-bind-address',
    env: 'ECR_OPERATOR_METRICS_BIND_ADDRESS',
    fallback: ':8080',
    value: 'HOST:PORT',
    help: 'Where /metrics is served; 0 turns it off.',
  },
  {
    name: 'health-probe-bind-address',
    env: 'ECR_OPERATOR_HEALTH_PROBE_BIND_ADDRESS',
    fallback: ':8081',
    value: 'HOST:PORT',
    help: 'Where /healthz and /readyz are served; 0 turns them off.',
  },
  {
    name: 'kubeconfig',
    env: 'KUBECONFIG',
    fallback: '',
    value: 'FILE',
    help: "A kubeconfig file, or several joined as in PATH. Default: the pod's service account, else the user's own kubeconfig.",
  },
  {
    name: 'namespace',
    env: 'ECR_OPERATOR_NAMESPACE',
    fallback: '',
    value: 'NAME',
    help: "The operator's own namespace, where the cluster kind's secretRef looks. Default: the pod's.",
  },
  {
    name: 'namespaces',
    env: 'ECR_OPERATOR_NAMESPACES',
    fallback: '',
    value: 'NAME,NAME',
    help: `Work in these namespaces only (${MOST_NAMESPACES} at most), with Roles there and no ClusterRole: AWSECRImagePullSecret only. Default: all of the cluster.`,
  },
  {
    name: 'log-level',
    env: 'ECR_OPERATOR_LOG_LEVEL',
    fallback: 'info',
    value: LEVELS.join('|'),
    help: 'The least important lines that are written.',
  },
  {
    name: 'log-format',
    env: 'ECR_OPERATOR_LOG_FORMAT',
    fallback: 'json',
    value: FORMATS.join('|'),
    help: 'One JSON object a line, or text for people.',
  },
  {
    name: 'per-object-metrics',
    env: 'ECR_OPERATOR_PER_OBJECT_METRICS',
    fallback: '1000',
    value: 'NUMBER',
    help: 'How many objects have metrics of their own, with their names as labels; 0 turns these off.',
  },
  {
    name: 'objects-per-namespace',
    env: 'ECR_OPERATOR_OBJECTS_PER_NAMESPACE',
    fallback: '500',
    value: 'COUNT',
    help: 'Objects of one namespace that are kept in memory, of 8 KiB on average; further new ones wait, and say so.',
  },
  {
    name: 'service-account-folder',
    env: 'ECR_OPERATOR_SERVICE_ACCOUNT_FOLDER',
    fallback: '/var/run/secrets/kubernetes.io/serviceaccount',
    value: 'FOLDER',
    help: 'Where token, ca.crt and namespace of the pod are mounted.',
  },
  {
    name: 'ambient-credentials',
    env: 'ECR_OPERATOR_AMBIENT_CREDENTIALS',
    fallback: 'cluster',
    value: AMBIENT.join('|'),
    help: "Who may use the operator's own AWS identity (awsAccess.ambient): objects of the cluster kind, or nobody.",
  },
  {
    name: 'convert-legacy',
    env: 'ECR_OPERATOR_CONVERT_LEGACY',
    fallback: 'true',
    value: 'true|false',
    help: 'Whether AWSECRCredential (v1alpha1) objects are looked for and converted.',
  },
  {
    name: 'attach-to-service-accounts',
    env: 'ECR_OPERATOR_ATTACH_TO_SERVICE_ACCOUNTS',
    fallback: 'false',
    value: 'true|false',
    help: 'Whether pull secrets are added to the ServiceAccounts that objects ask for (spec.serviceAccounts); needs the right to patch them.',
  },
  {
    name: 'renewals-per-second',
    env: 'ECR_OPERATOR_RENEWALS_PER_SECOND',
    fallback: '50',
    value: 'COUNT',
    help: 'Secrets rewritten a second when logins are renewed; creations, repairs and key changes never wait.',
  },
  ...ELECTION_FLAGS,
  ...WEBHOOK_FLAGS,
];

/** Flags of every command that talks to the API server. */
const ACCESS = ['kubeconfig', 'service-account-folder'];
/** What the operator's rights depend on. */
const RIGHTS = ['namespaces', 'attach-to-service-accounts'];
/** Where `check` finds the Lease of a running operator. */
const LEASE = ['namespace', 'leader-elect-resource-name'];
export const CHECK_FLAGS = RUN_FLAGS.filter(({ name }) => [...ACCESS, ...RIGHTS, ...LEASE].includes(name));
