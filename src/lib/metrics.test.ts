// Covers the metrics: the names that dashboards look for, and labels that no user's object can multiply.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics, type Metrics } from './metrics.ts';

/** The text after each metric was used once. */
async function used(metrics: Metrics): Promise<string> {
  metrics.reconciles.inc({ controller: 'pullsecret', result: 'success' });
  metrics.reconcileSeconds.observe({ controller: 'pullsecret' }, 0.2);
  metrics.apiRequests.inc({ method: 'PATCH', code: '200' });
  metrics.awsRequests.inc({ operation: 'GetAuthorizationToken', region: 'eu-west-1', code: 'success' });
  metrics.awsRequestSeconds.observe({ operation: 'GetAuthorizationToken', region: 'eu-west-1' }, 3);
  return (await metrics.text()).body;
}

test('the text has every name that dashboards look for', async () => {
  const metrics = createMetrics('1.2.3');
  const body = await used(metrics);
  assert.match((await metrics.text()).contentType, /^text\/plain/);
  for (const line of [
    'ecr_operator_build_info{version="1.2.3"} 1',
    'controller_runtime_reconcile_total{controller="pullsecret",result="success"} 1',
    'controller_runtime_reconcile_time_seconds_bucket{le="0.25",controller="pullsecret"} 1',
    'controller_runtime_reconcile_time_seconds_count{controller="pullsecret"} 1',
    'rest_client_requests_total{method="PATCH",code="200"} 1',
    'ecr_operator_aws_requests_total{operation="GetAuthorizationToken",region="eu-west-1",code="success"} 1',
    'ecr_operator_aws_request_duration_seconds_bucket{le="5",operation="GetAuthorizationToken",region="eu-west-1"} 1',
  ]) {
    assert.ok(body.split('\n').includes(line), `${line}\nis not in\n${body}`);
  }
});

test('no label can hold the name of any object of a user', async () => {
  const body = await used(createMetrics('1.2.3'));
  const labels = new Set([...body.matchAll(/[{,](\w+)="/g)].map(([, name]) => name));
  assert.deepEqual(
    [...labels].toSorted((one, other) => String(one).localeCompare(String(other))),
    ['code', 'controller', 'le', 'method', 'operation', 'region', 'result', 'version'],
  );
});

test('a value that is observed is read at each scrape', async () => {
  const metrics = createMetrics('1.2.3');
  let depth = 3;
  metrics.observe('ecr_operator_queue_depth', 'Keys that wait.', () => depth);
  assert.match((await metrics.text()).body, /^ecr_operator_queue_depth 3$/m);
  depth = 5;
  assert.match((await metrics.text()).body, /^ecr_operator_queue_depth 5$/m);
});

test('two operators in one process do not share their numbers', async () => {
  const [one, other] = [createMetrics('1'), createMetrics('2')];
  one.apiRequests.inc({ method: 'GET', code: '200' });
  assert.ok(!(await other.text()).body.includes('method="GET"'));
});
