// The way out to AWS: shared connections, through a proxy where the environment names one.

import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { digest } from '../lib/digest.ts';
import { Failure } from '../lib/errors.ts';
import { ADDRESS_TIMEOUT_MS, type NameLookup } from '../lib/name-lookup.ts';
import { createBoundedHandler, type RequestHandler } from './bounded-answers.ts';
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

export interface Egress {
  /** For `requestHandler` of every SDK client: they share its connections, and no answer is read beyond a bound. */
  readonly handler: RequestHandler;
  /** For other clients that go the same way to a host of AWS, such as one of its registries. */
  agentFor(host: string, port: string): HttpsAgent;
  /** `host:port` of the proxy of `agentFor`, without its password; undefined when it goes directly. */
  proxyFor(host: string, port: string): string | undefined;
  /** As `proxyFor`, for the call of `handler` that ended by this error. */
  proxyBehind(this: void, thrown: unknown): string | undefined;
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
  const proxyEnv = { HTTPS_PROXY: secure?.href, HTTP_PROXY: proxyFrom(env, 'HTTP_PROXY')?.href };
  const direct = openWay({ certificateAuthorities, lookup });
  const isProxied = Object.values(proxyEnv).some(Boolean);
  const proxied = isProxied ? openWay({ certificateAuthorities, lookup, proxyEnv }) : direct;
  const ways = new Set([direct, proxied]);
  const goesDirect = readNoProxy(valueOf(env, 'NO_PROXY')?.value ?? '');
  const wentDirect = new WeakSet<object>();
  return {
    handler: isProxied
      ? choosing(goesDirect, { direct: noting(wentDirect, direct.handler), proxied: proxied.handler })
      : direct.handler,
    agentFor: (host, port) => (goesDirect(host, port) ? direct : proxied).agent,
    proxyFor: (host, port) => (goesDirect(host, port) ? undefined : secure?.host),
    proxyBehind: (thrown) => (isOf(wentDirect, thrown) ? undefined : secure?.host),
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

interface Way extends Pick<Egress, 'handler' | 'trust' | 'close'> {
  readonly agent: HttpsAgent;
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

/** Two ways out in one: by the proxy, and without it to hosts that `NO_PROXY` exempts. */
function choosing(
  goesDirect: ReturnType<typeof readNoProxy>,
  { direct, proxied }: { readonly direct: RequestHandler; readonly proxied: RequestHandler },
): RequestHandler {
  return {
    metadata: direct.metadata,
    handle(request, ...options) {
      const { protocol, hostname, port } = request;
      const host = hostname.toLowerCase().replace(/^\[(.*)\]$/, '$1');
      const isDirect = goesDirect(host, String(port ?? (protocol === 'http:' ? 80 : 443)));
      return (isDirect ? direct : proxied).handle(request, ...options);
    },
    updateHttpClientConfig(key, value) {
      for (const handler of [direct, proxied]) handler.updateHttpClientConfig(key, value);
    },
  };
}

/** Adds what comes of each request: its answer, or the error that it ends by. */
function noting(outcomes: WeakSet<object>, handler: RequestHandler): RequestHandler {
  return {
    ...handler,
    async handle(...request) {
      try {
        const answered = await handler.handle(...request);
        outcomes.add(answered.response);
        return answered;
      } catch (thrown) {
        if (thrown instanceof Error) outcomes.add(thrown);
        throw thrown;
      }
    },
  };
}

/** Whether an error of the SDK is one of these outcomes, or tells of such an answer: it holds that as `$response`. */
function isOf(outcomes: WeakSet<object>, thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  const response: unknown = Reflect.get(thrown, '$response');
  return outcomes.has(thrown) || (typeof response === 'object' && response !== null && outcomes.has(response));
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
