// Specs that the API server must take, and specs that it must refuse, each with the words in which it does so.

import type { PullSecretStatus } from '../../src/api/schema.ts';
import { access, BAD_ACCESSES, type Bad, type Change, GOOD_ACCESSES, SECRET_NAME, unlike } from './access-specs.ts';

const expressions = (...matchExpressions: readonly Change[]): Change => ({ namespaceSelector: { matchExpressions } });

/** The example of the original's README for the namespaced kind, with real values. */
export const NAMESPACED_SPEC: Change = { ...access({}), secretName: 'ecr-login' };
/** The same for the cluster kind. */
export const CLUSTER_SPEC: Change = { ...NAMESPACED_SPEC, namespaces: ['ns1', 'ns2', 'ns3'] };

/** Goes over CLUSTER_SPEC; undefined takes a field away. */
export const GOOD: Readonly<Record<string, Change>> = {
  "the original's example": {},
  ...GOOD_ACCESSES,
  'a secret name of 253 characters': { secretName: `${'a'.repeat(63)}.${'b'.repeat(189)}` },
  'repeated namespaces': { namespaces: ['a', 'b', 'a', 'a'] },
  'ten thousand namespaces': {
    namespaces: Array.from({ length: 10_000 }, (_, index) => `${'n'.repeat(50)}-${index}`),
  },
  'a namespace of 63 characters': { namespaces: ['n'.repeat(63)] },
  'a selector by labels instead of names': {
    namespaces: undefined,
    namespaceSelector: { matchLabels: { ecr: 'true' } },
  },
  'a selector that selects everything': { namespaces: undefined, namespaceSelector: {} },
  'a selector with every operator': {
    namespaces: undefined,
    ...expressions(
      { key: 'a', operator: 'In', values: ['x', ''] },
      { key: 'example.com/b', operator: 'NotIn', values: ['y'] },
      { key: 'c', operator: 'Exists' },
      { key: 'd', operator: 'DoesNotExist' },
    ),
  },
  'names, a selector and exclusions together': {
    namespaceSelector: { matchLabels: { ecr: 'true' } },
    excludeNamespaces: ['kube-system', 'kube-system'],
  },
  'ServiceAccounts by name': { serviceAccounts: { names: ['default', 'builder.one'] } },
  'repeated ServiceAccounts and repositories': {
    serviceAccounts: { names: ['default', 'default'] },
    probe: { repositories: ['app', 'app'] },
  },
  'every ServiceAccount': { serviceAccounts: { selector: {} } },
  'a probe of every form of a repository': {
    probe: {
      repositories: [
        'app',
        'team/app:1.0',
        '111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/my_app:latest',
        'localhost.localstack.cloud:4566/app',
        'quay',
      ],
      interval: '24h',
    },
  },
  'no exclusion in the list of exclusions': { excludeNamespaces: [] },
  'neither names nor a selector: it wants nothing yet': { namespaces: undefined },
};

const NAMESPACE =
  'must be the name of a namespace, such as team-a: lower case letters, digits and "-", with a letter or digit at both ends';

const REPOSITORY = 'must be a repository, with or without a host and a tag, such as team/app or team/app:1.0';

export const BAD: Readonly<Record<string, Bad>> = {
  ...BAD_ACCESSES,
  'ServiceAccounts neither by name nor by label': {
    spec: { serviceAccounts: {} },
    message: 'spec.serviceAccounts: Invalid value: give names or a selector: one of the two, and not both',
  },
  'ServiceAccounts by name and by label': {
    spec: { serviceAccounts: { names: ['default'], selector: {} } },
    message: 'spec.serviceAccounts: Invalid value: give names or a selector: one of the two, and not both',
  },
  'a ServiceAccount in upper case': {
    spec: { serviceAccounts: { names: ['Default'] } },
    message: unlike(
      'spec.serviceAccounts.names[0]',
      'Default',
      'must be the name of a ServiceAccount, such as default: lower case letters, digits, "-" and ".", with a letter or digit at both ends',
    ),
  },
  'a probe of nothing': {
    spec: { probe: { repositories: [] } },
    message: 'spec.probe.repositories: Invalid value: 0: spec.probe.repositories in body should have at least 1 items',
  },
  'a probe of a URL': {
    spec: { probe: { repositories: ['https://a.example.com/app'] } },
    message: unlike('spec.probe.repositories[0]', 'https://a.example.com/app', REPOSITORY),
  },
  'a probe of a digest': {
    spec: { probe: { repositories: [`app@sha256:${'0'.repeat(64)}`] } },
    message: unlike('spec.probe.repositories[0]', `app@sha256:${'0'.repeat(64)}`, REPOSITORY),
  },
  'a probe of two slashes': {
    spec: { probe: { repositories: ['team//app'] } },
    message: unlike('spec.probe.repositories[0]', 'team//app', REPOSITORY),
  },
  'a probe of a pull-through cache': {
    spec: { probe: { repositories: ['111122223333.dkr.ecr.eu-west-1.amazonaws.com/docker-hub/nginx'] } },
    message: unlike(
      'spec.probe.repositories[0]',
      '111122223333.dkr.ecr.eu-west-1.amazonaws.com/docker-hub/nginx',
      'is the name of a pull-through cache: asking it may create a repository; name one of your own',
    ),
  },
  'a probe each minute': {
    spec: { probe: { repositories: ['app'], interval: '1m' } },
    message: unlike('spec.probe.interval', '1m', 'must be from 5m to 24h'),
  },
  'a probe now and then': {
    spec: { probe: { repositories: ['app'], interval: 'often' } },
    message: unlike('spec.probe.interval', 'often', 'must be whole minutes or hours, such as 30m or 1h'),
  },
  'no secret name': { spec: { secretName: undefined }, message: 'spec.secretName: Required value' },
  'an empty secret name': {
    spec: { secretName: '' },
    message: unlike('spec.secretName', '', SECRET_NAME),
  },
  'a secret name of 254 characters': {
    spec: { secretName: 'a'.repeat(254) },
    message: 'spec.secretName: Too long: may not be more than 253 bytes',
  },
  'a secret name in upper case': {
    spec: { secretName: 'ECR-login' },
    message: unlike('spec.secretName', 'ECR-login', SECRET_NAME),
  },
  'a secret name that is a path': {
    spec: { secretName: '../login' },
    message: unlike('spec.secretName', '../login', SECRET_NAME),
  },
  'a secret name that is no text': {
    spec: { secretName: 7 },
    message: 'spec.secretName: Invalid value: "integer": spec.secretName in body must be of type string: "integer"',
  },
  'an empty list of namespaces': {
    spec: { namespaces: [] },
    message: 'spec.namespaces: Invalid value: 0: spec.namespaces in body should have at least 1 items',
  },
  'a namespace in upper case': {
    spec: { namespaces: ['good', 'Bad'] },
    message: unlike('spec.namespaces[1]', 'Bad', NAMESPACE),
  },
  'a star for a namespace': {
    spec: { namespaces: ['*'] },
    message: unlike('spec.namespaces[0]', '*', 'is no pattern: namespaceSelector: {} selects every namespace'),
  },
  'a star for an exclusion': {
    spec: { excludeNamespaces: ['*'] },
    message: unlike('spec.excludeNamespaces[0]', '*', 'is no pattern: name each namespace'),
  },
  'a namespace that is a path': {
    spec: { namespaces: ['a/../b'] },
    message: unlike('spec.namespaces[0]', 'a/../b', NAMESPACE),
  },
  'an encoded namespace': {
    spec: { namespaces: ['%2e%2e'] },
    message: unlike('spec.namespaces[0]', '%2e%2e', NAMESPACE),
  },
  'an empty namespace': {
    spec: { namespaces: [''] },
    message: unlike('spec.namespaces[0]', '', NAMESPACE),
  },
  'a namespace of 64 characters': {
    spec: { namespaces: ['n'.repeat(64)] },
    message: 'spec.namespaces[0]: Too long: may not be more than 63 bytes',
  },
  'one namespace more than ten thousand': {
    spec: { namespaces: Array.from({ length: 10_001 }, (_, index) => `n${index}`) },
    message: 'spec.namespaces: Too many: 10001: must have at most 10000 items',
  },
  'namespaces that are no list': {
    spec: { namespaces: 'ns1' },
    message: 'spec.namespaces: Invalid value: "string": spec.namespaces in body must be of type array: "string"',
  },
  'a bad exclusion': {
    spec: { excludeNamespaces: ['Kube'] },
    message: unlike('spec.excludeNamespaces[0]', 'Kube', NAMESPACE),
  },
  'an unknown operator': {
    spec: expressions({ key: 'a', operator: 'Gt', values: ['1'] }),
    message:
      'spec.namespaceSelector.matchExpressions[0].operator: Unsupported value: "Gt": supported values: "In", "NotIn", "Exists", "DoesNotExist"',
  },
  'a requirement without a key': {
    spec: expressions({ operator: 'Exists' }),
    message: 'spec.namespaceSelector.matchExpressions[0].key: Required value',
  },
  'a requirement without an operator': {
    spec: expressions({ key: 'a' }),
    message: 'spec.namespaceSelector.matchExpressions[0].operator: Required value',
  },
  'a label value of 64 characters': {
    spec: { namespaceSelector: { matchLabels: { a: 'v'.repeat(64) } } },
    message: 'spec.namespaceSelector.matchLabels.a: Too long: may not be more than 63 bytes',
  },
  'a label value that is no text': {
    spec: { namespaceSelector: { matchLabels: { a: true } } },
    message:
      'spec.namespaceSelector.matchLabels.a: Invalid value: "boolean": spec.namespaceSelector.matchLabels.a in body must be of type string: "boolean"',
  },
  'a selector that is no object': {
    spec: { namespaceSelector: 'ecr=true' },
    message:
      'spec.namespaceSelector: Invalid value: "string": spec.namespaceSelector in body must be of type object: "string"',
  },
};

/** Every field that the operator writes. */
export const FULL_STATUS: PullSecretStatus = {
  observedGeneration: 3,
  conditions: [
    {
      type: 'Ready',
      status: 'True',
      observedGeneration: 3,
      lastTransitionTime: '2026-01-01T00:00:00Z',
      reason: 'SecretsUpdated',
      message: 'all is well',
    },
    {
      type: 'Reconciling',
      status: 'True',
      lastTransitionTime: '2026-01-01T00:00:00Z',
      reason: 'Retrying',
      message: '',
    },
  ],
  logins: [
    {
      registry: 'eu-west-1',
      expiresAt: '2099-01-01T12:00:00Z',
      refreshedAt: '2026-01-01T00:00:00Z',
      nextRefreshAt: '2026-01-01T05:00:00Z',
      digest: `sha256:${'0'.repeat(64)}`,
      hosts: ['111122223333.dkr.ecr.eu-west-1.amazonaws.com'],
    },
  ],
  expiresAt: '2099-01-01T12:00:00Z',
  refreshedAt: '2026-01-01T00:00:00Z',
  secrets: { desired: 4, ready: 3, summary: '3/4' },
  problems: { count: 1, items: [{ namespace: 'ns1', reason: 'SecretConflict', message: 'somebody else has it' }] },
  lastHandledReconcileAt: 'now',
};
