// The way out to AWS: shared connections, through a proxy where the environment names one.

import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { getCACertificates } from 'node:tls';
import { Failure } from '../lib/errors.ts';

export interface EgressOptions {
  /** The process's environment: `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`, in either case. */
  readonly env: NodeJS.ProcessEnv;
  /** PEM of authorities that are trusted beside the usual ones (`AWS_CA_BUNDLE`); undefined: none. */
  readonly certificateAuthorities?: string | undefined;
}

export interface Egress {
  /** For `requestHandler` of an SDK client; all clients share its connections. Never destroy such a client: they end too. */
  readonly handler: {
    readonly httpsAgent: HttpsAgent;
    readonly httpAgent: HttpAgent;
    readonly connectionTimeout: number;
    readonly requestTimeout: number;
    readonly throwOnRequestTimeout: true;
  };
  /** `host:port` of the proxy to AWS, without its password; undefined when there is none. */
  readonly proxy: string | undefined;
  close(): void;
}

const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 10_000;
const SOCKETS = 50;

/** @throws Failure (`stop`) when a variable names no proxy; its value, which may hold a password, is not repeated */
export function createEgress({ env, certificateAuthorities }: EgressOptions): Egress {
  const secure = proxyFrom(env, 'HTTPS_PROXY');
  const proxyEnv = {
    HTTPS_PROXY: secure?.href,
    HTTP_PROXY: proxyFrom(env, 'HTTP_PROXY')?.href,
    NO_PROXY: valueOf(env, 'NO_PROXY'),
  };
  const common = { keepAlive: true, maxSockets: SOCKETS, proxyEnv };
  // The SDK would make a pool of sockets for each client, and knows no proxy by itself.
  const httpsAgent = new HttpsAgent({
    ...common,
    // A list replaces what is trusted otherwise, so that has to be in it: Node's own and NODE_EXTRA_CA_CERTS.
    ...(certificateAuthorities === undefined ? {} : { ca: [...getCACertificates(), certificateAuthorities] }),
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
    proxy: secure?.host,
    close() {
      httpsAgent.destroy();
      httpAgent.destroy();
    },
  };
}

/** Lower case goes before upper case, as curl and Node have it. */
function valueOf(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return env[name.toLowerCase()] || env[name] || undefined;
}

function proxyFrom(env: NodeJS.ProcessEnv, name: string): URL | undefined {
  const value = valueOf(env, name);
  if (value === undefined) return undefined;
  // Without a scheme it is one of HTTP, as for curl.
  const url = URL.parse(value.includes('://') ? value : `http://${value}`);
  if (url && (url.protocol === 'http:' || url.protocol === 'https:')) return url;
  throw new Failure({
    next: 'stop',
    reason: 'BadProxy',
    message: `${name} is not the address of a proxy (an example: http://proxy.example.com:3128)`,
  });
}
