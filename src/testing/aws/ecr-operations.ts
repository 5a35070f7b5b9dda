// The operations of private ECR that the stand-in answers, for callers whose signature is already verified.
// Knows no HTTP and no signatures; another service is another file with a list like this one.

import { z } from 'zod';

import type { EpochMs } from '../../lib/time.ts';
import { type Refusal, refuse } from './refusal.ts';
import type { IssuedToken } from './token-issuer.ts';

/** A verified caller. */
export interface Caller {
  readonly accountId: string;
  /** From the verified credential scope. */
  readonly region: string;
  /** Whether the caller's policies allow the operation. */
  readonly allowed: boolean;
}

export type Outcome = { readonly ok: true; readonly body: unknown; readonly tokenExpiresAt?: EpochMs } | Refusal;

export interface Operation {
  /** Value of the `X-Amz-Target` header. */
  readonly target: string;
  /** Name in the log: the part of `target` after the dot. */
  readonly name: string;
  /** Signing name that the credential scope must hold. */
  readonly service: string;
  /** @param input  the parsed JSON body; `issue` makes one token for the caller, now */
  run(caller: Caller, input: unknown, issue: () => IssuedToken): Outcome;
}

/** Field, its 1 to 10 entries and their 12 digits: ECR API reference, GetAuthorizationToken. Unknown fields are ignored, as AWS does. */
const GetAuthorizationTokenInput = z.object({
  registryIds: z
    .array(z.string().regex(/^[0-9]{12}$/))
    .min(1)
    .max(10)
    .optional(),
});

const getAuthorizationToken: Operation = {
  target: 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken',
  name: 'GetAuthorizationToken',
  service: 'ecr',
  run(caller, input, issue) {
    if (!caller.allowed) {
      const who = `arn:aws:iam::${caller.accountId}:user/test`;
      const what = 'ecr:GetAuthorizationToken';
      return refuse(
        'AccessDeniedException',
        `User: ${who} is not authorized to perform: ${what} on resource: * because no identity-based policy allows the ${what} action`,
      );
    }
    const parsed = GetAuthorizationTokenInput.safeParse(input);
    if (!parsed.success)
      return refuse('InvalidParameterException', "Invalid parameter at 'registryIds' failed to satisfy constraint");
    const token = issue();
    const authorizationData = (parsed.data.registryIds ?? [caller.accountId]).map((accountId) => ({
      authorizationToken: token.authorizationToken,
      // A timestamp in AWS JSON 1.1 is a number of seconds since 1970, with a fraction (smithy.io, AWS JSON 1.1 protocol).
      expiresAt: token.expiresAt / 1_000,
      proxyEndpoint: `https://${accountId}.dkr.ecr.${caller.region}.${domain(caller.region)}`,
    }));
    return { ok: true, body: { authorizationData }, tokenExpiresAt: token.expiresAt };
  },
};

export const ECR_OPERATIONS: readonly Operation[] = [getAuthorizationToken];

/** China is a partition of its own (registry hosts seen in kubernetes#69141). */
function domain(region: string): string {
  return region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
}
