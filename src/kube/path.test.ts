// Covers API paths: their forms, and that no name adds or leaves a segment.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assert as assertProperty, property, string } from 'fast-check';
import { NAMESPACES, type ResourceDescriptor, SECRETS } from '../api/meta.ts';
import { Failure } from '../lib/errors.ts';
import { apiPath, type ObjectPath } from './path.ts';

const CRS: ResourceDescriptor = {
  group: 'aws.zakariaamine.com',
  version: 'v1alpha2',
  plural: 'awsecrimagepullsecrets',
  namespaced: true,
};

// Rule 16
describe('a path', () => {
  const rows: Readonly<Record<string, { resource: ResourceDescriptor; at?: ObjectPath; want: string }>> = {
    'of a core object': {
      resource: SECRETS,
      at: { namespace: 'n', name: 'a' },
      want: '/api/v1/namespaces/n/secrets/a',
    },
    'of a collection in one namespace': {
      resource: SECRETS,
      at: { namespace: 'n' },
      want: '/api/v1/namespaces/n/secrets',
    },
    'of a collection in all namespaces': { resource: SECRETS, want: '/api/v1/secrets' },
    'of a cluster-scoped object': {
      resource: NAMESPACES,
      at: { namespace: undefined, name: 'a' },
      want: '/api/v1/namespaces/a',
    },
    'of a status in a group': {
      resource: CRS,
      at: { namespace: 'n', name: 'a', subresource: 'status' },
      want: '/apis/aws.zakariaamine.com/v1alpha2/namespaces/n/awsecrimagepullsecrets/a/status',
    },
    'encodes a slash': {
      resource: SECRETS,
      at: { namespace: 'a/b', name: '../x' },
      want: '/api/v1/namespaces/a%2Fb/secrets/..%2Fx',
    },
    'encodes what is encoded already': {
      resource: SECRETS,
      at: { namespace: '%2e%2e', name: '%2F' },
      want: '/api/v1/namespaces/%252e%252e/secrets/%252F',
    },
    'encodes what would begin a query or a fragment': {
      resource: SECRETS,
      at: { namespace: 'n', name: 'a?b#c d\n' },
      want: '/api/v1/namespaces/n/secrets/a%3Fb%23c%20d%0A',
    },
    'encodes letters that only look like ASCII': {
      resource: SECRETS,
      at: { namespace: 'а', name: 'a' },
      want: '/api/v1/namespaces/%D0%B0/secrets/a',
    },
  };
  for (const [outcome, { resource, at, want }] of Object.entries(rows)) {
    test(outcome, () => assert.equal(apiPath(resource, at), want));
  }

  for (const name of ['', '.', '..', '\ud800']) {
    test(`is refused with the name ${JSON.stringify(name)}`, () => {
      const refused = (thrown: unknown): boolean =>
        thrown instanceof Failure && thrown.next === 'change' && thrown.message.isWellFormed();
      assert.throws(() => apiPath(SECRETS, { namespace: 'n', name }), refused);
      assert.throws(() => apiPath(SECRETS, { namespace: name, name: 'a' }), refused);
    });
  }

  test('of any names is read by a server as exactly these names, or is refused', () => {
    const name = string({ unit: 'binary', minLength: 1 });
    assertProperty(
      property(name, name, (namespace, object) => {
        const isDots = [namespace, object].some((text) => text === '.' || text === '..');
        if (isDots) return;
        const { pathname, search, hash } = new URL(apiPath(SECRETS, { namespace, name: object }), 'https://api');
        assert.deepEqual([search, hash], ['', '']);
        assert.deepEqual(pathname.split('/').map(decodeURIComponent), [
          '',
          'api',
          'v1',
          'namespaces',
          namespace,
          'secrets',
          object,
        ]);
      }),
      { numRuns: 500 },
    );
  });
});
