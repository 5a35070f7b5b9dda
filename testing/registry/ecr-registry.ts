// A registry for the tokens of the AWS stand-in, with repositories for each kind of refusal, in ECR's words.

import type { AwsStandIn } from '../aws/aws-stand-in.ts';
import { createOciRegistry, type OciRegistry, type OciRegistryOptions, type Refusal } from './oci-registry.ts';

const ARN = 'arn:aws:ecr:eu-west-1:111122223333:repository/denied/app';

/** By repository; any other one gives its image (ECR user guide, Troubleshooting). */
export const REFUSALS: Readonly<Record<string, Refusal>> = {
  'denied/app': {
    status: 403,
    code: 'DENIED',
    message: `User: arn:aws:iam::111122223333:user/ci is not authorized to perform: ecr:BatchGetImage on resource: ${ARN}`,
  },
  'missing/app': {
    status: 404,
    code: 'NAME_UNKNOWN',
    message: "The repository with name 'missing/app' does not exist",
  },
  'empty/app': { status: 404, code: 'MANIFEST_UNKNOWN', message: 'Requested image not found' },
  'busy/app': { status: 429, code: 'TOOMANYREQUESTS', message: 'Rate exceeded' },
  'odd/app': { status: 500, code: 'INTERNAL', message: 'something went wrong' },
};

/** `refusal`: by default those above. */
export interface EcrRegistryOptions extends Pick<OciRegistryOptions, 'image' | 'refusal'> {
  /** Gives the tokens; it may be there only when a request comes. */
  readonly aws: () => Pick<AwsStandIn, 'isValidToken'>;
}

export function createEcrRegistry({ aws, ...options }: EcrRegistryOptions): OciRegistry {
  return createOciRegistry({
    refusal: (repository) => REFUSALS[repository],
    ...options,
    opens(host, username, password) {
      const owner = username === 'AWS' ? aws().isValidToken(password) : undefined;
      if (!owner || host !== `${owner.accountId}.dkr.ecr.${owner.region}.amazonaws.com`) return undefined;
      return owner.expiresAt - Date.now();
    },
  });
}
