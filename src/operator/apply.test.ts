// What becomes of the writes of one plan when the API server has too much to do.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Action, Payload } from '../core/plan.ts';
import type { PullSecretObject } from '../core/resource.ts';
import { apiErrorFrom } from '../kube/api-error.ts';
import { applyPlan } from './apply.ts';
import type { SecretWriter } from './secret-writer.ts';

const OWNER = { kind: 'ClusterAWSECRImagePullSecret', name: 'c', namespace: undefined, uid: 'u1' };

// Rule 12
describe('a plan whose writes are throttled', () => {
  test('is tried again no sooner than the longest Retry-After, and its other writes are done', async () => {
    const waits: Readonly<Record<string, string>> = { a: '3', b: '7' };
    const writer: Partial<SecretWriter> = {
      create: (_owner, namespace) => {
        const wait = waits[namespace];
        return wait === undefined ? Promise.resolve() : Promise.reject(apiErrorFrom(429, {}, wait));
      },
    };
    const actions = ['a', 'b', 'c'].map((namespace): Action => ({ op: 'create', namespace, named: true }));
    const applied = await applyPlan(
      { writer: writer as SecretWriter, formerUid: undefined, signal: new AbortController().signal },
      OWNER as PullSecretObject,
      'ecr-login',
      { actions, prune: [] },
      {} as Payload,
    );
    assert.deepEqual(applied.retry, ['a', 'b']);
    assert.equal(applied.retryAfter, 7_000);
    assert.deepEqual(applied.created, ['c']);
    assert.deepEqual(applied.problems, []);
  });
});
