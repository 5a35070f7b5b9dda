// Covers the metrics of requests and watches: the labels that dashboards know, and words of users that cannot multiply.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createManualClock } from '../../../testing/clocks/manual-clock.ts';
import { START } from '../../../testing/rigs/builders.ts';
import type { AwsCall } from '../../aws/calls.ts';
import type { ReflectorEvent } from '../../kube/reflector-state.ts';
import { createMetrics } from '../../lib/metrics.ts';
import { MINUTE, seconds } from '../../lib/time.ts';
import { createTelemetry } from './request-telemetry.ts';

function start(url = 'https://10.0.0.1') {
  const clock = createManualClock(START);
  const metrics = createMetrics();
  const telemetry = createTelemetry(metrics, clock, new URL(url), ['secrets', 'namespaces']);
  const values = async (name: string): Promise<Readonly<Record<string, number>>> =>
    Object.fromEntries((await metrics.read(name)).map(({ labels, value }) => [Object.values(labels).join(' '), value]));
  return { clock, telemetry, metrics, values };
}

function call(over: Partial<AwsCall> = {}): AwsCall {
  const took = seconds(1);
  return {
    operation: 'GetAuthorizationToken',
    region: 'eu-west-1',
    code: 'success',
    needsChange: false,
    took,
    ...over,
  };
}

describe('answers of the API server', () => {
  for (const [url, host] of [
    ['https://10.0.0.1', '10.0.0.1:443'],
    ['https://127.0.0.1:6443/prefix', '127.0.0.1:6443'],
    ['https://[::1]', '[::1]:443'],
  ] as const) {
    test(`are counted by code, method and host, as ${host}`, async () => {
      const { telemetry, values } = start(url);
      telemetry.onAnswer('GET', '200');
      telemetry.onAnswer('GET', '200');
      telemetry.onAnswer('PATCH', '<error>');
      assert.deepEqual(await values('rest_client_requests_total'), {
        [`200 GET ${host}`]: 2,
        [`<error> PATCH ${host}`]: 1,
      });
    });
  }
});

describe('calls of AWS', () => {
  test('are counted by operation, region and code, and the logins by outcome', async () => {
    const { telemetry, values } = start();
    assert.deepEqual(await values('ecr_operator_logins_total'), { success: 0, denied: 0, failed: 0 });
    telemetry.onAwsCall(call());
    telemetry.onAwsCall(call({ code: 'AWSDenied', needsChange: true }));
    telemetry.onAwsCall(call({ code: 'AWSUnreachable', region: 'us-east-1' }));
    assert.deepEqual(await values('ecr_operator_logins_total'), { success: 1, denied: 1, failed: 1 });
    assert.deepEqual(await values('ecr_operator_aws_requests_total'), {
      'GetAuthorizationToken eu-west-1 success': 1,
      'GetAuthorizationToken eu-west-1 AWSDenied': 1,
      'GetAuthorizationToken us-east-1 AWSUnreachable': 1,
    });
  });

  test('that are answered with an error are counted by AWS’s own code', async () => {
    const { telemetry, values } = start();
    for (const error of ['ThrottlingException', 'ThrottlingException', 'UnrecognizedClientException'])
      telemetry.onAwsCall(call({ code: 'AWSFailed', error }));
    telemetry.onAwsCall(call({ code: 'AWSUnreachable' }));
    assert.deepEqual(await values('ecr_operator_aws_errors_total'), {
      'GetAuthorizationToken other': 0,
      'GetAuthorizationToken ThrottlingException': 2,
      'GetAuthorizationToken UnrecognizedClientException': 1,
    });
  });

  test('that are answered with ever new codes, or with any text for one, make one series', async () => {
    const { telemetry, metrics, values } = start();
    for (let index = 0; index < 2_000; index += 1)
      telemetry.onAwsCall(call({ code: 'AWSFailed', error: `Made${'a'.repeat(index)}` }));
    telemetry.onAwsCall(call({ code: 'AWSFailed', error: 'constructor' }));
    telemetry.onAwsCall(call({ code: 'AWSFailed', error: 'x"} 1\necr_operator_build_info{version="2' }));
    assert.deepEqual(await values('ecr_operator_aws_errors_total'), {
      'GetAuthorizationToken ThrottlingException': 0,
      'GetAuthorizationToken other': 2_002,
    });
    assert.doesNotMatch((await metrics.text()).body, /Made|build_info/);
  });

  test('in ever more regions, which are users’ words, do not make ever more series', async () => {
    const { telemetry, metrics, values } = start();
    for (let region = 0; region < 2_000; region += 1) telemetry.onAwsCall(call({ region: `xx-made-${region}` }));
    const counts = await values('ecr_operator_aws_requests_total');
    assert.equal(Object.keys(counts).length, 65);
    assert.equal(counts['GetAuthorizationToken other success'], 2_000 - 64);
    telemetry.onAwsCall(call({ region: 'xx-made-7' }));
    assert.equal((await values('ecr_operator_aws_requests_total'))['GetAuthorizationToken xx-made-7 success'], 2);
    const lengths = await metrics.read('ecr_operator_aws_request_duration_seconds');
    assert.equal(new Set(lengths.map(({ labels }) => labels['region'])).size, 65);
  });
});

describe('a watch', () => {
  test('is in contact at each event and each good end, and not when it fails', async () => {
    const { clock, telemetry, values } = start();
    const contact = 'ecr_operator_watch_last_contact_timestamp_seconds';
    assert.deepEqual(await values(contact), { secrets: START / 1_000, namespaces: START / 1_000 }, 'since the start');
    const tell = async (event: ReflectorEvent): Promise<void> => {
      await clock.advance(MINUTE);
      telemetry.onReflectorEvent('secrets', event);
    };
    await tell({ op: 'listed', version: '1' });
    await tell({ op: 'event', version: '2' });
    await tell({ op: 'ended' });
    const after = { secrets: START / 1_000 + 180, namespaces: START / 1_000 };
    assert.deepEqual(await values(contact), after);
    for (const op of ['broken', 'expired', 'unreadable'] as const) await tell({ op });
    assert.deepEqual(await values(contact), after);
    assert.deepEqual(await values('ecr_operator_watch_failures_total'), { secrets: 3, namespaces: 0 });
    assert.deepEqual(await values('ecr_operator_watch_lists_total'), { secrets: 1, namespaces: 0 });
  });

  test('of a missing kind is in contact, and nothing has failed', async () => {
    const { clock, telemetry, values } = start();
    await clock.advance(MINUTE);
    telemetry.onReflectorEvent('secrets', { op: 'absent' });
    const { secrets } = await values('ecr_operator_watch_last_contact_timestamp_seconds');
    assert.equal(secrets, START / 1_000 + 60);
    assert.deepEqual(await values('ecr_operator_watch_failures_total'), { secrets: 0, namespaces: 0 });
  });
});
