// Covers how much of an answer is read, by the SDK's own client: a flood ends the call, and nothing else.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { KEY_ID, SECRET_KEY } from '../../testing/rigs/builders.ts';
import { systemClock } from '../lib/time.ts';
import { ANSWER_CAP_BYTES } from './bounded-answers.ts';
import { createCalls } from './calls.ts';
import { createEcrClient } from './ecr-client.ts';
import { createEgress, type Egress } from './egress.ts';

const { signal } = new AbortController();
const QUESTION = {
  kind: 'private',
  region: 'eu-west-1',
  useFips: false,
  useDualstack: false,
  account: undefined,
  keys: { accessKeyId: KEY_ID, secretAccessKey: SECRET_KEY },
} as const;

// Rule 14
describe('an answer', () => {
  let server: Server;
  let egress: Egress;
  let answer: (response: ServerResponse) => void;
  /** Bytes that were sent before the connection ended. */
  let sent = 0;

  before(async () => {
    server = createServer((_request, response) => answer(response)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    process.env['AWS_ENDPOINT_URL_ECR'] = `http://127.0.0.1:${port}`;
    egress = createEgress({ env: {} });
  });
  after(async () => {
    delete process.env['AWS_ENDPOINT_URL_ECR'];
    egress.close();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  const ask = async (): Promise<unknown> => {
    const call = createCalls({ clock: systemClock });
    const ecr = createEcrClient({
      clock: systemClock,
      userAgent: 'test',
      egress,
      call,
      endpoint: new URL('http://127.0.0.1'),
    });
    return await ecr.fetchToken(QUESTION, signal).catch((thrown: unknown) => thrown);
  };
  /** Sends until the client disconnects; at most 150 MB. */
  const flood = (status: number, headers: Readonly<Record<string, string>>) => (response: ServerResponse) => {
    sent = 0;
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', ...headers });
    const piece = Buffer.alloc(64 * 1024, ' ');
    const push = (): void => {
      while (!response.destroyed && sent < 150_000_000) {
        sent += piece.length;
        if (!response.write(piece)) {
          response.once('drain', push);
          return;
        }
      }
      response.end();
    };
    push();
  };

  for (const status of [200, 400, 503]) {
    for (const [how, headers] of [
      ['without a length', {}],
      ['with its length', { 'content-length': '150000000' }],
    ] as const) {
      test(`of 150 MB with status ${status}, ${how}, is not read to its end`, async () => {
        answer = flood(status, headers);
        const thrown = await ask();
        assert.ok(thrown instanceof Error);
        assert.match(thrown.message, /answered with more than 256 KiB; the rest was not read$/);
        assert.ok(sent < 20 * ANSWER_CAP_BYTES, `${sent} bytes were taken`);
      });
    }
  }

  test('of the usual length is read as ever', async () => {
    answer = (response) => {
      const expiresAt = systemClock.now() / 1_000 + 3_600;
      const authorizationToken = Buffer.from('AWS:a-password').toString('base64');
      const data = [
        { authorizationToken, expiresAt, proxyEndpoint: 'https://111122223333.dkr.ecr.eu-west-1.amazonaws.com' },
      ];
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify({ authorizationData: data }));
    };
    const token = await ask();
    assert.ok(typeof token === 'object' && token !== null && 'password' in token);
    assert.equal(token.password, 'a-password');
  });
});
