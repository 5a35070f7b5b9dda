// Covers how the environment names a proxy; test/scenario/proxy.test.ts covers that calls go through it.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Failure } from '../lib/errors.ts';
import { createEgress } from './egress.ts';

function proxyOf(env: NodeJS.ProcessEnv): string | undefined {
  const egress = createEgress({ env });
  egress.close();
  return egress.proxy;
}

describe('the proxy to AWS', () => {
  const rows: Readonly<Record<string, readonly [NodeJS.ProcessEnv, string | undefined]>> = {
    'is none when nothing names one': [{}, undefined],
    'is none when the variable is empty': [{ HTTPS_PROXY: '' }, undefined],
    'is that of HTTPS_PROXY': [{ HTTPS_PROXY: 'http://proxy.example.com:3128' }, 'proxy.example.com:3128'],
    'is that of the variable in lower case when both are there': [
      { HTTPS_PROXY: 'http://other.example.com', https_proxy: 'http://proxy.example.com:3128' },
      'proxy.example.com:3128',
    ],
    'may be given without a scheme': [{ HTTPS_PROXY: 'proxy.example.com:3128' }, 'proxy.example.com:3128'],
    'may itself speak TLS': [{ HTTPS_PROXY: 'https://proxy.example.com' }, 'proxy.example.com'],
    'is told without its password': [{ HTTPS_PROXY: 'http://me:secret@proxy.example.com:1' }, 'proxy.example.com:1'],
    'may have an @ in its password': [{ HTTPS_PROXY: 'http://me:sec@ret@proxy.example.com:1' }, 'proxy.example.com:1'],
    'may have a password that is encoded': [
      { HTTPS_PROXY: 'http://me:s%2Fe%23c@proxy.example.com' },
      'proxy.example.com',
    ],
    'is not that of HTTP_PROXY, which is for plain HTTP': [{ HTTP_PROXY: 'http://proxy.example.com' }, undefined],
  };
  for (const [outcome, [env, want]] of Object.entries(rows)) {
    test(outcome, () => assert.equal(proxyOf(env), want));
  }

  for (const value of [
    'socks5://me:secret@proxy.example.com',
    'http://',
    'me:secret@',
    '::',
    'http://a b',
    // Text behind any of these is not part of the address, and text before it looks like a host.
    'http://me:a/secret@proxy.example.com:3128',
    'http://secret/b@proxy.example.com',
    'http://me:a?secret@proxy.example.com',
    'http://me:a#secret@proxy.example.com',
    'http://me:a\\secret@proxy.example.com',
    'me:a://secret@proxy.example.com',
    'http://proxy.example.com/secret',
  ]) {
    test(`is refused when it is ${value}, and the value is not repeated`, () => {
      assert.throws(
        () => proxyOf({ HTTPS_PROXY: value }),
        (thrown: unknown) => {
          assert.ok(thrown instanceof Failure);
          assert.equal(thrown.next, 'stop');
          assert.match(thrown.message, /^HTTPS_PROXY is not the address of a proxy/);
          assert.doesNotMatch(thrown.message, /secret/);
          return true;
        },
      );
    });
  }
});

// Rule 9
describe('names on the way to AWS', () => {
  const question = {
    protocol: 'https:',
    hostname: 'api.ecr.eu-west-1.amazonaws.com',
    method: 'GET',
    path: '/',
    headers: {},
    query: {},
  };
  for (const [what, env, name] of [
    ['of AWS', {}, 'api.ecr.eu-west-1.amazonaws.com'],
    ['of the proxy', { HTTPS_PROXY: 'http://proxy.example.com:3128' }, 'proxy.example.com'],
    ['of a proxy that speaks TLS', { HTTPS_PROXY: 'https://proxy.example.com:3128' }, 'proxy.example.com'],
  ] as const) {
    test(`${what} are looked up where slow ones delay no others`, async () => {
      const asked: string[] = [];
      const egress = createEgress({
        env,
        lookup(hostname, _options, answer) {
          asked.push(hostname);
          answer(Object.assign(new Error('no answer'), { code: 'EAI_AGAIN' }), '');
        },
      });
      const given = question as Parameters<typeof egress.handler.handle>[0];
      await assert.rejects(egress.handler.handle(given), { code: 'EAI_AGAIN' });
      assert.deepEqual(asked, [name]);
      egress.close();
    });
  }
});
