// Covers what is kept of an object of the deprecated kind after it is gone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { objectKey } from '../api/meta.ts';
import { convertedSpec, formerUid, type LegacyObject } from '../core/conversion.ts';
import { clusterPullSecret, KEY_ID, SECRET_KEY, spec } from '../testing/builders.ts';
import { createClusterView } from './cluster-view.ts';

const ignore = (): void => {};

test('a converted object that is gone is still known as the one before its successor, without its keys', () => {
  const view = createClusterView({
    enqueue: ignore,
    onLegacy: ignore,
    onGone: ignore,
    onCredentials: ignore,
    operatorNamespace: 'operator',
  });
  const identity = { name: 'a', uid: 'old', resourceVersion: '1', generation: 1, deleting: false };
  const old: LegacyObject = { ...identity, spec: spec({ namespaces: ['ns1'] }), conditions: [] };
  const key = objectKey(undefined, 'a');
  view.legacy.apply(key, old, '1');
  view.legacy.apply(key, undefined, '2');

  const successor = convertedSpec(old);
  assert.ok(typeof successor !== 'string');
  assert.equal(formerUid(view.predecessor(key), clusterPullSecret(successor)), 'old');
  assert.equal(formerUid(view.predecessor(key), clusterPullSecret(spec())), undefined);
  const kept = inspect(view.predecessor(key), { depth: Infinity });
  for (const secret of [KEY_ID, SECRET_KEY]) assert.ok(!kept.includes(secret), kept);
});
