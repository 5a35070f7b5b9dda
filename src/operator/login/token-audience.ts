// Whether objects may use ServiceAccounts at all: a token meant for AWS must be good for nothing else.

import { STS_AUDIENCE } from '../../api/names.ts';
import { type ApiServerAccess, tokenAudiences } from '../../kube/access.ts';
import type { Logger } from '../../lib/log.ts';

/**
 * An API server with `--api-audiences=sts.amazonaws.com`, as guides to IRSA on self-managed clusters set it, accepts
 * every token for AWS as its own: a reader of the token has all rights of its account, and the chart's policy confines
 * nothing.
 *
 * @param log  gets the problem too
 * @returns why the operator must request no token, in words for users; undefined when it may, or cannot find out
 */
export async function tokenAudienceProblem(access: ApiServerAccess, log: Logger): Promise<string | undefined> {
  if (!(await tokenAudiences(access)).includes(STS_AUDIENCE)) return undefined;
  const message = `spec.awsAccess.serviceAccountRef is not served in this cluster: its API server takes tokens for ${STS_AUDIENCE} as its own (--api-audiences), so a token for AWS would have all rights of the account`;
  log.warn('No ServiceAccount is used', { message });
  return message;
}
