// Covers what a kubeconfig may say that the operator must not ignore, and that it does ignore all the rest.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { makeTemporaryFolder } from '../../testing/process/temporary-folder.ts';
import { Failure } from '../lib/errors.ts';
import type { ApiServerAccess } from './access.ts';
import { kubeconfigAccess } from './kubeconfig.ts';

const folder = makeTemporaryFolder('kubeconfig-fields');
const SERVER = 'https://api.example:6443';

interface Parts {
  readonly cluster?: object;
  readonly user?: object;
}

function write(name: string, { cluster = {}, user = {} }: Parts): string {
  const config = {
    clusters: [
      { name: 'other', cluster: { server: 'http://other.example', 'proxy-url': 'http://other.example' } },
      { name: 'c', cluster: { server: SERVER, ...cluster } },
    ],
    users: [
      { name: 'other', user: { as: 'somebody' } },
      { name: 'u', user: { token: 'TOKEN', ...user } },
    ],
    contexts: [{ name: 'now', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'now',
  };
  writeFileSync(join(folder, name), stringify(config));
  return join(folder, name);
}

const access = (parts: Parts): ApiServerAccess => kubeconfigAccess(write('config', parts), parse);

describe('a kubeconfig that changes who the operator is or where it goes', () => {
  const REFUSED: readonly (readonly [what: string, parts: Parts, says: RegExp])[] = [
    ['by as', { user: { as: 'nobody-at-all' } }, /user u has "as": .* does not impersonate/],
    ['by as-uid', { user: { 'as-uid': '1' } }, /user u has "as-uid"/],
    ['by as-groups', { user: { 'as-groups': ['system:masters'] } }, /user u has "as-groups"/],
    ['by as-user-extra', { user: { 'as-user-extra': { scopes: ['a'] } } }, /user u has "as-user-extra"/],
    ['by a file with a token', { user: { tokenFile: '/some/where' } }, /user u has "tokenFile": .*put it into "token"/],
    ['by a proxy', { cluster: { 'proxy-url': 'http://me:PASSWORD@proxy.example' } }, /cluster c has "proxy-url"/],
    ['by plain http', { cluster: { server: 'http://me:PASSWORD@api.example' } }, /"server" of cluster c: .*https:/],
    ['without a scheme', { cluster: { server: '127.0.0.1:6443' } }, /"server" of cluster c: .*https:/],
    ['by a name without a scheme', { cluster: { server: 'localhost:6443' } }, /"server" of cluster c: .*https:/],
    ['by what is no URL', { cluster: { server: 'https://a b' } }, /"server" of cluster c: it is no URL/],
    ['by a user in the URL', { cluster: { server: 'https://me:PASSWORD@api.example' } }, /"server" .* holds a user/],
  ];
  for (const [what, parts, says] of REFUSED) {
    test(`${what} is refused by the name of the field, without its value`, () => {
      assert.throws(
        () => access(parts),
        (thrown: unknown) =>
          thrown instanceof Failure &&
          says.test(thrown.message) &&
          !/PASSWORD|nobody-at-all|some\/where/.test(thrown.message),
      );
    });
  }

  test('is refused where it cannot be read, without a word of what stands in it', () => {
    writeFileSync(join(folder, 'garbage'), 'users:\n- token: PASSWORD\n\t- {');
    assert.throws(
      () => kubeconfigAccess(join(folder, 'garbage'), parse),
      (thrown: unknown) =>
        thrown instanceof Failure && /cannot read/.test(thrown.message) && thrown.cause === undefined,
    );
  });

  test('is refused in the file that counts, of several', () => {
    const first = write('first', { user: { as: 'somebody' } });
    const second = write('second', {});
    assert.throws(() => kubeconfigAccess([first, second].join(delimiter), parse), /user u has "as"/);
    assert.equal(kubeconfigAccess([second, first].join(delimiter), parse).url.origin, SERVER);
  });

  test('that does not exist is not taken for one that names localhost', () => {
    assert.throws(() => kubeconfigAccess(join(folder, 'none'), parse), /cannot read the kubeconfig .*none/);
  });
});

describe('a kubeconfig that says other things', () => {
  test('is taken, with fields of others, unknown ones and empty ones', async () => {
    const user = { as: '', 'as-groups': [], 'as-user-extra': {}, unknown: 1 };
    const taken = access({ cluster: { 'proxy-url': '', extensions: [{}] }, user });
    assert.equal(taken.url.origin, SERVER);
    assert.deepEqual((await taken.credentials()).headers, { authorization: 'Bearer TOKEN' });
  });

  test('is taken though a cluster or a user that is not in force is broken', () => {
    const file = write('broken', {});
    const config = parse(readFileSync(file, 'utf8'));
    config.clusters.unshift({ name: 'half', cluster: {} }, { cluster: { server: 'https://a' } });
    config.users.unshift({ user: {} });
    writeFileSync(file, stringify(config));
    assert.equal(kubeconfigAccess(file, parse).url.origin, SERVER);
  });

  test('may set the server name for TLS, and switch verification off', async () => {
    const named = await access({ cluster: { 'tls-server-name': 'kubernetes.default' } }).credentials();
    assert.equal(named.servername, 'kubernetes.default');
    const unverified = await access({ cluster: { 'insecure-skip-tls-verify': true } }).credentials();
    assert.equal(unverified.rejectUnauthorized, false);
  });
});
