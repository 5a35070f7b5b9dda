// The two HTTP servers: metrics, and probes.

import { type BindAddress, type HttpServer, type Route, startHttpServer } from '../http/server.ts';
import type { Metrics } from '../lib/metrics.ts';
import type { Clock } from '../lib/time.ts';
import { livenessReply, type NamedReflector, readinessReply } from './health.ts';
import { shareReply } from './shared-reply.ts';
import type { OnRefused } from './telemetry/request-telemetry.ts';

export interface ServersOptions {
  /** Undefined: no metrics server. */
  readonly metricsAddress: BindAddress | undefined;
  readonly probeAddress: BindAddress | undefined;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

export interface Servers {
  readonly metricsPort: number | undefined;
  readonly probePort: number | undefined;
  close(): Promise<void>;
}

/** What the servers read from the other parts, and report to them. */
export interface ServerParts {
  readonly reflectors: readonly NamedReflector[];
  /** Why the webhook is not ready, where readiness depends on it. */
  readonly webhook: () => string | undefined;
  /** Names of the loops that keep failing. */
  readonly failing: () => readonly string[];
  readonly onRefused: OnRefused;
}

/** @throws Failure when one of the addresses cannot be listened on; then the operator listens on neither */
export async function startServers(
  { metricsAddress, probeAddress, metrics, clock }: ServersOptions,
  { reflectors, webhook, failing, onRefused }: ServerParts,
): Promise<Servers> {
  const started: HttpServer[] = [];
  const close = async (): Promise<void> => void (await Promise.all(started.map((server) => server.close())));
  const start = async (
    name: 'metrics' | 'probes',
    address: BindAddress | undefined,
    routes: Readonly<Record<string, Route>>,
  ): Promise<number | undefined> => {
    if (!address) return undefined;
    const server = await startHttpServer(address, new Map(Object.entries(routes)), (bound) => onRefused(name, bound));
    started.push(server);
    return server.port;
  };
  const alive: Route = () => livenessReply(reflectors, clock, failing());
  try {
    return {
      metricsPort: await start('metrics', metricsAddress, {
        '/metrics': shareReply(async () => ({ status: 200, ...(await metrics.text()) }), clock),
      }),
      probePort: await start('probes', probeAddress, {
        '/healthz': alive,
        '/livez': alive,
        '/readyz': () => readinessReply(reflectors, webhook()),
      }),
      close,
    };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}
