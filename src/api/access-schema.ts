// The part of the schema about AWS: which identity fetches logins, and which registries they open.

import { z } from 'zod';
import {
  ACCOUNT_PATTERN,
  CREDENTIAL_KEYS,
  EXTERNAL_ID_MAX_LENGTH,
  EXTERNAL_ID_PATTERN,
  HOST_MAX_LENGTH,
  HOST_PATTERN,
  INLINE_KEY_MAX_LENGTH,
  MAX_ACCOUNTS,
  MAX_HOSTS,
  MAX_REGIONS,
  REGION_MAX_LENGTH,
  REGION_PATTERN,
  ROLE_ARN_MAX_LENGTH,
  ROLE_ARN_PATTERN,
  SECRET_NAME_MAX_LENGTH,
  SECRET_NAME_PATTERN,
} from './names.ts';
import { SECRET_NAME_WORDS, text } from './text-rules.ts';

const region = text(REGION_PATTERN, 'must be the name of an AWS region, such as eu-west-1', REGION_MAX_LENGTH).describe(
  'AWS region whose ECR registry is logged in to, such as eu-west-1.',
);

const secretKey = (standard: string) =>
  text('^[-._a-zA-Z0-9]+$', 'must be a key that a Secret can have: letters, digits, "-", "_" and "."', 253)
    .optional()
    .describe(`Name of the key in the Secret. Default: ${standard}.`);

const secretRef = z
  .strictObject({
    name: text(SECRET_NAME_PATTERN, SECRET_NAME_WORDS, SECRET_NAME_MAX_LENGTH).describe('Name of the Secret.'),
    keys: z
      .strictObject({
        accessKeyId: secretKey(CREDENTIAL_KEYS.accessKeyId),
        secretAccessKey: secretKey(CREDENTIAL_KEYS.secretAccessKey),
        sessionToken: secretKey(CREDENTIAL_KEYS.sessionToken),
      })
      .optional()
      .describe('Other names for the keys in the Secret.'),
  })
  .describe(
    "Secret with the AWS keys, in this object's own namespace; for the cluster kind, in the operator's namespace. " +
      'With the label aws.zakariaamine.com/credentials: "true" on it, a changed key is picked up at once, else within five minutes.',
  );

const roleArn = (description: string) =>
  text(
    ROLE_ARN_PATTERN,
    'must be the ARN of an IAM role, such as arn:aws:iam::111122223333:role/ecr-pull',
    ROLE_ARN_MAX_LENGTH,
  ).describe(description);

const serviceAccountRef = z
  .strictObject({
    name: text(
      SECRET_NAME_PATTERN,
      'must be the name of a ServiceAccount, such as ecr-puller',
      SECRET_NAME_MAX_LENGTH,
    ).describe('Name of the ServiceAccount.'),
    roleArn: roleArn("Role to take. Default: the account's annotation eks.amazonaws.com/role-arn.").optional(),
  })
  .describe(
    "Web identity: a token of this ServiceAccount is exchanged at STS for a role. In this object's own namespace; for the " +
      "cluster kind, in the operator's namespace. The cluster's issuer has to be registered with IAM.",
  );

const assumeRole = z
  .strictObject({
    roleArn: roleArn('Role to take with the identity above.'),
    externalId: text(
      EXTERNAL_ID_PATTERN,
      'must be an external id of IAM: letters, digits and "_+=,.@:/-" without white space',
      EXTERNAL_ID_MAX_LENGTH,
    )
      .min(2)
      .optional()
      .describe("What the role's trust policy asks for as sts:ExternalId."),
  })
  .describe('One further hop: the role is taken with the identity above, whatever that is.');

const accessFields = {
  region,
  accessKeyId: z
    .string()
    .min(1)
    .max(INLINE_KEY_MAX_LENGTH)
    .optional()
    .describe(
      'AWS access key id, plain, or base64 as earlier releases stored it. Everybody who may read this object can read it: prefer secretRef.',
    ),
  secretAccessKey: z
    .string()
    .min(1)
    .max(INLINE_KEY_MAX_LENGTH)
    .optional()
    .describe('The secret key that belongs to accessKeyId, plain or base64. Prefer secretRef.'),
  secretRef: secretRef.optional(),
  serviceAccountRef: serviceAccountRef.optional(),
  assumeRole: assumeRole.optional(),
  useFipsEndpoint: z.boolean().optional().describe('Ask the FIPS endpoints of AWS. Default: false.'),
  useDualstackEndpoint: z
    .boolean()
    .optional()
    .describe('Ask the dual-stack (IPv4 and IPv6) endpoints of AWS. Default: false.'),
};

const ambient = z
  .strictObject({})
  .describe(
    "The operator's own identity (IRSA, EKS Pod Identity, instance role, environment). For the cluster kind only.",
  );

/** Exactly one identity: a slip must never select another one than was written, least of all the operator's own. */
const exactlyOne = (...identities: readonly string[]) => {
  const all = ['has(self.accessKeyId) || has(self.secretAccessKey)', ...identities.map((name) => `has(self.${name})`)];
  const count = all.map((given) => `(${given} ? 1 : 0)`).join(' + ');
  const names = ['accessKeyId and secretAccessKey', ...identities].join(', or ');
  return {
    'x-kubernetes-validations': [
      {
        rule: 'has(self.accessKeyId) == has(self.secretAccessKey)',
        message: 'accessKeyId and secretAccessKey go together: give both, or neither',
      },
      { rule: `${count} > 0`, message: `no identity: give ${names}` },
      { rule: `${count} < 2`, message: `more than one identity: give only one of ${names}` },
    ],
  };
};

const HOST_WORDS =
  'must be a host name in lower case without https:// and without a path, such as 111122223333.dkr.ecr.eu-west-1.amazonaws.com; the first label may be * when three or more follow';

const ACCESS = 'Who asks AWS for the login, and where.';

export const namespacedAccess = z
  .strictObject(accessFields)
  .meta(exactlyOne('secretRef', 'serviceAccountRef'))
  .describe(ACCESS);

export const clusterAccess = z
  .strictObject({ ...accessFields, ambient: ambient.optional() })
  .meta(exactlyOne('secretRef', 'serviceAccountRef', 'ambient'))
  .describe(ACCESS);

const atomic = { 'x-kubernetes-list-type': 'atomic' };

export const registries = z
  .strictObject({
    regions: z
      .array(region)
      .max(MAX_REGIONS)
      .meta(atomic)
      .optional()
      .describe('More regions than that of awsAccess: one login each, all in the one pull secret. Repeats are folded.'),
    accounts: z
      .array(text(ACCOUNT_PATTERN, 'must be the 12 digits of an AWS account, such as "111122223333", or "*"', 12))
      .max(MAX_ACCOUNTS)
      .meta(atomic)
      .optional()
      .describe(
        'Accounts whose registries, in the same regions, the same logins open: their hosts are added, at no further call. ' +
          '"*": every account that the logins open, for clients that understand it, as the kubelet does.',
      ),
    hosts: z
      .array(text(HOST_PATTERN, HOST_WORDS, HOST_MAX_LENGTH))
      .max(MAX_HOSTS)
      .meta(atomic)
      .optional()
      .describe(
        'Further hosts under which the registry of awsAccess.region is reached, such as a dual-stack name or one of a private DNS zone. ' +
          'The first label may be *, with three or more behind it. They are sent the token when a pod pulls from them.',
      ),
    public: z.boolean().optional().describe('Log in to public.ecr.aws as well. Default: false.'),
  })
  .describe("What to log in to. Default: the caller's own registry in awsAccess.region.");
