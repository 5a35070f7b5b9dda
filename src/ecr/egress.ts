// The way out to AWS: shared connections, through a proxy where the environment names one.

import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { rootCertificates } from 'node:tls';

export interface EgressOptions {
  /** The process's environment: `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`, in either case. */
  readonly env: NodeJS.ProcessEnv;
  /** PEM of authorities that are trusted beside the usual ones (`AWS_CA_BUNDLE`); undefined: none. */
  readonly certificateAuthorities?: string | undefined;
}

export interface Egress {
  /** For `requestHandler` of an SDK client; all clients share its connections. */
  readonly handler: {
    readonly httpsAgent: HttpsAgent;
    readonly httpAgent: HttpAgent;
    readonly connectionTimeout: number;
    readonly requestTimeout: number;
    readonly throwOnRequestTimeout: true;
  };
  close(): void;
}

const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 10_000;
const SOCKETS = 50;

export function createEgress({ env, certificateAuthorities }: EgressOptions): Egress {
  const common = { keepAlive: true, maxSockets: SOCKETS, proxyEnv: env };
  // The SDK would make a pool of sockets for each client, and knows no proxy by itself.
  const httpsAgent = new HttpsAgent({
    ...common,
    ...(certificateAuthorities === undefined ? {} : { ca: [...rootCertificates, certificateAuthorities] }),
  });
  const httpAgent = new HttpAgent(common);
  return {
    handler: {
      httpsAgent,
      httpAgent,
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: ANSWER_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    },
    close() {
      httpsAgent.destroy();
      httpAgent.destroy();
    },
  };
}
