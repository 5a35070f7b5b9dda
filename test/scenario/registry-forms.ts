// Every form of asking for registries: what is asked, at which host, and which hosts the pull secret then opens.

/** Region of the forms that say nothing else. */
export const REGION = 'eu-west-1';

export interface RegistryForm {
  /** Goes into `spec.awsAccess`. */
  readonly access?: object;
  readonly registries?: object;
  /** Where a role is asked for. */
  readonly sts: string;
  /** Hosts of AWS that are asked for a token. */
  readonly asked: readonly string[];
  /**
   * Hosts in the pull secret by region of their token, `public` for the public one; `ACCOUNT` stands for the caller's.
   */
  readonly opened: Readonly<Record<string, readonly string[]>>;
}

const STS = 'sts.eu-west-1.amazonaws.com';
const ECR = 'api.ecr.eu-west-1.amazonaws.com';
const OWN = 'ACCOUNT.dkr.ecr.eu-west-1.amazonaws.com';

/**
 * Host names: AWS General Reference, "Amazon ECR endpoints", "AWS STS endpoints"; ECR user guides, "Making requests".
 */
export const FORMS: Readonly<Record<string, RegistryForm>> = {
  own: { sts: STS, asked: [ECR], opened: { [REGION]: [OWN] } },
  regions: {
    registries: { regions: ['us-east-1', REGION, 'us-east-1'] },
    sts: STS,
    asked: [ECR, 'api.ecr.us-east-1.amazonaws.com'],
    opened: { [REGION]: [OWN], 'us-east-1': ['ACCOUNT.dkr.ecr.us-east-1.amazonaws.com'] },
  },
  accounts: {
    registries: { accounts: ['999900001111'] },
    sts: STS,
    asked: [ECR],
    opened: { [REGION]: [OWN, '999900001111.dkr.ecr.eu-west-1.amazonaws.com'] },
  },
  hosts: {
    registries: { hosts: ['registry.example.com', 'cache.example.com:8443'] },
    sts: STS,
    asked: [ECR],
    opened: { [REGION]: [OWN, 'registry.example.com', 'cache.example.com:8443'] },
  },
  public: {
    registries: { public: true },
    sts: STS,
    asked: [ECR, 'api.ecr-public.us-east-1.amazonaws.com'],
    opened: { [REGION]: [OWN], public: ['public.ecr.aws'] },
  },
  fips: {
    access: { region: 'us-east-2', useFipsEndpoint: true },
    sts: 'sts-fips.us-east-2.amazonaws.com',
    asked: ['api.ecr-fips.us-east-2.amazonaws.com'],
    opened: {
      'us-east-2': ['ACCOUNT.dkr.ecr.us-east-2.amazonaws.com', 'ACCOUNT.dkr.ecr-fips.us-east-2.amazonaws.com'],
    },
  },
  dualstack: {
    access: { region: 'us-west-2', useDualstackEndpoint: true },
    sts: 'sts.us-west-2.api.aws',
    asked: ['ecr.us-west-2.api.aws'],
    opened: { 'us-west-2': ['ACCOUNT.dkr.ecr.us-west-2.amazonaws.com', 'ACCOUNT.dkr-ecr.us-west-2.on.aws'] },
  },
  china: {
    access: { region: 'cn-north-1' },
    sts: 'sts.cn-north-1.amazonaws.com.cn',
    asked: ['api.ecr.cn-north-1.amazonaws.com.cn'],
    opened: { 'cn-north-1': ['ACCOUNT.dkr.ecr.cn-north-1.amazonaws.com.cn'] },
  },
};
