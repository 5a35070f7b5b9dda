// Every name by which users, other tools or the Go project know the operator. Changing one breaks somebody. Adding one
// is an API change.

export const GROUP = 'aws.zakariaamine.com';
export const VERSION = 'v1alpha2';
export const API_VERSION = `${GROUP}/${VERSION}`;

export const NAMESPACED_KIND = 'AWSECRImagePullSecret';
export const CLUSTER_KIND = 'ClusterAWSECRImagePullSecret';
export type PullSecretKind = typeof NAMESPACED_KIND | typeof CLUSTER_KIND;

/** The Go project's deprecated kind, cluster scoped; the operator only converts it. */
export const LEGACY_KIND = 'AWSECRCredential';
export const LEGACY_VERSION = 'v1alpha1';
export const LEGACY_API_VERSION = `${GROUP}/${LEGACY_VERSION}`;

/** Value of the label `app.kubernetes.io/managed-by`, the field manager and the reporting controller. */
export const OPERATOR_NAME = 'kube-ecr-secrets-operator';

/** Where the documentation installs the operator: used when nothing says where it is. */
export const DEFAULT_NAMESPACE = `${OPERATOR_NAME}-system`;

export const MANAGED_BY_LABEL = 'app.kubernetes.io/managed-by';
/** On a pull Secret: uid of the object it was written for. */
export const OWNER_UID_LABEL = `${GROUP}/owner-uid`;
/** On a Secret with AWS keys: `"true"` asks the operator to watch it, so that a new key is picked up at once. */
export const CREDENTIALS_LABEL = `${GROUP}/credentials`;

/** On a pull Secret, as in the Go project: when the first of its logins ends, RFC 3339. */
export const EXPIRY_ANNOTATION = 'expiry';
/** On a pull Secret: digest of the identity and registries it was made from. */
export const INPUTS_ANNOTATION = `${GROUP}/inputs`;
/** Which labels and annotations of a pull Secret came from `spec.secretTemplate`: their keys, as JSON. */
export const TEMPLATE_ANNOTATION = `${GROUP}/template`;
/**
 * On a Secret, beside the managed-by label: `<Kind>/<name>` of the object that may adopt it and is to own it. An
 * editor of the Secret requests adoption with it, also by another object than the present owner.
 */
export const ADOPT_ANNOTATION = `${GROUP}/adopt`;
/** On an object: any new value forces a fresh login. */
export const RECONCILE_AT_ANNOTATION = `${GROUP}/reconcile-at`;

/**
 * On an object: the one it was converted from, as `<kind>/<uid>`. The webhook believes it
 * when an object of that kind has that uid, and then only warns; the operator itself decides nothing by it.
 */
export const CONVERTED_FROM_ANNOTATION = `${GROUP}/converted-from`;

/**
 * On a ServiceAccount: the pull Secrets that the operator has added to its `imagePullSecrets`, as JSON: the name of
 * each, and the uid of the object that it was added for. The operator takes away no other entry.
 */
export const ATTACHED_ANNOTATION = `${GROUP}/attached-pull-secrets`;

export const DOCKER_CONFIG_TYPE = 'kubernetes.io/dockerconfigjson';
export const DOCKER_CONFIG_KEY = '.dockerconfigjson';

export const CONDITION_READY = 'Ready';
export const CONDITION_RECONCILING = 'Reconciling';
export const CONDITION_STALLED = 'Stalled';
/** Only on objects with `spec.serviceAccounts`. */
export const CONDITION_ATTACHED = 'Attached';
/** Only on objects with `spec.probe`. */
export const CONDITION_PULLABLE = 'Pullable';

/** Reasons, shared by conditions, problems and events. The first eight are the Go project's. */
export const REASON = {
  secretsProcessing: 'SecretsProcessing',
  secretsUpdated: 'SecretsUpdated',
  secretCreated: 'SecretCreationSuccess',
  secretUpdated: 'SecretUpdateSuccess',
  createSecretError: 'CreateSecretError',
  updateSecretError: 'UpdateSecretError',
  getSecretError: 'GetSecretError',
  loginFailed: 'GetAWSAuthTokenFailed',
  secretDeleted: 'SecretDeletionSuccess',
  deleteSecretError: 'DeleteSecretError',
  secretConflict: 'SecretConflict',
  secretContested: 'SecretContested',
  secretTerminating: 'SecretTerminating',
  namespaceNotFound: 'NamespaceNotFound',
  noNamespaces: 'NoNamespaces',
  tooManyLabels: 'TooManyLabels',
  quotaExceeded: 'NamespaceQuotaExceeded',
  partiallyReady: 'PartiallyReady',
  tokenExpired: 'TokenExpired',
  invalidSpec: 'InvalidSpec',
  secretTooLarge: 'SecretTooLarge',
  credentialsTrimmed: 'CredentialsTrimmed',
  retrying: 'Retrying',
  converted: 'Converted',
  conversionConflict: 'ConversionConflict',
  attached: 'Attached',
  attaching: 'Attaching',
  attachmentDisabled: 'AttachmentDisabled',
  attachmentFailed: 'AttachmentFailed',
  noServiceAccounts: 'NoServiceAccounts',
  pullable: 'Pullable',
  pullDenied: 'PullDenied',
  repositoryNotFound: 'RepositoryNotFound',
  imageNotFound: 'ImageNotFound',
  noLogin: 'NoLogin',
  loginRefused: 'LoginRefused',
  registryThrottled: 'Throttled',
  registryUnreachable: 'RegistryUnreachable',
  registryNotOpened: 'RegistryNotOpened',
  unexpectedAnswer: 'UnexpectedAnswer',
} as const;

/**
 * AWS region names: a partition prefix of two to six letters (`eu`, `us-gov`, `eusc`), words, a number.
 * The prefix `eusc` of the EU sovereign cloud is the longest in the SDK's data.
 */
export const REGION_PATTERN = '^[a-z]{2,6}(-[a-z]+)+-[0-9]{1,2}$';
export const REGION_MAX_LENGTH = 32;

/** RFC 1123 label: a namespace's name. */
export const NAMESPACE_PATTERN = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$';
export const NAMESPACE_MAX_LENGTH = 63;

/**
 * Labels kept of a namespace: Kubernetes bounds their lengths, but not their number. For a namespace with more, a
 * selector on a label that was not kept is undecided.
 */
export const MAX_SELECTABLE_LABELS = 100;

/** RFC 1123 subdomain: a Secret's name. */
export const SECRET_NAME_PATTERN = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$';
export const SECRET_NAME_MAX_LENGTH = 253;

/** ServiceAccounts of one object by name; more belong in a selector. */
export const MAX_SERVICE_ACCOUNTS = 32;

/** A repository with an optional host and tag, as an image is named; `core/probe.ts` reads it more strictly. */
export const PROBED_PATTERN = '^[a-z0-9]+((\\.|_|__|-+|/|:[0-9]+/)[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?$';
/** Prefixes of pull-through caches, as AWS proposes them (ECR user guide, Creating a pull through cache rule). */
export const CACHE_PREFIXES = [
  'docker-hub',
  'ecr-public',
  'kubernetes',
  'quay',
  'github',
  'gitlab',
  'azure',
  'chainguard',
] as const;
/** A host, a repository of at most 256 characters (ECR API reference, CreateRepository) and a tag of 128. */
export const PROBED_MAX_LENGTH = 512;
export const MAX_PROBED = 16;
export const PROBE_INTERVAL_PATTERN = '^[1-9][0-9]{0,3}[mh]$';
export const PROBE_INTERVAL_MAX_LENGTH = 5;

/** Longest list of namespaces; a larger one belongs in a selector. */
export const MAX_NAMESPACES = 10_000;
/** Longest inline key; AWS's own have 20 and 40 characters, 56 as base64. */
export const INLINE_KEY_MAX_LENGTH = 256;

/** Keys of the Secret that `secretRef` names. */
export const CREDENTIAL_KEYS = {
  accessKeyId: 'AWS_ACCESS_KEY_ID',
  secretAccessKey: 'AWS_SECRET_ACCESS_KEY',
  sessionToken: 'AWS_SESSION_TOKEN',
} as const;

/** ARN of an IAM role, in any partition, with or without a path (IAM user guide, IAM identifiers). */
export const ROLE_ARN_PATTERN = '^arn:aws[a-z-]*:iam::[0-9]{12}:role/[-\\w+=,.@/]+$';
export const ROLE_ARN_MAX_LENGTH = 2_048;
/** External id of an AssumeRole: its characters and bounds are those of the STS API reference. */
export const EXTERNAL_ID_PATTERN = '^[-\\w+=,.@:/]+$';
export const EXTERNAL_ID_MAX_LENGTH = 1_224;

/** Twelve digits; `*` stands for every account, as the kubelet reads a host. */
export const ACCOUNT_PATTERN = '^([0-9]{12}|\\*)$';
/** A host name in lower case, with or without a port, as a docker config names registries. */
export const HOST_PATTERN =
  '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+|\\*(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?){3,})(:[0-9]{1,5})?$';
export const HOST_MAX_LENGTH = 253;
/** Logins of one object: each is a call of AWS every few hours, and several kilobytes in each Secret. */
export const MAX_REGIONS = 40;
/** Hosts beside those in the logins; a Secret holds no more than 100 to 200 in all (1 MiB). */
export const MAX_ACCOUNTS = 100;
export const MAX_HOSTS = 100;

/** On a ServiceAccount: the role of web identity on EKS, used when `serviceAccountRef.roleArn` is absent. */
export const ROLE_ARN_ANNOTATION = 'eks.amazonaws.com/role-arn';
/** The only audience for which the operator requests tokens. */
export const STS_AUDIENCE = 'sts.amazonaws.com';

/** Type of the Secret with the webhook's own certificate authority; the operator never uses any other Secret as one. */
export const AUTHORITY_TYPE = `${GROUP}/webhook-authority`;
/** Where the webhook takes reviews: the path of the Go project. */
export const WEBHOOK_PATH = '/validate-mutate-awsecrcredential';

/** Name in `status.logins` of the login to the public registry. */
export const PUBLIC_REGISTRY = 'public';

/** Of the labels, and of the annotations, in `spec.secretTemplate`. */
export const MAX_TEMPLATE_KEYS = 32;
/** Of one annotation there. A label's value has 63 characters at most (Kubernetes, labels and selectors). */
export const MAX_TEMPLATE_VALUE = 1_024;
