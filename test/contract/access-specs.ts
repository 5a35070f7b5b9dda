// Of the specs in specs.ts, those about AWS: who asks for logins, and what is logged in to.

export type Change = Readonly<Record<string, unknown>>;

const PAIR = { accessKeyId: 'AKIATESTGOODKEY00001', secretAccessKey: 'ThisIsNotAnAWSSecretKeyButHasItsShape0+/' };
const REF = { secretRef: { name: 'aws-keys' } };
const base64 = (text: string): string => Buffer.from(text).toString('base64');

const ROLE = 'arn:aws:iam::111122223333:role/path/puller';

/**
 * `spec.awsAccess` of a good region, with a good pair of keys unless `identity` says otherwise; `change` goes over it.
 */
export const access = (change: Change, identity: Change = PAIR): Change => ({
  awsAccess: { region: 'eu-west-1', ...identity, ...change },
});

export const GOOD_ACCESSES: Readonly<Record<string, Change>> = {
  'keys in base64, as the original stored them': access({
    accessKeyId: base64(PAIR.accessKeyId),
    secretAccessKey: base64(PAIR.secretAccessKey),
  }),
  'a reference to a Secret': access({}, REF),
  'a reference with other names for the keys': access(
    {},
    { secretRef: { name: 'aws.keys', keys: { accessKeyId: 'id', secretAccessKey: 'a_b.c-D', sessionToken: 'token' } } },
  ),
  'a service account': access({}, { serviceAccountRef: { name: 'puller' } }),
  'a service account and a role': access({}, { serviceAccountRef: { name: 'puller', roleArn: ROLE } }),
  'a further role': access({ assumeRole: { roleArn: ROLE } }),
  'a further role of China with an external id': access({
    assumeRole: { roleArn: 'arn:aws-cn:iam::111122223333:role/x', externalId: 'a+=,.@:/-_9' },
  }),
  'FIPS and dual-stack endpoints': access({ useFipsEndpoint: true, useDualstackEndpoint: true }),
  'every form of registry': {
    registries: {
      regions: ['us-east-1', 'us-east-1'],
      accounts: ['444455556666'],
      hosts: ['registry.example.com', 'cache.example.com:8443'],
      public: true,
    },
  },
  'every account, and every host of a zone': {
    registries: {
      accounts: ['*', '444455556666'],
      hosts: ['*.registry.example.com', '*.dkr.ecr.eu-west-1.amazonaws.com:443'],
    },
  },
  'forty regions, a hundred accounts and a hundred hosts': {
    registries: {
      regions: Array.from({ length: 40 }, (_, index) => `eu-west-${index}`),
      accounts: Array.from({ length: 100 }, (_, index) => String(100_000_000_000 + index)),
      hosts: Array.from({ length: 100 }, (_, index) => `h${index}.${'a.'.repeat(100)}example`),
    },
  },
  'a region of the EU sovereign cloud': access({ region: 'eusc-de-east-1' }),
  'a region of a government': access({ region: 'us-gov-west-1' }),
  'a region of two digits': access({ region: 'ap-southeast-12' }),
};

/** For the cluster kind only. */
export const GOOD_CLUSTER: Readonly<Record<string, Change>> = {
  "the operator's own identity": access({}, { ambient: {} }),
};

const REGION = 'must be the name of an AWS region, such as eu-west-1';
export const SECRET_NAME =
  'must be a name that a Secret can have, such as ecr-login: lower case letters, digits, "-" and ".", with a letter or digit at both ends';
const KEY = 'must be a key that a Secret can have: letters, digits, "-", "_" and "."';
const ROLE_ARN = 'must be the ARN of an IAM role, such as arn:aws:iam::111122223333:role/ecr-pull';
const EXTERNAL_ID = 'must be an external id of IAM: letters, digits and "_+=,.@:/-" without white space';
const ACCOUNT = 'must be the 12 digits of an AWS account, such as "111122223333", or "*"';
const HOST =
  'must be a host name in lower case without https:// and without a path, such as 111122223333.dkr.ecr.eu-west-1.amazonaws.com; the first label may be * when three or more follow';

/** The API server's answer: in words, and not with a regular expression. */
export function unlike(path: string, value: string, words: string): string {
  return `${path}: Invalid value: ${JSON.stringify(value)}: ${words}`;
}

export interface Bad {
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

export const BAD_ACCESSES: Readonly<Record<string, Bad>> = {
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
  'three identities': {
    spec: access({ ...REF, serviceAccountRef: { name: 'puller' } }),
    ...inBoth(TOO_MANY),
  },
  'only a further role': { spec: access({ assumeRole: { roleArn: ROLE } }, {}), ...inBoth(NO_IDENTITY) },
  'a service account without a name': {
    spec: access({}, { serviceAccountRef: {} }),
    message: 'spec.awsAccess.serviceAccountRef.name: Required value',
  },
  'a role that is the ARN of a user': {
    spec: access({ assumeRole: { roleArn: 'arn:aws:iam::111122223333:user/x' } }),
    message: unlike('spec.awsAccess.assumeRole.roleArn', 'arn:aws:iam::111122223333:user/x', ROLE_ARN),
  },
  'a role with a line feed': {
    spec: access({}, { serviceAccountRef: { name: 'puller', roleArn: `${ROLE}\n` } }),
    message: unlike('spec.awsAccess.serviceAccountRef.roleArn', `${ROLE}\n`, ROLE_ARN),
  },
  'an external id of one character': {
    spec: access({ assumeRole: { roleArn: ROLE, externalId: 'x' } }),
    message:
      'spec.awsAccess.assumeRole.externalId: Invalid value: "x": spec.awsAccess.assumeRole.externalId in body should be at least 2 chars long',
  },
  'an external id with a blank': {
    spec: access({ assumeRole: { roleArn: ROLE, externalId: 'a b' } }),
    message: unlike('spec.awsAccess.assumeRole.externalId', 'a b', EXTERNAL_ID),
  },
  'a further region that is a host': {
    spec: { registries: { regions: ['eu-west-1', 'evil.example.com/#-1'] } },
    message: unlike('spec.registries.regions[1]', 'evil.example.com/#-1', REGION),
  },
  'one region more than forty': {
    spec: { registries: { regions: Array.from({ length: 41 }, (_, index) => `eu-west-${index}`) } },
    message: 'spec.registries.regions: Too many: 41: must have at most 40 items',
  },
  'an account of eleven digits': {
    spec: { registries: { accounts: ['11112222333'] } },
    message: unlike('spec.registries.accounts[0]', '11112222333', ACCOUNT),
  },
  'a host with a star and two labels': {
    spec: { registries: { hosts: ['*.example.com'] } },
    message: unlike('spec.registries.hosts[0]', '*.example.com', HOST),
  },
  'a host with a scheme': {
    spec: { registries: { hosts: ['https://registry.example.com'] } },
    message: unlike('spec.registries.hosts[0]', 'https://registry.example.com', HOST),
  },
};
