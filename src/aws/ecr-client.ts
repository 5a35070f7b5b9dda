// Requests tokens from ECR, private and public. The keys are always given: there is no fallback to another identity.

import type { Clock } from '../lib/time.ts';
import { ATTEMPTS, type AwsKeys, type Call, type Endpoints, endpointConfig, keysOf, textsOf } from './calls.ts';
import type { EcrToken } from './ecr-token.ts';
import type { Egress, Route } from './egress.ts';

/** One request to one registry. */
export interface TokenRequest extends Endpoints {
  readonly kind: 'private' | 'public';
  readonly keys: AwsKeys;
  /** Twelve digits: the account whose registry the answer must name; undefined when it is not known beforehand. */
  readonly account: string | undefined;
}

export interface EcrClientOptions {
  readonly clock: Clock;
  readonly userAgent: string;
  readonly egress: Egress;
  readonly call: Call;
  /** Set by the operator's administrator: the registry in its answer is trusted, whatever its host; else undefined. */
  readonly endpoint: URL | undefined;
}

export interface EcrClient {
  /**
   * One call of GetAuthorizationToken, with at most three attempts.
   *
   * @throws Failure, see failures.ts and ecr-token.ts
   */
  fetchToken(request: TokenRequest, signal: AbortSignal): Promise<EcrToken>;
}

export function createEcrClient({ clock, userAgent, egress, call, endpoint }: EcrClientOptions): EcrClient {
  const expected = { anyHost: endpoint !== undefined, mayBePlain: endpoint?.protocol === 'http:' };
  // One client a call (22 KB and a quarter of a millisecond, measured): a shared one could mix up keys.
  const configOf = (request: TokenRequest, { handler }: Route) => ({
    ...endpointConfig(request),
    credentials: keysOf(request.keys),
    maxAttempts: ATTEMPTS,
    customUserAgent: userAgent,
    requestHandler: handler,
  });

  const fetchPrivate = async (request: TokenRequest, signal: AbortSignal): Promise<EcrToken> => {
    const { ECRClient, GetAuthorizationTokenCommand, parseToken } = await import('./sdk.ts');
    const route = egress.route();
    const client = new ECRClient(configOf(request, route));
    const { region, keys } = request;
    const send = async (abortSignal: AbortSignal): Promise<EcrToken> => {
      const answer = await client.send(new GetAuthorizationTokenCommand({}), { abortSignal });
      return parseToken(answer, { ...request, ...expected }, clock.now());
    };
    const { proxy } = route;
    const asked = { service: 'ECR', region, what: 'login', sentWith: textsOf(keys), proxy } as const;
    return await call('GetAuthorizationToken', asked, send, signal);
  };

  const fetchPublic = async (request: TokenRequest, signal: AbortSignal): Promise<EcrToken> => {
    const { loadEcrPublic, parsePublicToken } = await import('./sdk.ts');
    const { ECRPUBLICClient, GetAuthorizationTokenCommand: PublicCommand } = await loadEcrPublic();
    const route = egress.route();
    const client = new ECRPUBLICClient(configOf(request, route));
    const { region, keys } = request;
    const send = async (abortSignal: AbortSignal): Promise<EcrToken> =>
      parsePublicToken(await client.send(new PublicCommand({}), { abortSignal }), request, clock.now());
    const { proxy } = route;
    const asked = { service: 'ECR Public', region, what: 'login', sentWith: textsOf(keys), proxy } as const;
    return await call('GetPublicAuthorizationToken', asked, send, signal);
  };

  return {
    fetchToken: (request, signal) =>
      request.kind === 'public' ? fetchPublic(request, signal) : fetchPrivate(request, signal),
  };
}
