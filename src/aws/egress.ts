// The way out to AWS: shared connections, through a proxy where the environment names one.

import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { digest } from '../lib/digest.ts';
import { Failure } from '../lib/errors.ts';
import { ADDRESS_TIMEOUT_MS, type NameLookup } from '../lib/name-lookup.ts';
import { createBoundedHandler, type RequestHandler } from './bounded-answers.ts';

export interface EgressOptions {
  /** The process's environment: `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`, in either case. */
  readonly env: NodeJS.ProcessEnv;
  /** Authorities trusted beside the usual ones (`AWS_CA_BUNDLE`), each PEM that can be used; by default none. */
  readonly certificateAuthorities?: readonly string[];
  /** Looks up host names, that of a proxy too; undefined: as Node does. */
  readonly lookup?: NameLookup | undefined;
}

export interface Egress {
  /** For `requestHandler` of every SDK client: they share its connections, and no answer is read beyond a bound. */
  readonly handler: RequestHandler;
  /** `host:port` of the proxy to AWS, without its password; undefined when there is none. */
  readonly proxy: string | undefined;
  /** New connections trust these beside the usual ones, and the formerly given ones no longer. */
  trust(authorities: readonly string[]): void;
  close(): void;
}

const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 10_000;
/** To one host: as many as there can be calls at once, quick and slow ones (operator/login/login-flights.ts). */
const SOCKETS = 96;

/** @throws Failure (`stop`) when a variable names no proxy; its value, which may hold a password, is not repeated */
export function createEgress({ env, certificateAuthorities = [], lookup }: EgressOptions): Egress {
  const secure = proxyFrom(env, 'HTTPS_PROXY');
  const proxyEnv = {
    HTTPS_PROXY: secure?.href,
    HTTP_PROXY: proxyFrom(env, 'HTTP_PROXY')?.href,
    NO_PROXY: valueOf(env, 'NO_PROXY'),
  };
  const common = {
    keepAlive: true,
    maxSockets: SOCKETS,
    proxyEnv,
    autoSelectFamilyAttemptTimeout: ADDRESS_TIMEOUT_MS,
    ...(lookup ? { lookup } : {}),
  };
  // The SDK would make a pool of sockets for each client, and does not support proxies by itself.
  const httpsAgent = new HttpsAgent({
    ...common,
    ...(certificateAuthorities.length === 0 ? {} : trusting(certificateAuthorities)),
  });
  const httpAgent = new HttpAgent(common);
  for (const agent of [httpsAgent, httpAgent]) reachProxyWith(agent, common);
  return {
    handler: createBoundedHandler({
      httpsAgent,
      httpAgent,
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: ANSWER_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    }),
    proxy: secure?.host,
    trust(authorities) {
      // The agent pools connections by what they trust: it reuses none of the former ones.
      Object.assign(httpsAgent.options, trusting(authorities));
      for (const sockets of Object.values(httpsAgent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
    },
    close() {
      httpsAgent.destroy();
      httpAgent.destroy();
    },
  };
}

/**
 * Options of an agent: one TLS context for all connections. With `ca` Node makes a context for each, of 1 MB, since it
 * holds the 150 usual authorities. A list replaces the defaults, so it includes them: Node's own and
 * NODE_EXTRA_CA_CERTS.
 */
function trusting(authorities: readonly string[]): {
  readonly secureContext: SecureContext;
  readonly sessionIdContext: string;
} {
  return {
    secureContext: createSecureContext({ ca: [...getCACertificates(), ...authorities] }),
    // A TLS client ignores it; the agent pools connections by it, and not by their context.
    sessionIdContext: digest('authorities', ...authorities),
  };
}

/** Lower case goes before upper case, as in curl and Node. */
function valueOf(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return env[name.toLowerCase()] || env[name] || undefined;
}

function proxyFrom(env: NodeJS.ProcessEnv, name: string): URL | undefined {
  const value = valueOf(env, name);
  if (value === undefined) return undefined;
  // Without a scheme it is HTTP, as for curl.
  const url = URL.parse(value.includes('://') ? value : `http://${value}`);
  if (url && (url.protocol === 'http:' || url.protocol === 'https:') && isOnlyAddress(url, value)) return url;
  throw new Failure({
    next: 'stop',
    reason: 'BadProxy',
    message: `${name} is not the address of a proxy (an example: http://proxy.example.com:3128; in user and password, all but letters, digits and -._~ has to be percent-encoded)`,
  });
}

/**
 * Whether a URL is an address and nothing else. An unencoded slash, `?` or `#` in a password ends the address for a
 * parser: what it takes for the host is a piece of the password, which would get into DNS queries and messages.
 */
function isOnlyAddress({ pathname, search, hash }: URL, value: string): boolean {
  return pathname === '/' && search === '' && hash === '' && !/[\s\\?#]/.test(value);
}

/**
 * Node connects to a proxy with separate options, in a field of the agent without a public name, and ignores the
 * agent's own: the look-up of the proxy's name would bypass `lookup`. A test notices when the field is gone.
 */
function reachProxyWith(agent: HttpAgent, { lookup, autoSelectFamilyAttemptTimeout }: ConnectOptions): void {
  for (const symbol of Object.getOwnPropertySymbols(agent)) {
    const config: unknown = Reflect.get(agent, symbol);
    const options: unknown =
      typeof config === 'object' && config !== null ? Reflect.get(config, 'proxyConnectionOptions') : undefined;
    if (typeof options !== 'object' || options === null) continue;
    Object.assign(options, { autoSelectFamilyAttemptTimeout }, lookup && { lookup });
  }
}

interface ConnectOptions {
  readonly lookup?: NameLookup;
  readonly autoSelectFamilyAttemptTimeout: number;
}
