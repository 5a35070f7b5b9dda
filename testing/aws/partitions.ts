// AWS's partitions, copied from its documentation: a second opinion on the data in the SDK.

export interface AwsPartition {
  readonly name: string;
  /** Beginning of the names of its regions; those of the first partition have none in common. */
  readonly prefix: string;
  /** Some of its regions: at least one of each country where it has several. */
  readonly regions: readonly string[];
  /** End of the names of APIs and registries. */
  readonly suffix: string;
  /** End of the names of dual-stack registries. */
  readonly dualstackSuffix: string;
}

/** Sources: AWS General Reference, "Service endpoints" of each partition; ECR user guide, "Making requests". */
export const partitions: readonly AwsPartition[] = [
  {
    name: 'aws',
    prefix: '',
    regions: ['us-east-1', 'us-west-2', 'eu-west-1', 'eu-central-2', 'ap-southeast-7', 'me-central-1', 'mx-central-1'],
    suffix: 'amazonaws.com',
    dualstackSuffix: 'on.aws',
  },
  {
    name: 'aws-cn',
    prefix: 'cn-',
    regions: ['cn-north-1', 'cn-northwest-1'],
    suffix: 'amazonaws.com.cn',
    dualstackSuffix: 'on.amazonwebservices.com.cn',
  },
  {
    name: 'aws-us-gov',
    prefix: 'us-gov-',
    regions: ['us-gov-east-1', 'us-gov-west-1'],
    suffix: 'amazonaws.com',
    dualstackSuffix: 'on.aws',
  },
  {
    name: 'aws-eusc',
    prefix: 'eusc-',
    regions: ['eusc-de-east-1'],
    suffix: 'amazonaws.eu',
    dualstackSuffix: 'on.amazonwebservices.eu',
  },
  {
    name: 'aws-iso',
    prefix: 'us-iso-',
    regions: ['us-iso-east-1', 'us-iso-west-1'],
    suffix: 'c2s.ic.gov',
    dualstackSuffix: 'on.aws.ic.gov',
  },
  {
    name: 'aws-iso-b',
    prefix: 'us-isob-',
    regions: ['us-isob-east-1'],
    suffix: 'sc2s.sgov.gov',
    dualstackSuffix: 'on.aws.scloud',
  },
  {
    name: 'aws-iso-e',
    prefix: 'eu-isoe-',
    regions: ['eu-isoe-west-1'],
    suffix: 'cloud.adc-e.uk',
    dualstackSuffix: 'on.cloud-aws.adc-e.uk',
  },
  {
    name: 'aws-iso-f',
    prefix: 'us-isof-',
    regions: ['us-isof-east-1', 'us-isof-south-1'],
    suffix: 'csp.hci.ic.gov',
    dualstackSuffix: 'on.aws.hci.ic.gov',
  },
];

/** The partition of a region, by the prefix of its name. */
export function partitionOf(region: string): AwsPartition {
  const [standard, ...others] = partitions;
  const found = others.find(({ prefix }) => region.startsWith(prefix)) ?? standard;
  if (!found) throw new Error('there are no partitions');
  return found;
}

/** Every region in the SDK's own data, without those that stand for a whole partition. */
export async function regionsOfSdk(): Promise<readonly string[]> {
  const entry = import.meta.resolve('@aws-sdk/core/client');
  const data = '@aws-sdk/core/dist-es/submodules/client/util-endpoints/lib/aws/partitions.js';
  const root = entry.slice(0, entry.indexOf('@aws-sdk/core/'));
  const { partitionsInfo } = (await import(`${root}${data}`)) as {
    partitionsInfo: { readonly partitions: readonly { readonly regions: object }[] };
  };
  return partitionsInfo.partitions
    .flatMap(({ regions }) => Object.keys(regions))
    .filter((region) => !region.endsWith('-global'));
}
