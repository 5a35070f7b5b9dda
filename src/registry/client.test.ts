// Covers how a registry is asked, over TLS, and what is taken of its answer.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { makeAuthority } from '../../testing/network/self-signed.ts';
import { systemClock } from '../lib/time.ts';
import { createRegistryClient, type ManifestAnswer } from './client.ts';

describe('a registry', () => {
  const authority = makeAuthority();
  const agent = new Agent({ ca: authority.certificate });
  const seen: string[] = [];
  let server: Server;
  let host = '';
  let answer: (request: IncomingMessage, response: ServerResponse) => void = () => {};
  before(async () => {
    const { certificate: cert, key } = authority.issue('127.0.0.1');
    server = createServer({ cert, key }, (request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers.authorization}`);
      answer(request, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
    agent.destroy();
  });

  const ask = (repository = 'team/app', signal?: AbortSignal): Promise<ManifestAnswer> => {
    seen.splice(0);
    const client = createRegistryClient({ agentFor: () => agent, clock: systemClock, userAgent: 'test' });
    return client.ask({ host, repository, reference: '1.0', username: 'AWS', password: 'token' }, signal);
  };
  const basic = `Basic ${Buffer.from('AWS:token').toString('base64')}`;

  test('that has the image is asked once, with the login', async () => {
    answer = (_request, response) => void response.writeHead(200).end();
    assert.deepEqual(await ask(), { status: 200, code: '', message: '' });
    assert.deepEqual(seen, [`HEAD /v2/team/app/manifests/1.0 ${basic}`]);
  });

  test('that refuses is asked again for its words', async () => {
    answer = (_request, response) =>
      void response
        .writeHead(403)
        .end(JSON.stringify({ errors: [{ code: 'DENIED', message: 'not you' }, { code: 'X' }] }));
    assert.deepEqual(await ask(), { status: 403, code: 'DENIED', message: 'not you' });
    assert.deepEqual(
      seen.map((line) => line.split(' ')[0]),
      ['HEAD', 'GET'],
    );
  });

  test('is quoted without the login, however it repeats it', async () => {
    const password = 'the-token-of-a-login-that-nobody-may-read';
    answer = ({ headers }, response) =>
      void response
        .writeHead(403)
        .end(JSON.stringify({ errors: [{ code: password, message: `${password} as ${headers.authorization}` }] }));
    const client = createRegistryClient({ agentFor: () => agent, clock: systemClock, userAgent: 'test' });
    const said = await client.ask({ host, repository: 'app', reference: '1', username: 'a-user-of-theirs', password });
    assert.deepEqual([said.status, said.code], [403, '[redacted]']);
    assert.match(said.message, /^\[redacted\] as Basic \[redacted\]/);
    const encoded = Buffer.from(`a-user-of-theirs:${password}`).toString('base64').slice(24);
    for (let at = 0; at + 12 <= encoded.length; at += 1) assert.ok(!said.message.includes(encoded.slice(at, at + 12)));
  });

  test('cannot be led to another path by the name of an image', async () => {
    for (const repository of ['../x', 'a/../b', 'a?b', 'a#b', 'A', '', 'a//b', '/a', 'a b', 'a%2fb'])
      await assert.rejects(ask(repository), /no name of an image/, repository);
    assert.deepEqual(seen, []);
  });

  test('is believed up to 64 KiB, and no redirect is followed with the login', async () => {
    answer = (_request, response) => void response.writeHead(500).end('x'.repeat(1_000_000));
    assert.deepEqual(await ask(), { status: 500, code: '', message: '' });
    answer = (_request, response) => void response.writeHead(307, { location: 'https://127.0.0.1:1/' }).end();
    assert.equal((await ask()).status, 307);
    assert.equal(seen.length, 1);
  });

  test('that does not answer is given up', async () => {
    answer = () => {};
    await assert.rejects(ask('team/app', AbortSignal.timeout(50)));
  });
});
