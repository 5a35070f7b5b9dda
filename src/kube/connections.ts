// The connections to the API server, and their certificates.

import { Agent } from 'node:https';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { Failure } from '../lib/errors.ts';
import { ADDRESS_TIMEOUT_MS, type NameLookup } from '../lib/name-lookup.ts';
import type { ApiCredentials } from './access.ts';

/** The connections with one set of certificates. */
export interface ApiConnections {
  readonly secureContext: SecureContext;
  /** For requests: kept and reused. */
  readonly requests: Agent;
  /** For streams: one each. Apart from the requests, whose connections they would take. */
  readonly streams: Agent;
}

export interface ConnectionPool {
  /**
   * The connections with these certificates. Requests in flight over others end; no further request uses those.
   *
   * @throws Failure when a certificate or the key cannot be read
   */
  connections(credentials: ApiCredentials): ApiConnections;
  close(): void;
}

/** Idle time after which the kernel probes the peer (docs/design/rules.md, rule 13). */
export const TCP_KEEP_ALIVE_MS = 15_000;

export interface PoolOptions {
  /** Resolves the host name; undefined: Node's own. */
  readonly lookup?: NameLookup | undefined;
  /** As of `ApiServerAccess`. */
  readonly proxyEnv?: Readonly<Record<string, string>> | undefined;
}

/** @param requests  upper bound of the connections for requests */
export function createConnectionPool(requests: number, { lookup, proxyEnv }: PoolOptions = {}): ConnectionPool {
  const common = {
    autoSelectFamilyAttemptTimeout: ADDRESS_TIMEOUT_MS,
    ...(lookup ? { lookup } : {}),
    ...(proxyEnv ? { proxyEnv } : {}),
  };
  let held: (ApiConnections & { readonly of: ApiCredentials }) | undefined;
  return {
    connections(credentials) {
      if (held && isSame(held.of, credentials)) return held;
      const secureContext = secureContextOf(credentials);
      if (held) retire(held);
      held = {
        of: credentials,
        secureContext,
        requests: new Agent({ ...common, keepAlive: true, keepAliveMsecs: TCP_KEEP_ALIVE_MS, maxSockets: requests }),
        streams: new Agent({ ...common, keepAlive: false }),
      };
      return held;
    },
    close() {
      held?.requests.destroy();
      held?.streams.destroy();
    },
  };
}

/** By contents: a kubeconfig gives new buffers each time, and a TLS context costs time, and memory outside the heap. */
function isSame(one: ApiCredentials, other: ApiCredentials): boolean {
  return one === other || (['ca', 'cert', 'key'] as const).every((part) => String(one[part]) === String(other[part]));
}

/**
 * The API server identifies a connection by the certificate of its handshake, and a resumed TLS session as well. So
 * neither may outlive the certificate: both end with their agent.
 */
function retire({ requests }: ApiConnections): void {
  requests.maxFreeSockets = 0;
  for (const sockets of Object.values(requests.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}

function secureContextOf({ ca, cert, key }: SecureContextOptions): SecureContext {
  try {
    return createSecureContext({ ca, cert, key });
  } catch (cause) {
    throw new Failure({
      next: 'backoff',
      reason: 'BadCertificates',
      message: 'the certificates for the API server (authority, or our own with its key) cannot be read',
      cause,
    });
  }
}
