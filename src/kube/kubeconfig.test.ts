// Covers the tokens of a kubeconfig's plugin: how often it runs; and a configuration in several files.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { parse } from 'yaml';
import { type ScriptedServer, startScriptedServer } from '../../testing/network/scripted-server.ts';
import { makeTemporaryFolder } from '../../testing/process/temporary-folder.ts';
import { Failure } from '../lib/errors.ts';
import { systemClock } from '../lib/time.ts';
import { kubeconfigAccess } from './kubeconfig.ts';
import { createTransport, type Transport } from './transport.ts';

const { signal } = new AbortController();

describe('a kubeconfig with a plugin', () => {
  let server: ScriptedServer;
  let transport: Transport;
  let folder = '';
  const asked = (): number => readFileSync(join(folder, 'asked'), 'utf8').length;

  beforeEach(async () => {
    server = await startScriptedServer();
    folder = mkdtempSync(join(tmpdir(), 'kubeconfig-'));
    writeFileSync(join(folder, 'asked'), '');
    // Gives token-1, token-2 and so on.
    const plugin = `
      const { appendFileSync, readFileSync } = require('node:fs');
      appendFileSync(${JSON.stringify(join(folder, 'asked'))}, '.');
      const token = 'token-' + readFileSync(${JSON.stringify(join(folder, 'asked'))}, 'utf8').length;
      console.log(JSON.stringify({ kind: 'ExecCredential', status: { token } }));`;
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: process.execPath, args: ['-e', plugin] };
    const authority = Buffer.from(server.certificate).toString('base64');
    const config = {
      clusters: [{ name: 'here', cluster: { server: server.url, 'certificate-authority-data': authority } }],
      users: [{ name: 'me', user: { exec } }],
      contexts: [{ name: 'now', context: { cluster: 'here', user: 'me' } }],
      'current-context': 'now',
    };
    writeFileSync(join(folder, 'config'), JSON.stringify(config));
    const access = kubeconfigAccess(join(folder, 'config'), parse);
    transport = createTransport({ access, clock: systemClock, userAgent: 'test' });
  });
  afterEach(async () => {
    transport.close();
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  /** The tokens that the API server got, each once, in order. */
  const shown = (): readonly unknown[] => [...new Set(server.requests.map(({ headers }) => headers['authorization']))];
  const ask = (): Promise<unknown> => transport.send({ method: 'GET', path: '/api' }, signal);

  test('runs it once, however many requests begin together', async () => {
    server.script((exchange) => exchange.answer(200, {}));
    await Promise.all(Array.from({ length: 8 }, ask));
    await ask();
    assert.equal(asked(), 1);
    assert.deepEqual(shown(), ['Bearer token-1']);
  });

  test('runs it again after an invalid answer, which is not kept', async () => {
    const file = join(folder, 'config');
    const good = readFileSync(file, 'utf8');
    writeFileSync(file, good.replace('status: { token }', '...{}'));
    const access = kubeconfigAccess(file, parse);
    for (const times of [1, 2]) {
      const [result] = await Promise.allSettled([access.credentials()]);
      assert.equal(result.status, 'rejected');
      assert.equal(asked(), times);
    }
  });

  test('runs it again when the API server no longer accepts the token, though it named no end', async () => {
    server.script((exchange) =>
      exchange.answer(exchange.headers['authorization'] === 'Bearer token-1' ? 401 : 200, {}),
    );
    const [refused] = await Promise.allSettled([ask()]);
    assert.ok(refused.status === 'rejected' && refused.reason instanceof Failure);
    await ask();
    assert.deepEqual(shown(), ['Bearer token-1', 'Bearer token-2']);
  });
});

describe('a kubeconfig that gives no credentials', () => {
  const folder = makeTemporaryFolder('kubeconfigs');
  const credentialsOf = (user: object): Promise<unknown> => {
    const config = {
      clusters: [{ name: 'here', cluster: { server: 'https://127.0.0.1:1' } }],
      users: [{ name: 'me', user }],
      contexts: [{ name: 'now', context: { cluster: 'here', user: 'me' } }],
      'current-context': 'now',
    };
    writeFileSync(join(folder, 'config'), JSON.stringify(config));
    return kubeconfigAccess(join(folder, 'config'), parse).credentials();
  };
  const apiVersion = 'client.authentication.k8s.io/v1';
  const users: Record<string, { readonly user: object; readonly says: RegExp }> = {
    'whose plugin is not there': {
      user: { exec: { apiVersion, command: 'no-such-plugin' } },
      says: /^the plugin no-such-plugin of the kubeconfig gave no credentials/,
    },
    'whose plugin ends with an error': {
      user: { exec: { apiVersion, command: process.execPath, args: ['-e', 'console.log("secret"); process.exit(3)'] } },
      says: /^the plugin .*node.* of the kubeconfig gave no credentials/,
    },
    'whose plugin writes something else': {
      user: { exec: { apiVersion, command: process.execPath, args: ['-e', 'console.log("secret")'] } },
      says: /^the plugin .*node.* of the kubeconfig gave no credentials/,
    },
    'whose plugin writes an object without a status': {
      user: { exec: { apiVersion, command: process.execPath, args: ['-e', 'console.log("{}")'] } },
      says: /^the plugin .*node.* of the kubeconfig gave no credentials/,
    },
    'whose certificate is not there': {
      user: { 'client-certificate': '/nowhere/cert', 'client-key': '/nowhere/key' },
      says: /^the kubeconfig gave no credentials/,
    },
  };
  for (const [name, { user, says }] of Object.entries(users)) {
    test(`says so, and quotes nothing of its text: one ${name}`, async () => {
      const [result] = await Promise.allSettled([credentialsOf(user)]);
      assert.ok(result.status === 'rejected' && result.reason instanceof Failure);
      assert.equal(result.reason.reason, 'NoCredentials');
      assert.match(result.reason.message, says);
      assert.doesNotMatch(result.reason.message, /secret/);
    });
  }
});

describe('a kubeconfig in several files', () => {
  const folder = makeTemporaryFolder('kubeconfigs');
  const write = (name: string, config: object): string => {
    writeFileSync(join(folder, name), JSON.stringify(config));
    return join(folder, name);
  };
  const clusters = (name: string, host: string): object => ({
    clusters: [{ name, cluster: { server: `https://${host}.example:6443` } }],
  });
  const user = (token: string): object => ({ users: [{ name: 'me', user: { token } }] });
  const contexts = (cluster: string, namespace: string): object => ({
    contexts: [{ name: 'now', context: { cluster, user: 'me', namespace } }],
    'current-context': 'now',
  });
  const joined = (...paths: readonly string[]): ReturnType<typeof kubeconfigAccess> =>
    kubeconfigAccess(paths.join(delimiter), parse);

  test('is read as one, each part from another file', async () => {
    const access = joined(
      write('clusters', clusters('here', 'first')),
      write('users', user('one')),
      write('contexts', contexts('here', 'ns')),
    );
    assert.equal(access.url.host, 'first.example:6443');
    assert.equal(access.namespace, 'ns');
    assert.deepEqual((await access.credentials()).headers, { authorization: 'Bearer one' });
  });

  // As kubectl does it.
  test('has from the first file whatever several files name', async () => {
    const access = joined(
      write('first', { ...clusters('here', 'first'), ...user('one'), ...contexts('here', 'ns') }),
      write('second', { ...clusters('here', 'second'), ...user('two'), ...contexts('here', 'other') }),
    );
    assert.equal(access.url.host, 'first.example:6443');
    assert.equal(access.namespace, 'ns');
    assert.deepEqual((await access.credentials()).headers, { authorization: 'Bearer one' });
  });

  test('may name files that do not exist, as long as one does', () => {
    const there = write('there', { ...clusters('here', 'first'), ...user('one'), ...contexts('here', 'ns') });
    assert.equal(joined(join(folder, 'none'), '', there).url.host, 'first.example:6443');
    assert.throws(() => joined(join(folder, 'none'), join(folder, 'neither')), /cannot read the kubeconfig/);
  });

  test('is not what a single file is whose name has the separator in it', () => {
    const path = write(`a${delimiter}b`, { ...clusters('here', 'first'), ...user('one'), ...contexts('here', 'ns') });
    assert.equal(kubeconfigAccess(path, parse).url.host, 'first.example:6443');
  });
});
