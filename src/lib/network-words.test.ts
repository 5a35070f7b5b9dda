// Against real servers on loopback that refuse, or are no TLS servers.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { describe, test } from 'node:test';
import { findFreePort } from '../../testing/control-plane/free-port.ts';
import { networkWords } from './network-words.ts';

describe('a connection that brings no answer', () => {
  const failed = async (port: number, addresses: readonly string[]): Promise<unknown> => {
    const lookup = (_host: string, _options: object, callback: (error: null, found: object[]) => void): void =>
      callback(
        null,
        addresses.map((address) => ({ address, family: 4 })),
      );
    const asked = request({ host: 'registry.test', port, lookup: lookup as never });
    asked.end();
    const [thrown]: unknown[] = await once(asked, 'error');
    return thrown;
  };

  test('is told by its code, whichever address refuses, and also when all do', async () => {
    const port = await findFreePort();
    for (const addresses of [['127.0.0.2'], ['127.0.0.3'], ['127.0.0.2', '127.0.0.3'], ['127.0.0.3', '127.0.0.2']])
      assert.equal(networkWords(await failed(port, addresses)), 'ECONNREFUSED');
  });

  test('is told by all codes where several addresses fail in different ways, in whatever order', () => {
    const [refused, unreachable] = ['ECONNREFUSED', 'ENETUNREACH'].map((code) => Object.assign(new Error(), { code }));
    for (const errors of [
      [refused, unreachable],
      [unreachable, refused],
    ])
      assert.equal(networkWords(Object.assign(new AggregateError(errors), errors[0])), 'ECONNREFUSED, ENETUNREACH');
  });

  test('because a certificate is of another host names that host: it shows who is on the way', () => {
    const message =
      "Hostname/IP does not match certificate's altnames: Host: a. is not in the cert's altnames: DNS:gateway";
    const thrown = Object.assign(new Error(message), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    assert.equal(networkWords(thrown), `ERR_TLS_CERT_ALTNAME_INVALID: ${message}`);
  });

  test('is told without the numbers of OpenSSL, where a server speaks no TLS', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const words = networkWords(await failed(port, ['127.0.0.1']));
    server.close();
    assert.match(words, /^(EPROTO|ERR_SSL_[A-Z_]+)$/);
  });

  test('and that nothing is known of is told as that, and names the proxy', () => {
    assert.equal(
      networkWords('gone', 'proxy.example.com:3128'),
      'no answer (by way of the proxy proxy.example.com:3128)',
    );
    assert.equal(networkWords(new DOMException('', 'AbortError')), 'no answer in time');
  });
});
