// Whether ServiceAccounts may be used at all: a token that is meant for AWS must be good for nothing else.

import { STS_AUDIENCE } from '../../api/names.ts';
import { type ApiServerAccess, tokenAudiences } from '../../kube/access.ts';
import type { Logger } from '../../lib/log.ts';

/**
 * An API server with `--api-audiences=sts.amazonaws.com`, as guides to IRSA on clusters of one's own had it, takes every token for
 * AWS as its own: whoever sees one has all rights of its account, and the policy of the chart confines nothing.
 *
 * @param log  is told too
 * @returns why no token is to be asked for, in words for users; undefined when all is well, or cannot be told
 */
export async function tokenAudienceProblem(access: ApiServerAccess, log: Logger): Promise<string | undefined> {
  if (!(await tokenAudiences(access)).includes(STS_AUDIENCE)) return undefined;
  const message = `spec.awsAccess.serviceAccountRef is not served in this cluster: its API server takes tokens for ${STS_AUDIENCE} as its own (--api-audiences), so a token for AWS would have all rights of the account`;
  log.warn('No ServiceAccount is used', { message });
  return message;
}
