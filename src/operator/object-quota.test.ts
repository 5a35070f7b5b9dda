// Covers who is kept whole as objects of a namespace come, grow and go.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { objectKey } from '../api/meta.ts';
import { CLUSTER_KIND, NAMESPACED_KIND } from '../api/names.ts';
import type { PullSecretObject } from '../core/resource.ts';
import { withLogins } from '../core/status.ts';
import { clusterPullSecret, login, pullSecret, spec } from '../testing/builders.ts';
import { createObjectQuota, type ObjectQuota } from './object-quota.ts';

const fresh = (uid: string, padding = ''): PullSecretObject => ({
  ...pullSecret(NAMESPACED_KIND, { ...spec(), padding }),
  uid,
  name: uid,
});
const served = (uid: string): PullSecretObject => ({ ...fresh(uid), status: withLogins({}, [login('eu-west-1')]) });
const keyOf = ({ name }: PullSecretObject): ReturnType<typeof objectKey> => objectKey('ns1', name);

function quotaOf(objects: number): ObjectQuota {
  const quota = createObjectQuota(objects);
  quota.open();
  return quota;
}

// Rule 14
describe('of the objects of one namespace', () => {
  const waiting = (quota: ObjectQuota, ...objects: readonly PullSecretObject[]): readonly boolean[] =>
    objects.map((object) => quota.admit(object).isWaiting);

  test('so many are kept whole, in order of their coming; those of others do not count', () => {
    const quota = quotaOf(2);
    assert.deepEqual(waiting(quota, fresh('a'), fresh('b'), fresh('c'), fresh('a')), [false, false, true, false]);
    assert.equal(quota.admit({ ...fresh('d'), namespace: 'ns2' }).isWaiting, false);
    assert.equal(quota.admit(clusterPullSecret(spec())).kind, CLUSTER_KIND);
    assert.deepEqual([quota.hasRoom(fresh('c')), quota.hasRoom({ ...fresh('e'), namespace: 'ns2' })], [false, true]);
  });

  test('none is kept that is not served before all that are served have been seen', () => {
    const quota = createObjectQuota(2);
    assert.deepEqual(waiting(quota, fresh('a'), served('b')), [true, false]);
    quota.open();
    assert.deepEqual(waiting(quota, fresh('a'), fresh('c')), [false, true]);
  });

  test('one that goes makes room for the one that has waited longest', () => {
    const quota = quotaOf(1);
    for (const object of [fresh('a'), fresh('b'), fresh('c')]) {
      if (quota.admit(object).isWaiting) quota.waits(keyOf(object), object);
    }
    assert.equal(quota.leave(keyOf(fresh('a')), fresh('a')), keyOf(fresh('b')));
    assert.deepEqual(waiting(quota, fresh('b'), fresh('c')), [false, true]);
    assert.equal(quota.leave(keyOf(fresh('c')), fresh('c')), undefined, 'it was the last that waited');
  });

  test('those that are large leave less room, and growing ones too', () => {
    const quota = quotaOf(3);
    const large = 'x'.repeat(12 * 1_024);
    assert.deepEqual(waiting(quota, fresh('a', large), fresh('b', large), fresh('b')), [false, true, false]);
    assert.deepEqual(waiting(quota, fresh('b', large), fresh('c')), [false, true], 'what is kept may grow');
    assert.match(quota.reason(fresh('c')), /^namespace ns1 has as many objects/);
  });
});
