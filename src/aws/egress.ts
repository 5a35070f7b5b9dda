// The way out to AWS: shared connections, through a proxy where the environment names one.

import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { digest } from '../lib/digest.ts';
import { Failure } from '../lib/errors.ts';
import { ADDRESS_TIMEOUT_MS, type NameLookup } from '../lib/name-lookup.ts';
import { createBoundedHandler, type HttpRequest, type RequestHandler } from './bounded-answers.ts';
import { readNoProxy } from './no-proxy.ts';
import { type PROXY_VARIABLES, readProxy, valueOf } from './proxy.ts';

export interface EgressOptions {
  /** The process's environment: `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`, in either case. */
  readonly env: NodeJS.ProcessEnv;
  /** Authorities trusted beside the usual ones (`AWS_CA_BUNDLE`), each PEM that can be used; by default none. */
  readonly certificateAuthorities?: readonly string[];
  /** Looks up host names, that of a proxy too; undefined: as Node does. */
  readonly lookup?: NameLookup | undefined;
}

/** The way out of one caller. */
export interface Route {
  /** For `requestHandler` of an SDK client: all share connections, and no answer is read beyond a bound. */
  readonly handler: RequestHandler;
  /** `host:port` of the proxy by which its last request went, without its password; undefined without one. */
  proxy(this: void): string | undefined;
}

export interface Egress {
  /** For one client: what its calls went by is known apart from those of others. */
  route(): Route;
  /** For other clients that go the same way to a host of AWS, such as one of its registries. */
  agentFor(host: string, port: string): HttpsAgent;
  /** `host:port` of the proxy of `agentFor`, without its password; undefined when it goes directly. */
  proxyFor(host: string, port: string): string | undefined;
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
  const plain = proxyFrom(env, 'HTTP_PROXY');
  const proxyEnv = { HTTPS_PROXY: secure?.href, HTTP_PROXY: plain?.href };
  const direct = openWay({ certificateAuthorities, lookup });
  const isProxied = Object.values(proxyEnv).some(Boolean);
  const proxied = isProxied ? openWay({ certificateAuthorities, lookup, proxyEnv }) : direct;
  const ways = new Set([direct, proxied]);
  const goesDirect = readNoProxy(valueOf(env, 'NO_PROXY')?.value ?? '');
  const wayOf = ({ protocol, hostname, port }: HttpRequest): TakenWay => {
    const isPlain = protocol === 'http:';
    const host = hostname.toLowerCase().replace(/^\[(.*)\]$/, '$1');
    return goesDirect(host, String(port ?? (isPlain ? 80 : 443)))
      ? { way: direct, proxy: undefined }
      : { way: proxied, proxy: (isPlain ? plain : secure)?.host };
  };
  return {
    route: () => routeBy(wayOf, direct.handler),
    agentFor: (host, port) => (goesDirect(host, port) ? direct : proxied).agent,
    proxyFor: (host, port) => (goesDirect(host, port) ? undefined : secure?.host),
    trust(authorities) {
      for (const way of ways) way.trust(authorities);
    },
    close() {
      for (const way of ways) way.close();
    },
  };
}

interface WayOptions extends Omit<EgressOptions, 'env'> {
  /** Without `NO_PROXY`, which Node does not read as other programs do. */
  readonly proxyEnv?: { readonly HTTPS_PROXY: string | undefined; readonly HTTP_PROXY: string | undefined };
}

interface Way extends Pick<Route, 'handler'>, Pick<Egress, 'trust' | 'close'> {
  readonly agent: HttpsAgent;
}

interface TakenWay {
  readonly way: Way;
  readonly proxy: string | undefined;
}

/** Connections that all go through the proxy, or all go without one. */
function openWay({ certificateAuthorities = [], lookup, proxyEnv }: WayOptions): Way {
  const common = {
    keepAlive: true,
    maxSockets: SOCKETS,
    autoSelectFamilyAttemptTimeout: ADDRESS_TIMEOUT_MS,
    ...(proxyEnv ? { proxyEnv } : {}),
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
    agent: httpsAgent,
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

/** @throws Failure when the variable names no proxy */
function proxyFrom(env: NodeJS.ProcessEnv, variable: (typeof PROXY_VARIABLES)[number]): URL | undefined {
  const proxy = readProxy(env, variable);
  if (typeof proxy === 'string') throw new Failure({ next: 'stop', reason: 'BadProxy', message: proxy });
  return proxy;
}

/** The way is chosen for each request; `metadata` is that of either. */
function routeBy(wayOf: (request: HttpRequest) => TakenWay, { metadata }: RequestHandler): Route {
  let last: string | undefined;
  return {
    proxy: () => last,
    handler: {
      metadata,
      handle(request, ...options) {
        const { way, proxy } = wayOf(request);
        last = proxy;
        return way.handler.handle(request, ...options);
      },
      // The connections are everybody's: no client changes them.
      updateHttpClientConfig: () => {},
    },
  };
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
