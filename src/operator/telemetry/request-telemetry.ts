// Counts requests to the API server and to AWS, and the events of the reflectors.

import type { AwsCall } from '../../aws/calls.ts';
import type { Bound } from '../../http/connections.ts';
import type { ReflectorEvent } from '../../kube/reflector-state.ts';
import type { Load } from '../../lib/fair-semaphore.ts';
import type { Metrics } from '../../lib/metrics.ts';
import type { Clock, EpochMs } from '../../lib/time.ts';
import { labelOfError, USUAL_ERRORS } from './aws-error-codes.ts';
import { METRIC } from './metric-catalogue.ts';

/** Is notified which bound of which server a client reached. */
export type OnRefused = (server: 'metrics' | 'probes' | 'webhook', bound: Bound) => void;

export interface Telemetry {
  readonly onAnswer: (method: string, code: string) => void;
  readonly onAwsCall: (call: AwsCall) => void;
  /** Is notified of each event of the reflector with this name. */
  readonly onReflectorEvent: (resource: string, event: ReflectorEvent) => void;
  readonly onRefused: OnRefused;
  /** A loop that runs all the time ended by an exception. */
  readonly onLoopFailed: (name: string) => void;
}

/** Users write regions; AWS has some forty. */
const MOST_REGIONS = 64;
const OTHER = 'other';
/** Operations that return a login; the others only prepare one. */
const LOGINS = new Set(['GetAuthorizationToken', 'GetPublicAuthorizationToken']);
const OUTCOMES = ['success', 'denied', 'failed'] as const;

/** Loops that every operator runs. */
const LOOPS = ['workers', 'workers of conversions', 'check of the CRDs'];
const REFUSALS = [
  ...['metrics', 'probes'].flatMap((server) =>
    ['connections', 'pipelined', 'unread'].map((bound) => ({ server, bound })),
  ),
  ...['connections', 'pipelined', 'requests', 'bytes'].map((bound) => ({ server: 'webhook', bound })),
];

/** Events without contact with the API server. */
const FAILURES: ReadonlySet<ReflectorEvent['op']> = new Set(['broken', 'down', 'expired', 'unreadable']);

/**
 * @param apiServer  its address
 * @param resources  names of all reflectors
 */
export function createTelemetry(
  metrics: Metrics,
  clock: Clock,
  apiServer: URL,
  resources: readonly string[],
): Telemetry {
  const host = `${apiServer.hostname}:${apiServer.port || '443'}`;
  const answered = metrics.counter(METRIC.apiRequests, []);

  const called = metrics.counter(METRIC.awsRequests, []);
  const answeredWith = metrics.counter(
    METRIC.awsErrors,
    USUAL_ERRORS.map((error) => ({ operation: 'GetAuthorizationToken', error })),
  );
  const callTime = metrics.histogram(METRIC.awsRequestTime, []);
  const loggedIn = metrics.counter(
    METRIC.logins,
    OUTCOMES.map((outcome) => ({ outcome })),
  );
  const regions = new Set<string>();
  const labelOf = (region: string): string => {
    if (regions.size < MOST_REGIONS) regions.add(region);
    return regions.has(region) ? region : OTHER;
  };

  const each = resources.map((resource) => ({ resource }));
  const listed = metrics.counter(METRIC.watchLists, each);
  const failed = metrics.counter(METRIC.watchFailures, each);
  const contacts = new Map<string, EpochMs>(resources.map((resource) => [resource, clock.now()]));
  metrics.observe(METRIC.watchContact, () =>
    [...contacts].map(([resource, at]) => ({ labels: { resource }, value: at / 1_000 })),
  );

  const loopFailed = metrics.counter(
    METRIC.loopFailures,
    LOOPS.map((loop) => ({ loop })),
  );
  const refused = metrics.counter(METRIC.refusals, REFUSALS);

  return {
    onLoopFailed: (loop) => loopFailed({ loop }),
    onRefused: (server, bound) => refused({ server, bound }),
    onAnswer: (method, code) => answered({ code, method, host }),
    onAwsCall({ operation, region: asked, code, error, needsChange, took }) {
      const region = labelOf(asked);
      called({ operation, region, code });
      if (error !== undefined) answeredWith({ operation, error: labelOfError(error) });
      callTime({ operation, region }, took / 1_000);
      if (LOGINS.has(operation))
        loggedIn({ outcome: code === 'success' ? 'success' : needsChange ? 'denied' : 'failed' });
    },
    onReflectorEvent(resource, { op }) {
      if (FAILURES.has(op)) return failed({ resource });
      contacts.set(resource, clock.now());
      if (op === 'listed') listed({ resource });
    },
  };
}

/** Requests to AWS in flight, and reads of referenced objects. */
export function observeLoad(metrics: Metrics, logins: () => Load, references: () => Load): void {
  metrics.observe(METRIC.loginsUnderWay, () => {
    const { inUse, slow, waiting } = logins();
    return [
      { labels: { state: 'asked' }, value: inUse - slow },
      { labels: { state: 'slow' }, value: slow },
      { labels: { state: 'waiting' }, value: waiting },
    ];
  });
  metrics.observe(METRIC.readsUnderWay, () => {
    const { inUse, waiting } = references();
    return [
      { labels: { state: 'asked' }, value: inUse },
      { labels: { state: 'waiting' }, value: waiting },
    ];
  });
}
