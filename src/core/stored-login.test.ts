// Covers which of the Secrets labelled for one object are believed first.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { login } from '../../testing/rigs/builders.ts';
import { formatRfc3339 } from '../lib/time.ts';
import { commonInputs, likeliestFirst, proveLogin } from './stored-login.ts';

const place = (namespace: string, name = 'ecr-login'): { namespace: string; name: string } => ({ namespace, name });
const forged = Array.from({ length: 100 }, (_, index) => place('aaa', `a${index}`));

// Rule 8
test('a stored login says which key gave it, as its status does', () => {
  const { registry, username, password, hosts, digest, expiresAt, refreshedAt, renewAt } = login('eu-west-1');
  const entries = new Map([[hosts[0] ?? '', { username, password }]]);
  const told = {
    registry,
    digest,
    hosts: [...hosts],
    expiresAt: formatRfc3339(expiresAt),
    refreshedAt: formatRfc3339(refreshedAt),
    nextRefreshAt: formatRfc3339(renewAt),
  };
  for (const shown of [{ accessKeyIdSuffix: 'MPLE' }, { ambientSource: 'instance role' }])
    assert.deepEqual(proveLogin({ ...told, ...shown }, entries)?.shown, shown);
  assert.equal('shown' in (proveLogin(told, entries) ?? {}), false);
});

// Rule 9
describe('secrets labelled for one object', () => {
  test('are read in the namespaces that it names first, however many are forged elsewhere', () => {
    const [first] = likeliestFirst([...forged, place('zzz')], new Set(['zzz']), 'a login');
    assert.deepEqual(first, place('zzz'));
  });

  test('are read one in each namespace before a second one anywhere', () => {
    const others = ['x', 'y', 'z'].map((namespace) => place(namespace));
    const order = likeliestFirst([...forged, ...others], new Set(['aaa']), 'a login');
    assert.deepEqual(new Set(order.slice(0, 4).map(({ namespace }) => namespace)), new Set(['aaa', 'x', 'y', 'z']));
    assert.equal(order.length, 103);
  });

  test('are read in an order that differs for each login, and is the same until the next', () => {
    const many = Array.from({ length: 30 }, (_, index) => place(`ns${index}`));
    assert.deepEqual(likeliestFirst(many, new Set(), 'one'), likeliestFirst(many.toReversed(), new Set(), 'one'));
    assert.notDeepEqual(likeliestFirst(many, new Set(), 'one'), likeliestFirst(many, new Set(), 'another'));
  });

  test('show by a majority of namespaces which inputs they were made from', () => {
    const says = (namespace: string, inputs: string | undefined) => ({ namespace, inputs });
    const votes = [
      says('a', 'forged'),
      says('a', 'forged'),
      says('b', 'ours'),
      says('c', 'ours'),
      says('d', undefined),
    ];
    assert.equal(commonInputs(votes), 'ours');
    assert.equal(commonInputs(votes.slice(0, 3)), 'forged', 'of as many, the likeliest');
    assert.equal(commonInputs([says('d', undefined)]), undefined);
  });
});
