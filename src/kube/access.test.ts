// Covers the token of a pod: when its file is read again.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createManualClock, type ManualClock } from '../../testing/clocks/manual-clock.ts';
import { type ScriptedServer, startScriptedServer } from '../../testing/network/scripted-server.ts';
import { START } from '../../testing/rigs/builders.ts';
import { type DurationMs, MINUTE } from '../lib/time.ts';
import { podAccess, tokenAudiences } from './access.ts';
import { createTransport, type Transport } from './transport.ts';

describe('the token of a pod', () => {
  let server: ScriptedServer;
  let clock: ManualClock;
  let transport: Transport;
  let folder = '';

  beforeEach(async () => {
    server = await startScriptedServer();
    clock = createManualClock(START);
    folder = mkdtempSync(join(tmpdir(), 'service-account-'));
    writeFileSync(join(folder, 'ca.crt'), server.certificate);
    writeFileSync(join(folder, 'token'), 'first\n');
    const { hostname: host, port } = new URL(server.url);
    const access = await podAccess({ host, port, folder }, clock);
    transport = createTransport({ access, clock, userAgent: 'kube-ecr-secrets-operator/test' });
  });
  afterEach(async () => {
    transport.close();
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  const ask = (): ReturnType<Transport['send']> =>
    transport.send({ method: 'GET', path: '/api' }, new AbortController().signal);
  const tokenSent = async (status = 200): Promise<unknown> => {
    const sent = ask();
    const exchange = await server.next();
    exchange.answer(status, {});
    await Promise.allSettled([sent]);
    return exchange.headers['authorization'];
  };

  test('is read again when the API server answers 401', async () => {
    assert.equal(await tokenSent(), 'Bearer first');
    writeFileSync(join(folder, 'token'), 'second');
    assert.equal(await tokenSent(401), 'Bearer first');
    assert.equal(await tokenSent(), 'Bearer second');
  });

  test('is read again after a minute, and not for every request', async () => {
    await tokenSent();
    writeFileSync(join(folder, 'token'), 'second');
    await clock.advance((MINUTE - 1) as DurationMs);
    assert.equal(await tokenSent(), 'Bearer first');
    await clock.advance(1 as DurationMs);
    assert.equal(await tokenSent(), 'Bearer second');
  });

  test('whose file is missing is a failure that names the file', async () => {
    rmSync(join(folder, 'token'));
    await assert.rejects(ask(), { reason: 'NoServiceAccountToken', message: /token/ });
  });
});

describe('the audience of a token', () => {
  const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const audiencesOf = (headers: Readonly<Record<string, string>>): Promise<readonly string[]> =>
    tokenAudiences({
      url: new URL('https://api.example'),
      namespace: undefined,
      credentials: () => Promise.resolve({ headers }),
      invalidate: () => {},
    });
  const token = (payload: unknown): Readonly<Record<string, string>> => ({
    authorization: `Bearer ${encoded({ alg: 'RS256' })}.${encoded(payload)}.${encoded('signature')}`,
  });

  test('stands in it, once or in a list', async () => {
    assert.deepEqual(await audiencesOf(token({ aud: ['one', 'two'] })), ['one', 'two']);
    assert.deepEqual(await audiencesOf(token({ aud: 'one' })), ['one']);
    assert.deepEqual(await audiencesOf(token({ sub: 'system:serviceaccount:a:b' })), []);
  });

  test('is unknown for a text that is no such token', async () => {
    for (const payload of [null, 1, [], { aud: 1 }, { aud: [1] }])
      assert.deepEqual(await audiencesOf(token(payload)), []);
    for (const headers of [{}, { authorization: 'Bearer a' }, { authorization: 'Bearer a.e30x.c' }])
      assert.deepEqual(await audiencesOf(headers), []);
  });

  test('is unknown while there are no credentials', async () => {
    const access = { url: new URL('https://api.example'), namespace: undefined, invalidate: () => {} };
    assert.deepEqual(await tokenAudiences({ ...access, credentials: () => Promise.reject(new Error('none')) }), []);
  });
});
