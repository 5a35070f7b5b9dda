// Covers Failures: what they keep, and what any other thrown value becomes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure, failureFrom } from './errors.ts';

test('a Failure says what happens next, why, and in words for users', () => {
  const cause = new Error('for the log');
  const failure = new Failure({ next: 'backoff', reason: 'Broken', message: 'it broke', cause });
  const { name, next, reason, message, delay } = failure;
  assert.deepEqual([name, next, reason, message, delay], ['Failure', 'backoff', 'Broken', 'it broke', undefined]);
  assert.equal(failure.cause, cause);
});

test('a Failure without a cause has none', () => {
  assert.equal('cause' in new Failure({ next: 'stop', reason: 'Ended', message: 'ended' }), false);
});

test('a Failure stays what it is when it is thrown', () => {
  const failure = new Failure({ next: 'change', reason: 'Broken', message: 'it broke' });
  assert.equal(failureFrom(failure), failure);
});

test('anything else that is thrown is a bug, tried again, whose words are not repeated', () => {
  for (const thrown of [new TypeError('password=hunter2'), 'hunter2', undefined, { message: 'hunter2' }]) {
    const failure = failureFrom(thrown);
    assert.deepEqual([failure.next, failure.reason], ['backoff', 'InternalError']);
    assert.ok(!failure.message.includes('hunter2'));
    assert.equal(failure.cause, thrown);
  }
});

test('a failure of another copy of this file, as the part of the bundle that is loaded late has one, keeps its words', async () => {
  const another = './errors.ts?another';
  const copy = (await import(another)) as { readonly Failure: typeof Failure };
  assert.notEqual(copy.Failure, Failure);
  const other = new copy.Failure({ next: 'backoff', reason: 'NoCredentials', message: 'the plugin failed' });
  assert.ok(other instanceof Failure);
  assert.equal(failureFrom(other).message, 'the plugin failed');
  for (const none of [undefined, null, 'text', {}, new Error('a')]) assert.ok(!(none instanceof Failure));
});

test('a failure of one kind is not one of another', () => {
  class Special extends Failure {}
  const special = new Special({ next: 'stop', reason: 'A', message: 'a' });
  assert.ok(special instanceof Failure && special instanceof Special);
  assert.ok(!(new Failure({ next: 'stop', reason: 'A', message: 'a' }) instanceof Special));
});
