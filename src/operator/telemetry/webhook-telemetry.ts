// Metrics of the webhook, as controller-runtime has them and under the operator's own names.

import type { AdmissionVerdict } from '../../core/admit.ts';
import type { Metrics } from '../../lib/metrics.ts';
import type { DurationMs, EpochMs } from '../../lib/time.ts';
import { METRIC } from './metric-catalogue.ts';

export interface WebhookTelemetry {
  readonly answered: (verdict: AdmissionVerdict, took: DurationMs) => void;
  /** The request body was no review. */
  readonly refused: () => void;
}

const OUTCOMES = ['allowed', 'warned', 'denied', 'unreadable'] as const;

/**
 * @param path     of the webhook: its name in controller-runtime's metrics
 * @param endsAt   when the served certificate ends
 */
export function createWebhookTelemetry(
  metrics: Metrics,
  path: string,
  endsAt: () => EpochMs | undefined,
): WebhookTelemetry {
  const start = ['200', '400'].map((code) => ({ webhook: path, code }));
  const requests = metrics.counter(METRIC.webhookRequests, start);
  const latency = metrics.histogram(METRIC.webhookLatency, [{ webhook: path }]);
  const reviews = metrics.counter(
    METRIC.webhookReviews,
    OUTCOMES.map((outcome) => ({ outcome })),
  );
  metrics.observeOne(METRIC.webhookCertificate, () => {
    const end = endsAt();
    return end === undefined ? undefined : end / 1_000;
  });
  return {
    answered({ denial, warnings }, took) {
      requests({ webhook: path, code: '200' });
      latency({ webhook: path }, took / 1_000);
      reviews({ outcome: denial !== undefined ? 'denied' : warnings.length > 0 ? 'warned' : 'allowed' });
    },
    refused() {
      requests({ webhook: path, code: '400' });
      reviews({ outcome: 'unreadable' });
    },
  };
}
