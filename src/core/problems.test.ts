// Covers which namespaces the status says something of that the next reconciliation heeds.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PullSecretStatus } from '../api/schema.ts';
import { contested, obstructed } from './problems.ts';

const item = (namespace: string, reason: string) => ({ namespace, reason, message: 'm' });
const STATUS: PullSecretStatus = {
  problems: {
    count: 4,
    items: [
      item('taken', 'SecretConflict'),
      item('leaving', 'SecretTerminating'),
      item('fought', 'SecretContested'),
      item('missing', 'NamespaceNotFound'),
    ],
  },
};

test('a Secret is obstructed where another one is in its place, or is being deleted', () => {
  assert.deepEqual([...obstructed(STATUS)], ['taken', 'leaving']);
});

test('a Secret is contested where another writer changes it', () => {
  assert.deepEqual([...contested(STATUS)], ['fought']);
});

test('a status without problems obstructs and contests nothing', () => {
  assert.deepEqual([...obstructed({}), ...contested({})], []);
});
