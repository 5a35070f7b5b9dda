// The clients for AWS, wired together.

import { Failure } from '../lib/errors.ts';
import type { NameLookup } from '../lib/name-lookup.ts';
import type { Clock } from '../lib/time.ts';
import { usableAuthorities } from '../pki/authorities.ts';
import { type AmbientIdentity, createAmbientIdentity } from './ambient.ts';
import { type AwsCall, createCalls } from './calls.ts';
import { createEcrClient, type EcrClient } from './ecr-client.ts';
import { createEgress } from './egress.ts';
import { createStsClient, type StsClient } from './sts-client.ts';

export interface AwsOptions {
  readonly clock: Clock;
  readonly userAgent: string;
  /** The endpoints of AWS and the operator's identity, as the SDK reads them. */
  readonly env: NodeJS.ProcessEnv;
  /** Text of a bundle of further authorities (`AWS_CA_BUNDLE`); undefined: none. */
  readonly awsCertificateAuthorities: string | undefined;
  /** Whether objects of the cluster kind may use the operator's own identity. */
  readonly useAmbient: boolean;
}

export interface Aws {
  readonly ecr: EcrClient;
  readonly sts: StsClient;
  /** Undefined when no object may use it. */
  readonly ambient: AmbientIdentity | undefined;
  /** Trusts these further authorities, each PEM, instead of the former ones. */
  trust(authorities: readonly string[]): void;
  close(): void;
}

/** @throws Failure when the environment is unusable, such as an invalid proxy, or a bundle without certificates */
export function createAws(options: AwsOptions, lookup: NameLookup, onCall: (call: AwsCall) => void): Aws {
  const { clock, userAgent, env, awsCertificateAuthorities: bundle, useAmbient } = options;
  const certificateAuthorities = usableAuthorities(bundle ?? '');
  if (bundle !== undefined && certificateAuthorities.length === 0) {
    const message = 'AWS_CA_BUNDLE: the file holds no certificate that can be used';
    throw new Failure({ next: 'stop', reason: 'BadCABundle', message });
  }
  const egress = createEgress({ env, certificateAuthorities, lookup });
  const call = createCalls({ clock, proxy: egress.proxy, onCall });
  const isEndpointGiven = Boolean(env['AWS_ENDPOINT_URL_ECR'] ?? env['AWS_ENDPOINT_URL']);
  return {
    ecr: createEcrClient({ clock, userAgent, egress, call, isEndpointGiven }),
    sts: createStsClient({ clock, userAgent, egress, call }),
    ambient: useAmbient ? createAmbientIdentity({ env, clock, egress, call }) : undefined,
    trust: (authorities) => egress.trust(authorities),
    close: () => egress.close(),
  };
}
