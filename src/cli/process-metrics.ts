// Metrics of the process and its runtime. Read at each scrape only: the library's own collectors, or a histogram of the
// event loop's delays (0.6 % of a core at 10 ms, measured), cost more than the whole idle operator.

import type { Metrics } from '../lib/metrics.ts';
import { METRIC } from '../operator/telemetry/metric-catalogue.ts';

/**
 * @param version  of this program
 * @param broken   the number of broken certificates by the variable that names their bundle
 * @param ambient  where the operator's own identity is looked for; undefined when no object may use it
 */
export function observeProcess(
  metrics: Metrics,
  version: string,
  broken: ReadonlyMap<string, number>,
  ambient: string | undefined,
): void {
  const source = ambient ?? 'none';
  metrics.observe(METRIC.ambientSource, () => [{ labels: { source }, value: 1 }]);
  metrics.observe(METRIC.brokenCertificates, () =>
    [...broken].map(([variable, value]) => ({ labels: { variable }, value })),
  );
  const labels = { version, node_version: process.versions.node };
  metrics.observe(METRIC.build, () => [{ labels, value: 1 }]);
  metrics.observeOne(METRIC.memory, () => process.memoryUsage.rss());
  metrics.observeOne(METRIC.cpu, () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  metrics.observeOne(METRIC.started, () => performance.timeOrigin / 1_000);
  metrics.observeOne(METRIC.heap, () => process.memoryUsage().heapUsed);
  metrics.observeOne(METRIC.eventLoopLag, async () => {
    const asked = performance.now();
    await new Promise((resolve) => void setImmediate(resolve));
    return (performance.now() - asked) / 1_000;
  });
}
