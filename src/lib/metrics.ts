// What is measured, under the names that dashboards for controllers expect; ours begin with `ecr_operator_`.
// No label ever holds the name of a user's object: the number of series does not grow with the cluster.

import { Counter, Gauge, Histogram, Registry } from '@prometheus-io/client';

export interface Metrics {
  readonly reconciles: Counter<'controller' | 'result'>;
  readonly reconcileSeconds: Histogram<'controller'>;
  readonly apiRequests: Counter<'method' | 'code'>;
  readonly awsRequests: Counter<'operation' | 'region' | 'code'>;
  readonly awsRequestSeconds: Histogram<'operation' | 'region'>;
  /** Current values, asked for at each scrape. */
  observe(name: string, help: string, read: () => number): void;
  /** The Prometheus text format. */
  text(): Promise<{ readonly contentType: string; readonly body: string }>;
}

/** Upper bounds in seconds; controller-runtime has forty from 5 ms to 60 s, these are enough to draw the same lines. */
const RECONCILE_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const AWS_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/**
 * @param version  of this program, for `ecr_operator_build_info`
 */
export function createMetrics(version: string): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const build = new Gauge({
    name: 'ecr_operator_build_info',
    help: 'Always 1; the version is in the label.',
    labelNames: ['version'],
    registers,
  });
  build.set({ version }, 1);
  return {
    reconciles: new Counter({
      name: 'controller_runtime_reconcile_total',
      help: 'Reconciliations by controller and result (success, error).',
      labelNames: ['controller', 'result'],
      registers,
    }),
    reconcileSeconds: new Histogram({
      name: 'controller_runtime_reconcile_time_seconds',
      help: 'Length of a reconciliation.',
      labelNames: ['controller'],
      buckets: RECONCILE_BUCKETS,
      registers,
    }),
    apiRequests: new Counter({
      name: 'rest_client_requests_total',
      help: 'Requests to the API server by method and status code.',
      labelNames: ['method', 'code'],
      registers,
    }),
    awsRequests: new Counter({
      name: 'ecr_operator_aws_requests_total',
      help: 'Calls of AWS by operation, region and code (success, or what went wrong).',
      labelNames: ['operation', 'region', 'code'],
      registers,
    }),
    awsRequestSeconds: new Histogram({
      name: 'ecr_operator_aws_request_duration_seconds',
      help: 'Length of a call of AWS, its retries included.',
      labelNames: ['operation', 'region'],
      buckets: AWS_BUCKETS,
      registers,
    }),
    observe(name, help, read) {
      registry.registerMetric(
        new Gauge({
          name,
          help,
          registers: [],
          collect() {
            this.set(read());
          },
        }),
      );
    },
    async text() {
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}
