// The clients for AWS, wired together.

import type { NameLookup } from '../lib/name-lookup.ts';
import type { Clock } from '../lib/time.ts';
import { type AmbientIdentity, createAmbientIdentity } from './ambient.ts';
import { type AwsCall, type AwsKeys, createCalls } from './calls.ts';
import { createEcrClient, type EcrClient } from './ecr-client.ts';
import { createEgress, type Egress } from './egress.ts';
import { endpointOf } from './endpoints.ts';
import { createStsClient, type StsClient } from './sts-client.ts';

export interface AwsOptions {
  readonly clock: Clock;
  readonly userAgent: string;
  /** The endpoints of AWS and the operator's identity, as the SDK reads them. */
  readonly env: NodeJS.ProcessEnv;
  /** Authorities trusted beside the usual ones (`AWS_CA_BUNDLE`), each PEM that can be used; may be empty. */
  readonly certificateAuthorities: readonly string[];
  /** Whether objects of the cluster kind may use the operator's own identity. */
  readonly useAmbient: boolean;
  /** The operator's own keys in the environment, or what is wrong with them; undefined: its identity is elsewhere. */
  readonly environmentKeys: AwsKeys | string | undefined;
}

export interface Aws {
  readonly ecr: EcrClient;
  readonly sts: StsClient;
  /** Undefined when no object may use it. */
  readonly ambient: AmbientIdentity | undefined;
  /** The way to one of its registries. */
  agentFor: Egress['agentFor'];
  proxyFor: Egress['proxyFor'];
  /** Trusts these further authorities, each PEM, instead of the former ones. */
  trust(authorities: readonly string[]): void;
  /** Loads what the first call needs, ahead of it. */
  load(): Promise<unknown>;
  close(): void;
}

/** @throws Failure when the environment is unusable, such as an invalid proxy */
export function createAws(options: AwsOptions, lookup: NameLookup, onCall: (call: AwsCall) => void): Aws {
  const { clock, userAgent, env, certificateAuthorities, useAmbient, environmentKeys } = options;
  const egress = createEgress({ env, certificateAuthorities, lookup });
  const call = createCalls({ clock, onCall });
  return {
    ecr: createEcrClient({ clock, userAgent, egress, call, endpoint: endpointOf('ECR', env) }),
    sts: createStsClient({ clock, userAgent, egress, call }),
    ambient: useAmbient ? createAmbientIdentity({ env, environmentKeys, clock, egress, call }) : undefined,
    agentFor: (host, port) => egress.agentFor(host, port),
    proxyFor: (host, port) => egress.proxyFor(host, port),
    trust: (authorities) => egress.trust(authorities),
    load: () => import('./sdk.ts'),
    close: () => egress.close(),
  };
}
