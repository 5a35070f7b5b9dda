// Covers how the environment names a proxy; test/scenario/proxy.test.ts covers that calls go through it.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createManualClock } from '../../testing/clocks/manual-clock.ts';
import { START } from '../../testing/rigs/builders.ts';
import { Failure } from '../lib/errors.ts';
import { seconds } from '../lib/time.ts';
import type { HttpRequest } from './bounded-answers.ts';
import { createCalls } from './calls.ts';
import { createEgress } from './egress.ts';

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
    await assert.rejects(egress.route().handler.handle({ ...given, query: {} } as HttpRequest));
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
  const PROXIES = { HTTPS_PROXY: 'http://the.proxy:3128', HTTP_PROXY: 'http://plain.proxy:3128' };
  /** Of a call to this URL, which no name server knows. */
  const wordsWith = async (env: NodeJS.ProcessEnv, url: string): Promise<string> => {
    const clock = createManualClock(START);
    const egress = createEgress({
      env,
      lookup(hostname, _options, answer) {
        // A host that does not answer: the deadline of the call ends it.
        if (hostname === 'silent.example.com') return;
        answer(Object.assign(new Error('no answer'), { code: 'ENOTFOUND' }), '');
      },
    });
    const route = egress.route();
    const { protocol, hostname } = new URL(url);
    const request = { protocol, hostname, method: 'GET', path: '/', headers: {}, query: {} } as HttpRequest;
    const asked = { service: 'ECR', region: 'eu-west-1', what: 'login', sentWith: [], proxy: route.proxy } as const;
    const call = createCalls({ clock });
    const failed = call('Login', asked, () => route.handler.handle(request), new AbortController().signal);
    const told = failed.then(
      () => '',
      (thrown: unknown) => (thrown instanceof Failure ? thrown.message : ''),
    );
    if (hostname === 'silent.example.com') await clock.advance(seconds(30));
    const words = await told;
    egress.close();
    return words;
  };

  for (const [outcome, env, url, words] of [
    ['name the proxy that it went by', {}, 'https://aws.example.com', 'ENOTFOUND (by way of the proxy the.proxy:3128)'],
    ['name that of plain HTTP', {}, 'http://aws.example.com', 'ENOTFOUND (by way of the proxy plain.proxy:3128)'],
    ['name none where there is none for it', { HTTP_PROXY: '' }, 'http://aws.example.com', 'ENOTFOUND'],
    ['name none where NO_PROXY exempts the host', { NO_PROXY: '.example.com' }, 'https://aws.example.com', 'ENOTFOUND'],
    [
      'name none where NO_PROXY exempts a host that never answers',
      { NO_PROXY: '.example.com' },
      'https://silent.example.com',
      'no answer in time',
    ],
  ] as const)
    test(outcome, async () =>
      assert.equal(await wordsWith({ ...PROXIES, ...env }, url), `cannot reach ECR in eu-west-1: ${words}`),
    );
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
      const given = question as HttpRequest;
      await assert.rejects(egress.route().handler.handle(given), { code: 'EAI_AGAIN' });
      assert.deepEqual(asked, [name]);
      egress.close();
    });
  }
});
