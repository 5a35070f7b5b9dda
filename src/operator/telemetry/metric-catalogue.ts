// Every metric of the operator: its name, labels and meaning. docs/metrics.md is generated from it, and alerts are
// checked against it. Names and labels that dashboards know are those of controller-runtime, client-go and prom-client;
// the operator's own begin with `ecr_operator_`.

import type { Definition } from '../../lib/metrics.ts';

const describe =
  (shape: 'counter' | 'gauge') =>
  <Label extends string = never>(name: string, labels: readonly Label[], help: string): Definition<Label> => ({
    name,
    shape,
    labels,
    help,
  });
const counter = describe('counter');
const gauge = describe('gauge');

/** controller-runtime's, in seconds: recording rules join histograms only where the bounds are the same. */
const RECONCILE_BUCKETS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2,
  2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];
/** client-go's, in seconds: ten nanoseconds and eleven times ten times more. */
const QUEUE_BUCKETS = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 0.001, 0.01, 0.1, 1, 10, 100, 1_000];
/** client_golang's default ones, in seconds, as controller-runtime uses them for webhooks. */
const WEBHOOK_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Up to the time-out of one call (aws/calls.ts). */
const AWS_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

function histogram<Label extends string>(
  name: string,
  labels: readonly Label[],
  help: string,
  buckets: readonly number[],
): Definition<Label> {
  return { name, shape: 'histogram', labels, help, buckets };
}

const CONTROLLER = ['controller'] as const;
const QUEUE = ['name', 'controller'] as const;
const RESOURCE = ['resource'] as const;

export const METRIC = {
  reconciles: counter(
    'controller_runtime_reconcile_total',
    ['controller', 'result'],
    'Reconciliations by what came of them: success, error, requeue (to be tried again soon) or requeue_after (to be looked at again at a known time).',
  ),
  reconcileErrors: counter(
    'controller_runtime_reconcile_errors_total',
    CONTROLLER,
    'Reconciliations that failed as a whole, such as those that could not reach the API server.',
  ),
  terminalErrors: counter(
    'controller_runtime_terminal_reconcile_errors_total',
    CONTROLLER,
    'Reconciliations that failed and are not tried again; always 0, because every one is tried again.',
  ),
  panics: counter(
    'controller_runtime_reconcile_panics_total',
    CONTROLLER,
    'Reconciliations that ended by a bug in the operator; they are counted as errors too, and tried again.',
  ),
  reconcileTime: histogram(
    'controller_runtime_reconcile_time_seconds',
    CONTROLLER,
    'Length of a reconciliation.',
    RECONCILE_BUCKETS,
  ),
  workers: gauge(
    'controller_runtime_max_concurrent_reconciles',
    CONTROLLER,
    'Reconciliations that can be under way at once.',
  ),
  activeWorkers: gauge('controller_runtime_active_workers', CONTROLLER, 'Reconciliations that are under way.'),

  leader: gauge(
    'leader_election_master_status',
    ['name'],
    'Whether this replica leads (1) or waits (0); only with --leader-elect. The name is that of the Lease.',
  ),

  queueDepth: gauge('workqueue_depth', QUEUE, 'Keys that wait to be worked on.'),
  queueAdds: counter(
    'workqueue_adds_total',
    QUEUE,
    'Keys that were put into the queue; one that waits already is not counted again.',
  ),
  queueWait: histogram('workqueue_queue_duration_seconds', QUEUE, 'Time a key waited in the queue.', QUEUE_BUCKETS),
  queueWork: histogram('workqueue_work_duration_seconds', QUEUE, 'Time the work on a key took.', QUEUE_BUCKETS),
  queueUnfinished: gauge(
    'workqueue_unfinished_work_seconds',
    QUEUE,
    'Time spent so far on all keys being worked on, added up; it grows without end when work is stuck.',
  ),
  queueLongest: gauge(
    'workqueue_longest_running_processor_seconds',
    QUEUE,
    'Time spent so far on the key that has been worked on longest.',
  ),
  queueRetries: counter(
    'workqueue_retries_total',
    QUEUE,
    'Keys that were put back because their work failed or was not finished; a look at a known time is not counted.',
  ),

  apiRequests: counter(
    'rest_client_requests_total',
    ['code', 'method', 'host'],
    'Requests to the API server by status code (<error> when there was no answer), method and host.',
  ),

  awsRequests: counter(
    'ecr_operator_aws_requests_total',
    ['operation', 'region', 'code'],
    'Calls of AWS by operation, region and code (success, or the reason of the failure); regions beyond the first 64 are called other.',
  ),
  awsErrors: counter(
    'ecr_operator_aws_errors_total',
    ['operation', 'error'],
    'Calls of AWS that were answered with an error, by operation and AWS’s own code (such as ThrottlingException or UnrecognizedClientException); those that the operator does not know are called other, and answers without one are not counted.',
  ),
  awsRequestTime: histogram(
    'ecr_operator_aws_request_duration_seconds',
    ['operation', 'region'],
    'Length of a call of AWS, with its retries.',
    AWS_BUCKETS,
  ),
  logins: counter(
    'ecr_operator_logins_total',
    ['outcome'],
    'Logins asked for at AWS by outcome: success, denied (only a change of keys or rights helps) or failed (it is tried again).',
  ),

  pullProbes: counter(
    'ecr_operator_pull_probes_total',
    ['answer'],
    'Questions to registries for spec.probe by answer: the reasons of the condition Pullable; ImageNotFound (pulling is allowed, and there is no image of this tag) is also that of a repository that is named without a tag.',
  ),

  loginsUnderWay: gauge(
    'ecr_operator_logins_under_way',
    ['state'],
    'Questions for logins by state: asked (at most 32), slow (asked over a second ago, at most 64) or waiting (objects that wait for their turn).',
  ),
  readsUnderWay: gauge(
    'ecr_operator_references_under_way',
    ['state'],
    'Reads of what objects refer to by state: asked (at most 2) or waiting (objects that wait for their turn).',
  ),

  ambientSource: gauge(
    'ecr_operator_ambient_source_info',
    ['source'],
    "Always 1; the label says where the operator's own AWS identity is looked for, or none when no object may use it.",
  ),
  brokenCertificates: gauge(
    'ecr_operator_ca_bundle_broken_certificates',
    ['variable'],
    'Certificates in the file of AWS_CA_BUNDLE or NODE_EXTRA_CA_CERTS that cannot be read, and so are not trusted; 0 for a variable that is not set.',
  ),

  objects: gauge(
    'ecr_operator_objects',
    ['kind', 'ready'],
    'Objects by kind and by the status of their condition Ready; a new one without a status is Unknown.',
  ),
  objectsByCondition: gauge(
    'ecr_operator_condition_objects',
    ['type'],
    'Objects whose condition of this type is True: Reconciling (the operator tries again by itself) or Stalled (only a change by a user helps).',
  ),
  secrets: gauge(
    'ecr_operator_secrets',
    ['state'],
    'Wanted pull secrets by state, as the status of their objects says: ready, expired (in place, with a login that has ended), failing (listed in problems) or pending.',
  ),
  tokenExpiry: gauge(
    'ecr_operator_token_expiry_timestamp_seconds',
    [],
    'End of the login that ends first; not there while there is no login.',
  ),
  tokenRefresh: gauge(
    'ecr_operator_token_last_refresh_timestamp_seconds',
    [],
    'Time at which the newest login was fetched; not there while there is no login.',
  ),
  objectTokenExpiry: gauge(
    'ecr_operator_resource_token_expiry_timestamp_seconds',
    ['kind', 'namespace', 'name'],
    'End of the login of one object that ends first; bounded by --per-object-metrics.',
  ),
  objectCondition: gauge(
    'ecr_operator_resource_condition',
    ['kind', 'namespace', 'name', 'type', 'status'],
    'Conditions of one object; always 1, the status is in the label; bounded by --per-object-metrics.',
  ),
  objectSecrets: gauge(
    'ecr_operator_resource_secrets',
    ['kind', 'namespace', 'name', 'state'],
    'Pull secrets of one object by state, as its status says: desired (one for each namespace that wants it), ready (in place, as they should be) or failing (listed in problems); bounded by --per-object-metrics.',
  ),
  objectsOmitted: gauge(
    'ecr_operator_objects_without_series',
    [],
    'Objects that have no series of their own because of the bound of --per-object-metrics; those that are not ready or are stalled come first.',
  ),

  objectsWaiting: gauge(
    'ecr_operator_waiting_objects',
    [],
    'Objects that wait for room in their namespace, beyond --objects-per-namespace.',
  ),

  watchedObjects: gauge('ecr_operator_watch_objects', RESOURCE, 'Objects held in memory, by what is watched.'),
  watchContact: gauge(
    'ecr_operator_watch_last_contact_timestamp_seconds',
    RESOURCE,
    'Time at which the API server last gave a whole list, an event, or a watch that ended in good order; before the first, that of the start.',
  ),
  watchLists: counter(
    'ecr_operator_watch_lists_total',
    RESOURCE,
    'Whole lists that were read; one is normal, more are relists.',
  ),
  watchFailures: counter(
    'ecr_operator_watch_failures_total',
    RESOURCE,
    'Lists and watches that failed, were refused as too old, broke, or could not be read.',
  ),

  webhookRequests: counter(
    'controller_runtime_webhook_requests_total',
    ['webhook', 'code'],
    'Admission reviews by path and HTTP status of the answer; this and the next three are only there while the webhook is on.',
  ),
  webhookLatency: histogram(
    'controller_runtime_webhook_latency_seconds',
    ['webhook'],
    'Time an admission review took to be answered.',
    WEBHOOK_BUCKETS,
  ),
  webhookReviews: counter(
    'ecr_operator_webhook_reviews_total',
    ['outcome'],
    'Admission reviews by outcome: allowed, warned (allowed, with a warning), denied, or unreadable (no review at all).',
  ),
  webhookCertificate: gauge(
    'ecr_operator_webhook_certificate_expiry_timestamp_seconds',
    [],
    'End of the certificate that the webhook serves; not there before the first.',
  ),

  refusals: counter(
    'ecr_operator_http_refusals_total',
    ['server', 'bound'],
    'Times that somebody reached a bound of a server (metrics, probes or webhook): connections (the one least in use was closed), pipelined (it was closed for too many requests at once), requests or bytes (answered with 503), unread (it was closed for not reading its answer).',
  ),

  loopFailures: counter(
    'ecr_operator_loop_failures_total',
    ['loop'],
    'Times that something which runs all the time ended by a bug in the operator; it is started again, and after five minutes of that /healthz fails.',
  ),

  logDropped: counter(
    'ecr_operator_log_lines_dropped_total',
    ['why'],
    'Log lines that were left out: rate (more than 200 a second in the long run) or output (nobody reads the standard output, or it is full).',
  ),

  build: gauge('ecr_operator_build_info', ['version', 'node_version'], 'Always 1; the versions are in the labels.'),
  memory: gauge('process_resident_memory_bytes', [], 'Resident memory of the process.'),
  cpu: counter('process_cpu_seconds_total', [], 'Processor time of the process, of user and system.'),
  started: gauge('process_start_time_seconds', [], 'Time at which the process was started.'),
  eventLoopLag: gauge(
    'nodejs_eventloop_lag_seconds',
    [],
    'Time that the event loop took to come round, measured once at each scrape.',
  ),
  heap: gauge('nodejs_heap_size_used_bytes', [], 'Memory in use on the heap of JavaScript.'),
} as const;
