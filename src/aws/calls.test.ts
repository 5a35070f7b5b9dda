// Covers the deadline of a call: it ends a call that does not end by itself, even one that ignores its signal.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createManualClock, settle } from '../../testing/clocks/manual-clock.ts';
import { START } from '../../testing/rigs/builders.ts';
import type { Failure } from '../lib/errors.ts';
import { seconds } from '../lib/time.ts';
import { type AwsCall, createCalls } from './calls.ts';

const ASKED = {
  service: 'STS',
  region: 'eu-west-1',
  what: 'role',
  awaited: 'what a program gives',
  sentWith: [],
} as const;
const never = (): Promise<never> => new Promise(() => {});

function setting() {
  const clock = createManualClock(START);
  const told: AwsCall[] = [];
  return {
    clock,
    told,
    call: createCalls({ clock, onCall: (one) => told.push(one) }),
  };
}

test('a call that AWS answers with an error is reported with AWS’s own code', async () => {
  const { told, call } = setting();
  const metadata = { httpStatusCode: 400, requestId: 'a' };
  const thrown = Object.assign(new Error('slow down'), { $fault: 'client', $metadata: metadata });
  thrown.name = 'ThrottlingException';
  await assert.rejects(call('GetAuthorizationToken', ASKED, () => Promise.reject(thrown), AbortSignal.any([])));
  assert.deepEqual([told[0]?.code, told[0]?.error], ['AWSFailed', 'ThrottlingException']);
});

describe('a call that never ends and does not heed its signal', () => {
  test('fails at its deadline, is reported, and leaves no timer', async () => {
    const { clock, told, call } = setting();
    const failed = call('AmbientCredentials', ASKED, never, new AbortController().signal).catch(
      (thrown: Failure) => thrown,
    );
    await clock.advance(seconds(29));
    assert.equal(told.length, 0);
    await clock.advance(seconds(1));
    assert.equal(told[0]?.code, 'AWSUnreachable');
    const { next, message } = await failed;
    assert.deepEqual([next, message], ['backoff', 'what a program gives could not be had: no answer in time']);
    assert.equal(clock.pending(), 0);
  });

  test('fails when its caller aborts', async () => {
    const { told, call } = setting();
    const asker = new AbortController();
    const failed = assert.rejects(call('AmbientCredentials', ASKED, never, asker.signal), { next: 'backoff' });
    asker.abort();
    await settle();
    assert.equal(told.length, 1);
    await failed;
  });

  test('does not begin when its caller has aborted before, and fails too', async () => {
    const { told, call } = setting();
    void call('AmbientCredentials', ASKED, never, AbortSignal.abort()).catch(() => {});
    await settle();
    assert.equal(told.length, 1);
  });
});
