// Shows each fault as the real SDK client sees it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type DurationMs } from '../../src/lib/time.ts';
import { settle } from '../clocks/manual-clock.ts';
import type { Fault } from './faults.ts';
import { named, passwordOf, until, withCredentials, withStandIn } from './stand-in-world.ts';

test('the stand-in fails the next calls as often as asked, and then answers again', () =>
  withStandIn(async ({ standIn, send }) => {
    const fault: Fault = { op: 'error', status: 400, code: 'ThrottlingException', message: 'Rate exceeded' };
    standIn.faults.failNext(2, fault);
    await assert.rejects(send(), { name: 'ThrottlingException', message: 'Rate exceeded' });
    await assert.rejects(send(), named('ThrottlingException'));
    assert.ok(passwordOf(await send()));
    assert.deepEqual(
      standIn.requests.map((call) => [call.status, call.errorCode, call.fault]),
      [
        [400, 'ThrottlingException', 'error'],
        [400, 'ThrottlingException', 'error'],
        [200, undefined, undefined],
      ],
    );
  }));

test('the stand-in fails only the calls a predicate picks, until cleared', () =>
  withStandIn(async ({ standIn, send }) => {
    const fault: Fault = { op: 'error', status: 500, code: 'ServerException', message: 'down' };
    standIn.faults.failWhile(({ region }) => region === 'eu-west-1', fault);
    await assert.rejects(send(), named('ServerException'));
    assert.ok(await send({ region: 'us-east-1' }));
    standIn.faults.clear();
    assert.ok(await send());
  }));

test('the stand-in lets a delayed call wait for exactly its time', () =>
  withStandIn(async ({ standIn, clock, send }) => {
    standIn.faults.failNext(1, { op: 'delay', ms: 5_000 });
    const answer = send();
    await until(() => clock.pending() === 1);
    await clock.advance(4_999 as DurationMs);
    assert.equal(standIn.requests[0]?.status, 0);
    await clock.advance(1 as DurationMs);
    assert.ok(passwordOf(await answer));
    assert.equal(standIn.requests[0]?.status, 200);
  }));

test('the stand-in lets a held call wait until it is released', () =>
  withStandIn(async ({ standIn, send }) => {
    standIn.faults.failNext(1, { op: 'hold' });
    const answer = send();
    await until(() => standIn.calls() === 1);
    assert.ok(passwordOf(await send()));
    assert.equal(standIn.requests[0]?.status, 0);
    standIn.release();
    assert.ok(passwordOf(await answer));
    assert.equal(standIn.requests[0]?.status, 200);
  }));

for (const op of ['hang', 'hangAfterHeaders'] as const) {
  test(`the stand-in leaves a call waiting until the caller gives up (${op})`, () =>
    withStandIn(async ({ standIn, send }) => {
      standIn.faults.failNext(1, { op });
      const abort = new AbortController();
      const answer = send({}, abort.signal);
      answer.catch(() => undefined);
      await until(() => standIn.calls() === 1);
      await settle();
      abort.abort();
      await assert.rejects(answer, named('AbortError'));
      assert.equal(standIn.requests[0]?.status, op === 'hang' ? 0 : 200);
    }));
}

test('the stand-in sends the headers and then nothing when set to hang after them', () =>
  withStandIn(async ({ standIn }) => {
    standIn.faults.failNext(1, { op: 'hangAfterHeaders' });
    const response = await fetch(standIn.url, { method: 'POST' });
    assert.equal(response.status, 200);
    const text = response.text();
    text.catch(() => undefined);
    assert.equal(await Promise.race([text, settle().then(() => 'nothing came')]), 'nothing came');
    await standIn.stop();
    await assert.rejects(text);
  }));

test('the stand-in resets the connection', () =>
  withStandIn(async ({ standIn, send }) => {
    standIn.faults.failNext(1, { op: 'reset' });
    await assert.rejects(send(), { code: 'ECONNRESET' });
    assert.equal(standIn.requests[0]?.status, 0);
    assert.ok(await send());
  }));

test('the stand-in answers with the page of a proxy, or half a JSON', () =>
  withStandIn(async ({ standIn, send }) => {
    const page: Fault = { op: 'garbage', status: 502, contentType: 'text/html', body: '<html>Bad Gateway</html>' };
    const half: Fault = { op: 'garbage', status: 200, contentType: 'application/x-amz-json-1.1', body: '{"authoriz' };
    standIn.faults.failNext(1, page);
    standIn.faults.failNext(1, half);
    await assert.rejects(
      send(),
      (error: { $response?: { statusCode?: number } }) => error.$response?.statusCode === 502,
    );
    await assert.rejects(send(), named('SyntaxError'));
    assert.equal(standIn.issued, 0);
  }));

test('the stand-in answers a good caller with any JSON it is given, and still refuses a bad one', () =>
  withStandIn(async ({ standIn, send }) => {
    standIn.faults.failNext(1, { op: 'answer', body: { authorizationData: [] } });
    assert.deepEqual((await send()).authorizationData, []);
    const entry = { authorizationToken: 'no base64!', proxyEndpoint: 'ftp://odd' };
    standIn.faults.failNext(2, { op: 'answer', body: { authorizationData: [entry, entry] } });
    const { authorizationData } = await send();
    assert.deepEqual(
      authorizationData?.map((data) => ({ ...data })),
      [entry, entry],
    );
    await assert.rejects(send(withCredentials({ secretAccessKey: 'wrong' })), named('InvalidSignatureException'));
  }));

test('the stand-in stops with calls hanging, twice, and frees its port', () =>
  withStandIn(async ({ standIn, send }) => {
    standIn.faults.failWhile(() => true, { op: 'hang' });
    const answer = send();
    answer.catch(() => undefined);
    await until(() => standIn.calls() === 1);
    await standIn.stop();
    await standIn.stop();
    await assert.rejects(answer);
    await assert.rejects(send(), { code: 'ECONNREFUSED' });
  }));
