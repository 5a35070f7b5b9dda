// Covers whom the registry lets in, and what it says to the others.

import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { createOciRegistry } from './oci-registry.ts';

describe('the registry', async () => {
  const registry = createOciRegistry({
    opens: (_, username, password) => (`${username}:${password}` === 'AWS:good' ? 5_000 : undefined),
  });
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    registry.accept(socket);
  });
  after(() => {
    server.close();
    // fetch keeps them.
    for (const socket of sockets) socket.destroy();
  });
  const port = await new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : 0);
    }),
  );
  const ask = (login?: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}/v2/shop/app/manifests/v1`, {
      headers: login === undefined ? {} : { authorization: `Basic ${Buffer.from(login).toString('base64')}` },
    });

  test('asks for a login when there is none', async () => {
    const answer = await ask();
    assert.equal(answer.status, 401);
    assert.match(answer.headers.get('www-authenticate') ?? '', /^Basic realm="https:/);
    assert.doesNotMatch(await answer.text(), /no basic auth credentials/, 'the words of containerd itself');
  });

  test('refuses a login that is no good without asking for another', async () => {
    const answer = await ask('AWS:ended');
    assert.equal(answer.status, 403);
    assert.equal(answer.headers.get('www-authenticate'), null);
    assert.match(await answer.text(), /Your authorization token has expired/);
  });

  test('gives the image to a good login, and says how long that still opens it', async () => {
    const answer = await ask('AWS:good');
    assert.equal(answer.status, 200);
    assert.match(await answer.text(), /"layers"/);
    assert.deepEqual(registry.calls.at(-1), {
      method: 'GET',
      path: '/v2/shop/app/manifests/v1',
      status: 200,
      hasLogin: true,
      leftMs: 5_000,
    });
  });
});
