// The connection of one command to the API server, with the rights of who calls it.

import { OPERATOR_NAME } from '../api/names.ts';
import type { ApiServerAccess } from '../kube/access.ts';
import { isForbidden } from '../kube/api-error.ts';
import { createClient, type KubeClient } from '../kube/client.ts';
import { createTransport, type Transport } from '../kube/transport.ts';
import { type Clock, systemClock } from '../lib/time.ts';

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

/** @param namespace  undefined: all namespaces */
export function openSession(
  access: ApiServerAccess,
  namespace: string | undefined,
  { clock = systemClock, version = '' }: { readonly clock?: Clock; readonly version?: string } = {},
): Session {
  const transport = createTransport({ access, clock, userAgent: `${OPERATOR_NAME}-plugin/${version}` });
  const stop = new AbortController();
  return {
    transport,
    version,
    client: createClient(transport, `${OPERATOR_NAME}-plugin`),
    namespace,
    clock,
    signal: stop.signal,
    close() {
      stop.abort();
      transport.close();
    },
  };
}

/** What was asked for, or `unseen` when the caller has no right to it. @throws Failure for everything else */
export async function orUnseen<Answer>(asked: Promise<Answer>): Promise<Answer | 'unseen'> {
  try {
    return await asked;
  } catch (thrown) {
    if (isForbidden(thrown)) return 'unseen';
    throw thrown;
  }
}
