// Holds the verification against the real SDK's signatures: all of them are valid, and no byte of them can be changed.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import { assert as assertProperty, nat, pre, property, record } from 'fast-check';

import { type EpochMs, plus, SECOND } from '../../src/lib/time.ts';
import type { WireRequest } from './canonical-request.ts';
import { type Expected, type SigningKey, verifySigV4 } from './sigv4.ts';
import { ID, SECRET, SUITE_TOKEN, withHeader } from './sigv4-suite.ts';

/** What the real SDK sends for GetAuthorizationToken, caught before it reaches a socket. */
async function catchSdkRequest(sessionToken?: string): Promise<WireRequest> {
  let caught: WireRequest | undefined;
  const client = new ECRClient({
    region: 'eu-west-1',
    endpoint: 'http://127.0.0.1:1',
    credentials: { accessKeyId: ID, secretAccessKey: SECRET, ...(sessionToken ? { sessionToken } : {}) },
    maxAttempts: 1,
    requestHandler: {
      handle(request: { method: string; path: string; headers: Record<string, string>; body: Uint8Array }) {
        const { method, path: target } = request;
        caught = { method, target, headers: Object.entries(request.headers), body: new Uint8Array(request.body) };
        return Promise.reject(new Error('caught'));
      },
    },
  });
  await assert.rejects(client.send(new GetAuthorizationTokenCommand({ registryIds: ['123456789012'] })), /caught/);
  assert.ok(caught);
  return caught;
}

/** Every position at which a byte of the request can be changed: what is signed, and the signature itself. */
function places(
  request: WireRequest,
): readonly (readonly [string, (change: (text: string) => string) => WireRequest])[] {
  const authorization = request.headers.find(([name]) => name.toLowerCase() === 'authorization')?.[1] ?? '';
  const signed = /SignedHeaders=([^,]+)/.exec(authorization)?.[1]?.split(';') ?? [];
  const body = Buffer.from(request.body).toString('latin1');
  return [
    [request.method, (change) => ({ ...request, method: change(request.method) })],
    [request.target, (change) => ({ ...request, target: change(request.target) })],
    [body, (change) => ({ ...request, body: Buffer.from(change(body), 'latin1') })],
    ...request.headers
      .filter(([name]) => name.toLowerCase() === 'authorization' || signed.includes(name.toLowerCase()))
      .map(
        ([name, value]) =>
          [value, (change: (text: string) => string) => withHeader(request, name.toLowerCase(), change)] as const,
      ),
  ];
}

for (const sessionToken of [undefined, SUITE_TOKEN]) {
  const who = sessionToken ? 'temporary' : 'permanent';
  test(`the verification refuses an SDK request signed with a ${who} key after any change of one byte`, async () => {
    const request = await catchSdkRequest(sessionToken);
    const now = plus(Date.now() as EpochMs, SECOND);
    const findKey = (id: string): SigningKey | undefined =>
      id === ID ? { secretAccessKey: SECRET, ...(sessionToken ? { sessionToken } : {}) } : undefined;
    const expected: Expected = { service: 'ecr', now, findKey };
    assert.deepEqual(verifySigV4(request, expected), {
      ok: true,
      accessKeyId: ID,
      region: 'eu-west-1',
      service: 'ecr',
    });

    const all = places(request).filter(([text]) => text.length > 0);
    assert.ok(all.length >= 8, 'method, target, body, authorization, host, content-type, x-amz-date, x-amz-target');
    const change = record({ place: nat(), index: nat(), byte: nat({ max: 255 }) });
    assertProperty(
      property(change, ({ place, index, byte }) => {
        const [text, apply] = all[place % all.length] ?? ['', () => request];
        const at = index % text.length;
        pre(text.charCodeAt(at) !== byte);
        const changed = apply((old) => `${old.slice(0, at)}${String.fromCodePoint(byte)}${old.slice(at + 1)}`);
        assert.equal(verifySigV4(changed, expected).ok, false);
      }),
      { numRuns: 3_000 },
    );
  });
}
