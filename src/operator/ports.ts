// The operator's outside world: the API server and AWS, opened by whoever starts the operator.

import { type Aws, type AwsOptions, createAws } from '../aws/clients.ts';
import type { ApiServerAccess } from '../kube/access.ts';
import { createTransport, type Transport } from '../kube/transport.ts';
import { createNameLookup } from '../lib/name-lookup.ts';
import { createRegistryClient, type RegistryClient } from '../registry/client.ts';
import { environmentKeys } from './aws-environment.ts';
import type { Telemetry } from './telemetry/request-telemetry.ts';

export interface Ports {
  readonly transport: Transport;
  readonly aws: Aws;
  readonly registry: RegistryClient;
}

/**
 * @param telemetry  is notified of each answer
 * @throws Failure when one of them cannot be reached as configured, such as through an invalid proxy
 */
export type OpenPorts = (telemetry: Pick<Telemetry, 'onAnswer' | 'onAwsCall'>) => Ports;

export interface PortsOptions extends Omit<AwsOptions, 'environmentKeys'> {
  readonly access: ApiServerAccess;
}

/** The real ones, over the network. */
export function networkPorts(options: PortsOptions): OpenPorts {
  const { access, clock, userAgent } = options;
  const found = environmentKeys(options.env);
  const own = { ...options, environmentKeys: typeof found === 'object' ? found.credentials : found };
  return ({ onAnswer, onAwsCall }) => {
    const lookup = createNameLookup({ clock });
    const aws = createAws(own, lookup, onAwsCall);
    const registry = createRegistryClient({ agentFor: aws.agentFor, proxyFor: aws.proxyFor, clock, userAgent });
    return { aws, registry, transport: createTransport({ access, clock, userAgent, lookup, onAnswer }) };
  };
}
