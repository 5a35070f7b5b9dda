// The login against AWS itself, with the keys in the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createCalls } from '../../src/aws/calls.ts';
import { createEcrClient } from '../../src/aws/ecr-client.ts';
import { createEgress } from '../../src/aws/egress.ts';
import { Failure } from '../../src/lib/errors.ts';
import { systemClock } from '../../src/lib/time.ts';

const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '', AWS_SESSION_TOKEN, AWS_REGION = '' } = process.env;
const keys = {
  accessKeyId: AWS_ACCESS_KEY_ID,
  secretAccessKey: AWS_SECRET_ACCESS_KEY,
  ...(AWS_SESSION_TOKEN ? { sessionToken: AWS_SESSION_TOKEN } : {}),
};

describe('ECR itself', () => {
  const client = createEcrClient({
    clock: systemClock,
    userAgent: 'kube-ecr-secrets-operator/live-test',
    egress: createEgress({ env: process.env }),
    call: createCalls({ clock: systemClock }),
    endpoint: undefined,
  });
  const plain = { account: undefined, useFips: false, useDualstack: false };
  const question = { kind: 'private', region: AWS_REGION, ...plain } as const;
  const { signal } = new AbortController();

  test('gives a token for the region that is asked, which ends within twelve hours', async () => {
    const token = await client.fetchToken({ ...question, keys }, signal);
    assert.equal(token.username, 'AWS');
    assert.ok(token.password.length > 100);
    assert.ok(token.hosts[0]?.includes(`.${AWS_REGION}.`));
    assert.ok(token.expiresAt > systemClock.now());
  });

  test('denies a wrong secret key, and the operator recognises the denial', async () => {
    const wrong = { ...keys, secretAccessKey: 'x'.repeat(40) };
    await assert.rejects(client.fetchToken({ ...question, keys: wrong }, signal), (error: unknown) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.next, 'change');
      return true;
    });
  });
});
