// Covers how the environment names a proxy; test/scenario/proxy.test.ts covers that calls go through it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { Failure } from '../lib/errors.ts';
import { systemClock } from '../lib/time.ts';
import { createCalls } from './calls.ts';
import { createEcrClient } from './ecr-client.ts';
import { createEgress, type Egress } from './egress.ts';

function proxyOf(env: NodeJS.ProcessEnv): string | undefined {
  const egress = createEgress({ env });
  egress.close();
  return egress.proxyFor('api.ecr.eu-west-1.amazonaws.com', '443');
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
    'may have white space around it': [{ HTTPS_PROXY: ' http://proxy.example.com:3128\n' }, 'proxy.example.com:3128'],
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
    '"http://me:secret@proxy.example.com"',
    // Text behind any of these is not part of the address, and text before it looks like a host.
    'http://me:a/secret@proxy.example.com:3128',
    'http://secret/b@proxy.example.com',
    'http://me:a?secret@proxy.example.com',
    'http://me:a#secret@proxy.example.com',
    'http://me:a\\secret@proxy.example.com',
    'me:a://secret@proxy.example.com',
    'http://proxy.example.com/secret',
    'http://me:%secret@proxy.example.com',
    // Latin-1, where it has to be UTF-8.
    'http://me:%E4secret@proxy.example.com',
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

  for (const [value, advice] of [
    ['http://CORP\\me:secret@proxy.example.com', /there is a \\ in it; write it as %5C \(DOMAIN%5Cuser\)/],
    ['http://me:a#secret@proxy.example.com', /write %23/],
    ['http://me:a?secret@proxy.example.com', /write %3F/],
    ['http://me:a/secret@proxy.example.com', /write %2F, and give no path/],
    ['http://me:50%secret@proxy.example.com', /write a % itself as %25/],
    ['http://me:a secret@proxy.example.com', /write %20/],
    ['"http://proxy.example.com"', /it is in quotes/],
    ['socks5://proxy.example.com', /has to begin with http:\/\/ or https:\/\//],
    ['http://proxy.example.com:port', /give it like http:\/\/proxy\.example\.com:3128/],
  ] as const) {
    test(`that is ${value} is refused by the name of its variable and with what to write`, () => {
      const words = (thrown: unknown): string => (thrown instanceof Failure ? thrown.message : '');
      const isAdvice = (thrown: unknown): boolean =>
        advice.test(words(thrown)) && words(thrown).startsWith('https_proxy is');
      assert.throws(() => proxyOf({ https_proxy: value }), isAdvice);
    });
  }
});

describe('a call of AWS', () => {
  /** The way it takes: the name that is looked up is that of the host itself, or that of the proxy. */
  const wayOf = async (env: NodeJS.ProcessEnv, url: string): Promise<string> => {
    const asked: string[] = [];
    const egress = createEgress({
      env: { HTTPS_PROXY: 'http://the.proxy:3128', ...env },
      lookup(hostname, _options, answer) {
        asked.push(hostname);
        answer(Object.assign(new Error('no answer'), { code: 'EAI_AGAIN' }), '');
      },
    });
    const { protocol, hostname, port } = new URL(url);
    const given = {
      protocol,
      hostname,
      ...(port ? { port: Number(port) } : {}),
      method: 'GET',
      path: '/',
      headers: {},
    };
    await assert.rejects(egress.handler.handle({ ...given, query: {} } as Parameters<Egress['handler']['handle']>[0]));
    egress.close();
    return asked[0] === 'the.proxy' ? 'proxy' : 'direct';
  };
  const ECR = 'https://api.ecr.eu-west-1.amazonaws.com';

  test('goes through the proxy to a host that NO_PROXY does not name', async () => {
    assert.equal(await wayOf({ NO_PROXY: '.svc,10.0.0.0/8' }, ECR), 'proxy');
  });
  test('goes without it to a host that NO_PROXY names, with its port or without', async () => {
    for (const NO_PROXY of ['amazonaws.com', '.svc .amazonaws.com', 'amazonaws.com:443', '*'])
      assert.equal(await wayOf({ NO_PROXY }, ECR), 'direct', NO_PROXY);
    assert.equal(await wayOf({ NO_PROXY: 'amazonaws.com:8443' }, ECR), 'proxy');
    assert.equal(await wayOf({ NO_PROXY: 'amazonaws.com:8443' }, `${ECR}:8443`), 'direct');
  });
  test('of plain HTTP goes through the proxy of HTTP_PROXY, and is known by port 80', async () => {
    const env = { HTTP_PROXY: 'http://the.proxy:3128' };
    assert.equal(await wayOf(env, 'http://aws.example.com'), 'proxy');
    assert.equal(await wayOf({ ...env, NO_PROXY: 'aws.example.com:80' }, 'http://aws.example.com'), 'direct');
  });
  test('heeds no_proxy before NO_PROXY', async () => {
    assert.equal(await wayOf({ no_proxy: '.svc', NO_PROXY: '*' }, ECR), 'proxy');
  });
});

describe('the words of a failed call', () => {
  const HTTPS_PROXY = 'http://the.proxy:3128';
  const wordsWith = async (env: NodeJS.ProcessEnv): Promise<string> => {
    const egress = createEgress({
      env,
      lookup: (_hostname, _options, answer) => answer(Object.assign(new Error('no answer'), { code: 'ENOTFOUND' }), ''),
    });
    const call = createCalls({ clock: systemClock, proxyBehind: egress.proxyBehind });
    const client = createEcrClient({ clock: systemClock, userAgent: 'test', egress, call, endpoint: undefined });
    const keys = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret' };
    const request = { kind: 'private', region: 'eu-west-1', keys, useFips: false, useDualstack: false } as const;
    try {
      await client.fetchToken({ ...request, account: undefined }, new AbortController().signal);
      return '';
    } catch (thrown) {
      return thrown instanceof Failure ? thrown.message : '';
    } finally {
      egress.close();
    }
  };

  test('name the proxy that the call went by', async () =>
    assert.match(await wordsWith({ HTTPS_PROXY }), /ENOTFOUND \(by way of the proxy the\.proxy:3128\)$/));
  test('name no proxy where NO_PROXY exempts the host', async () =>
    assert.match(await wordsWith({ HTTPS_PROXY, NO_PROXY: '.amazonaws.com' }), /in eu-west-1: ENOTFOUND$/));
  test('name no proxy for an answer that came without one', async () => {
    const server = createServer((_request, response) => response.writeHead(403).end('a page')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const egress = createEgress({ env: { HTTPS_PROXY } });
    const request = {
      protocol: 'http:',
      hostname: '127.0.0.1',
      port,
      method: 'GET',
      path: '/',
      headers: {},
      query: {},
    };
    const { response } = await egress.handler.handle(request as Parameters<Egress['handler']['handle']>[0]);
    const told = (error: Error, $response: object): Error => Object.assign(error, { $response });
    assert.equal(egress.proxyBehind(told(new Error('no JSON'), response)), undefined);
    assert.equal(egress.proxyBehind(told(new Error('no JSON'), { statusCode: 403 })), 'the.proxy:3128');
    egress.close();
    server.close();
    server.closeAllConnections();
  });
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
