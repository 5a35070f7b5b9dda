// The connection of one command to the API server, with the rights of who calls it.

import { OPERATOR_NAME } from '../api/names.ts';
import type { ApiServerAccess } from '../kube/access.ts';
import { createClient, type KubeClient } from '../kube/client.ts';
import { createTransport, type Transport } from '../kube/transport.ts';
import type { Clock } from '../lib/time.ts';
import { usage } from './usage.ts';

export interface Session {
  readonly client: KubeClient;
  readonly transport: Transport;
  /** Of this program. */
  readonly version: string;
  /** Of `-n`, else of the context; undefined: all. */
  readonly namespace: string | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly close: () => void;
}

/** As which a command makes itself known, and under which its writes stand. */
const NAME = `${OPERATOR_NAME}-plugin`;

export function userAgent(version: string): string {
  return `${NAME}/${version}`;
}

/** @param namespace  undefined: all namespaces */
export function openSession(
  access: ApiServerAccess,
  namespace: string | undefined,
  { clock, version }: Pick<Session, 'clock' | 'version'>,
): Session {
  const transport = createTransport({ access, clock, userAgent: userAgent(version) });
  const stop = new AbortController();
  return {
    transport,
    version,
    client: createClient(transport, NAME),
    namespace,
    clock,
    signal: stop.signal,
    close() {
      stop.abort();
      transport.close();
    },
  };
}

/** Of a session whose command is about one object. @throws Failure of usage with `-A` */
export function oneNamespace({ namespace }: Session): string {
  if (namespace !== undefined) return namespace;
  throw usage('one object is in one namespace: leave out -A, or the name');
}
