// Specs that the API server must take, and specs that it must refuse, each with the words in which it does so.

import type { PullSecretStatus } from '../../src/api/schema.ts';

type Change = Readonly<Record<string, unknown>>;

const PAIR = { accessKeyId: 'AKIATESTGOODKEY00001', secretAccessKey: 'ThisIsNotAnAWSSecretKeyButHasItsShape0+/' };
const REF = { secretRef: { name: 'aws-keys' } };
const base64 = (text: string): string => Buffer.from(text).toString('base64');

const access = (change: Change, identity: Change = PAIR): Change => ({
  awsAccess: { region: 'eu-west-1', ...identity, ...change },
});
const expressions = (...matchExpressions: readonly Change[]): Change => ({ namespaceSelector: { matchExpressions } });

/** The example of the original's README for the namespaced kind, with real values. */
export const NAMESPACED_SPEC: Change = { ...access({}), secretName: 'ecr-login' };
/** The same for the cluster kind. */
export const CLUSTER_SPEC: Change = { ...NAMESPACED_SPEC, namespaces: ['ns1', 'ns2', 'ns3'] };

/** Goes over CLUSTER_SPEC; undefined takes a field away. */
export const GOOD: Readonly<Record<string, Change>> = {
  "the original's example": {},
  'keys in base64, as the original stored them': access({
    accessKeyId: base64(PAIR.accessKeyId),
    secretAccessKey: base64(PAIR.secretAccessKey),
  }),
  'a reference to a Secret': access({}, REF),
  'a reference with other names for the keys': access(
    {},
    { secretRef: { name: 'aws.keys', keys: { accessKeyId: 'id', secretAccessKey: 'a_b.c-D', sessionToken: 'token' } } },
  ),
  'a region of the EU sovereign cloud': access({ region: 'eusc-de-east-1' }),
  'a region of a government': access({ region: 'us-gov-west-1' }),
  'a region of two digits': access({ region: 'ap-southeast-12' }),
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
  'no exclusion in the list of exclusions': { excludeNamespaces: [] },
  'neither names nor a selector: it wants nothing yet': { namespaces: undefined },
};

const REGION = '^[a-z]{2,6}(-[a-z]+)+-[0-9]{1,2}$';
const SECRET_NAME = String.raw`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`;
const NAMESPACE = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$';
const KEY = '^[-._a-zA-Z0-9]+$';

function unlike(path: string, value: string, pattern: string): string {
  return `${path}: Invalid value: ${JSON.stringify(value)}: ${path} in body should match '${pattern}'`;
}

interface Bad {
  readonly spec: Change;
  /** After `is invalid:`; what says only that further rules were not looked at is left out. */
  readonly message: string;
  /** Where the namespaced kind says something else. */
  readonly namespacedMessage?: string;
}

/** The identities that the namespaced kind knows; the cluster kind knows one more. */
const FORMS = 'accessKeyId and secretAccessKey, or secretRef, or serviceAccountRef';
const NO_IDENTITY = 'spec.awsAccess: Invalid value: no identity: give';
const TOO_MANY = 'spec.awsAccess: Invalid value: more than one identity: give only one of';
const HALF = 'spec.awsAccess: Invalid value: accessKeyId and secretAccessKey go together: give both, or neither';
const inBoth = (words: string): Pick<Bad, 'message' | 'namespacedMessage'> => ({
  message: `${words} ${FORMS}, or ambient`,
  namespacedMessage: `${words} ${FORMS}`,
});

export const BAD: Readonly<Record<string, Bad>> = {
  'no access': { spec: { awsAccess: undefined }, message: 'spec.awsAccess: Required value' },
  'no region': { spec: access({ region: undefined }), message: 'spec.awsAccess.region: Required value' },
  'an empty region': { spec: access({ region: '' }), message: unlike('spec.awsAccess.region', '', REGION) },
  'a region in upper case': {
    spec: access({ region: 'EU-WEST-1' }),
    message: unlike('spec.awsAccess.region', 'EU-WEST-1', REGION),
  },
  'a region without a number': {
    spec: access({ region: 'eu-west' }),
    message: unlike('spec.awsAccess.region', 'eu-west', REGION),
  },
  'a region with a blank': {
    spec: access({ region: 'eu-west-1 ' }),
    message: unlike('spec.awsAccess.region', 'eu-west-1 ', REGION),
  },
  'a region with a line feed': {
    spec: access({ region: 'eu-west-1\n' }),
    message: unlike('spec.awsAccess.region', 'eu-west-1\n', REGION),
  },
  'a region that is a host': {
    spec: access({ region: 'evil.example.com/#-1' }),
    message: unlike('spec.awsAccess.region', 'evil.example.com/#-1', REGION),
  },
  'a region in look-alike letters': {
    spec: access({ region: 'еu-west-1' }),
    message: unlike('spec.awsAccess.region', 'еu-west-1', REGION),
  },
  'a region of 33 characters': {
    spec: access({ region: `eu-${'w'.repeat(28)}-1` }),
    message: 'spec.awsAccess.region: Too long: may not be more than 32 bytes',
  },
  "the placeholder of the original's README as region": {
    spec: access({ region: 'THE_ECR_REGION' }),
    message: unlike('spec.awsAccess.region', 'THE_ECR_REGION', REGION),
  },
  'no identity': { spec: access({}, {}), ...inBoth(NO_IDENTITY) },
  'a misspelt identity': { spec: access({ secretref: { name: 'aws-keys' } }, {}), ...inBoth(NO_IDENTITY) },
  'both identities': { spec: access(REF), ...inBoth(TOO_MANY) },
  'an access key id without its key': { spec: access({ secretAccessKey: undefined }), message: HALF },
  'a secret key without its id': { spec: access({ accessKeyId: undefined }), message: HALF },
  'half a pair beside a reference': {
    spec: access({ secretAccessKey: undefined, ...REF }),
    ...inBoth(`${HALF}, ${TOO_MANY}`),
  },
  'an empty access key id': {
    spec: access({ accessKeyId: '' }),
    message:
      'spec.awsAccess.accessKeyId: Invalid value: "": spec.awsAccess.accessKeyId in body should be at least 1 chars long',
  },
  'a key of 257 characters': {
    spec: access({ secretAccessKey: 'k'.repeat(257) }),
    message: 'spec.awsAccess.secretAccessKey: Too long: may not be more than 256 bytes',
  },
  'a reference without a name': {
    spec: access({}, { secretRef: {} }),
    message: 'spec.awsAccess.secretRef.name: Required value',
  },
  'a reference to a name that no Secret can have': {
    spec: access({}, { secretRef: { name: '../x' } }),
    message: unlike('spec.awsAccess.secretRef.name', '../x', SECRET_NAME),
  },
  'a reference with a key that no Secret can have': {
    spec: access({}, { secretRef: { name: 'a', keys: { accessKeyId: 'a/b' } } }),
    message: unlike('spec.awsAccess.secretRef.keys.accessKeyId', 'a/b', KEY),
  },
  'no secret name': { spec: { secretName: undefined }, message: 'spec.secretName: Required value' },
  'an empty secret name': {
    spec: { secretName: '' },
    message: 'spec.secretName: Invalid value: "": spec.secretName in body should be at least 1 chars long',
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
  'a star for a namespace': { spec: { namespaces: ['*'] }, message: unlike('spec.namespaces[0]', '*', NAMESPACE) },
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
    message: 'spec.namespaces[0]: Invalid value: "": spec.namespaces[0] in body should be at least 1 chars long',
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
  secrets: { desired: 4, ready: 3 },
  problems: { count: 1, items: [{ namespace: 'ns1', reason: 'SecretConflict', message: 'somebody else has it' }] },
  lastHandledReconcileAt: 'now',
};
