// The stand-in's operations of ECR, private and public, for callers whose signature is already verified.

import { z } from 'zod';
import type { Caller } from './iam.ts';
import type { JsonOperation } from './operation.ts';
import { partitionOf } from './partitions.ts';
import { type Refusal, refuse } from './refusal.ts';
import type { IssuedToken } from './token-issuer.ts';

/**
 * Field, its 1 to 10 entries and their 12 digits: ECR API reference, GetAuthorizationToken. AWS ignores unknown fields.
 */
const GetAuthorizationTokenInput = z.object({
  registryIds: z
    .array(z.string().regex(/^[0-9]{12}$/))
    .min(1)
    .max(10)
    .optional(),
});

function mayNot({ principal }: Caller, action: string): Refusal {
  return refuse(
    'AccessDeniedException',
    `User: ${principal} is not authorized to perform: ${action} on resource: * because no identity-based policy allows the ${action} action`,
  );
}

function tokenFields({ authorizationToken, expiresAt }: IssuedToken): object {
  // A timestamp in AWS JSON 1.1 is a number of seconds since 1970, with a fraction (smithy.io, AWS JSON 1.1 protocol).
  return { authorizationToken, expiresAt: expiresAt / 1_000 };
}

const getAuthorizationToken: JsonOperation = {
  protocol: 'json',
  target: 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken',
  name: 'GetAuthorizationToken',
  service: 'ecr',
  run(caller, input, { region, issue, registry }) {
    if (!caller.may('ecr:GetAuthorizationToken')) return mayNot(caller, 'ecr:GetAuthorizationToken');
    const parsed = GetAuthorizationTokenInput.safeParse(input);
    if (!parsed.success)
      return refuse('InvalidParameterException', "Invalid parameter at 'registryIds' failed to satisfy constraint");
    const token = issue(caller.accountId);
    const authorizationData = (parsed.data.registryIds ?? [caller.accountId]).map((accountId) => ({
      ...tokenFields(token),
      proxyEndpoint: registry ?? `https://${accountId}.dkr.ecr.${region}.${partitionOf(region).suffix}`,
    }));
    return { ok: true, body: { authorizationData }, tokenExpiresAt: token.expiresAt };
  },
};

/** Actions: ECR Public API reference, GetAuthorizationToken. Region: ECR Public user guide, Registry authentication. */
const getPublicAuthorizationToken: JsonOperation = {
  protocol: 'json',
  target: 'SpencerFrontendService.GetAuthorizationToken',
  name: 'GetAuthorizationToken',
  service: 'ecr-public',
  run(caller, _input, { region, issue }) {
    for (const action of ['ecr-public:GetAuthorizationToken', 'sts:GetServiceBearerToken'])
      if (!caller.may(action)) return mayNot(caller, action);
    if (region !== 'us-east-1')
      return refuse('UnsupportedCommandException', "GetAuthorizationToken command is only supported in 'us-east-1'.");
    const token = issue(caller.accountId);
    return { ok: true, body: { authorizationData: tokenFields(token) }, tokenExpiresAt: token.expiresAt };
  },
};

export const ECR_OPERATIONS: readonly JsonOperation[] = [getAuthorizationToken, getPublicAuthorizationToken];
