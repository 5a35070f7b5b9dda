// Everything that talks to AWS, put together once.

import { type AmbientIdentity, createAmbientIdentity } from '../ecr/ambient.ts';
import { type AwsCall, createCalls } from '../ecr/calls.ts';
import { createEcrClient, type EcrClient } from '../ecr/client.ts';
import { createEgress } from '../ecr/egress.ts';
import { createStsClient, type StsClient } from '../ecr/sts.ts';
import type { NameLookup } from '../lib/name-lookup.ts';
import type { Clock } from '../lib/time.ts';

export interface AwsOptions {
  readonly clock: Clock;
  readonly userAgent: string;
  /** Where AWS is reached, and who we are to it, as the SDK reads it. */
  readonly env: NodeJS.ProcessEnv;
  /** PEM of further authorities (`AWS_CA_BUNDLE`). */
  readonly awsCertificateAuthorities: string | undefined;
  /** Whether objects of the cluster kind may use the operator's own identity. */
  readonly useAmbient: boolean;
}

export interface Aws {
  readonly ecr: EcrClient;
  readonly sts: StsClient;
  /** Undefined when nobody may use it. */
  readonly ambient: AmbientIdentity | undefined;
  close(): void;
}

/** @throws Failure when the environment cannot be used, such as a proxy that is none */
export function createAws(options: AwsOptions, lookup: NameLookup, onCall: (call: AwsCall) => void): Aws {
  const { clock, userAgent, env, awsCertificateAuthorities: certificateAuthorities, useAmbient } = options;
  const egress = createEgress({ env, certificateAuthorities, lookup });
  const call = createCalls({ clock, proxy: egress.proxy, onCall });
  const isEndpointGiven = Boolean(env['AWS_ENDPOINT_URL_ECR'] ?? env['AWS_ENDPOINT_URL']);
  return {
    ecr: createEcrClient({ clock, userAgent, egress, call, isEndpointGiven }),
    sts: createStsClient({ clock, userAgent, egress, call }),
    ambient: useAmbient ? createAmbientIdentity({ env, clock, egress, call }) : undefined,
    close: () => egress.close(),
  };
}
