// Covers which objects of a namespace are kept whole as objects come, grow and go.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { array, assert as assertProperty, constantFrom, integer, property, record } from 'fast-check';
import { clusterPullSecret, login, pullSecret, spec } from '../../../testing/rigs/builders.ts';
import { objectKey } from '../../api/meta.ts';
import { CLUSTER_KIND, NAMESPACED_KIND } from '../../api/names.ts';
import { isServed, keptBytes, shareOf } from '../../core/quota.ts';
import type { PullSecretObject } from '../../core/resource.ts';
import { withLogins } from '../../core/status.ts';
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
    objects.map((object) => quota.reserve(object).isWaiting);

  test('so many are kept whole, in order of their coming; those of others do not count', () => {
    const quota = quotaOf(2);
    assert.deepEqual(waiting(quota, fresh('a'), fresh('b'), fresh('c'), fresh('a')), [false, false, true, false]);
    assert.equal(quota.reserve({ ...fresh('d'), namespace: 'ns2' }).isWaiting, false);
    assert.equal(quota.reserve(clusterPullSecret(spec())).kind, CLUSTER_KIND);
    assert.deepEqual([quota.hasRoom(fresh('c')), quota.hasRoom({ ...fresh('e'), namespace: 'ns2' })], [false, true]);
  });

  test('none is kept that is not served before all that are served have been seen', () => {
    const quota = createObjectQuota(2);
    assert.deepEqual(waiting(quota, fresh('a'), served('b')), [true, false]);
    quota.open();
    assert.deepEqual(waiting(quota, fresh('a'), fresh('c')), [false, true]);
  });

  test('one that is deleted frees quota for the one that has waited longest', () => {
    const quota = quotaOf(1);
    for (const object of [fresh('a'), fresh('b'), fresh('c')]) {
      if (quota.reserve(object).isWaiting) quota.waits(object);
    }
    assert.equal(quota.leave(fresh('a')), keyOf(fresh('b')));
    assert.deepEqual(waiting(quota, fresh('b'), fresh('c')), [false, true]);
    assert.equal(quota.leave(fresh('c')), undefined, 'it was the last that waited');
  });

  test('one that got quota by itself is not taken for one that waits', () => {
    const quota = quotaOf(1);
    for (const object of [fresh('a'), fresh('b'), fresh('c')]) {
      if (quota.reserve(object).isWaiting) quota.waits(object);
    }
    assert.equal(quota.leave(fresh('a')), keyOf(fresh('b')));
    assert.deepEqual(waiting(quota, fresh('c'), fresh('b')), [false, true], 'the other one came first');
    quota.waits(fresh('b'));
    assert.equal(quota.leave(fresh('c')), keyOf(fresh('b')));
  });

  test('one that is deleted while it waits frees no quota, and wakes no other', () => {
    const quota = quotaOf(1);
    for (const object of [fresh('a'), fresh('b'), fresh('c')]) {
      if (quota.reserve(object).isWaiting) quota.waits(object);
    }
    assert.equal(quota.leave(fresh('b')), undefined);
    assert.equal(quota.leave(fresh('a')), keyOf(fresh('c')));
  });

  test('large ones leave less quota', () => {
    const quota = quotaOf(3);
    const large = 'x'.repeat(12 * 1_024);
    assert.deepEqual(waiting(quota, fresh('a', large), fresh('b', large), fresh('b')), [false, true, false]);
    assert.match(quota.reason(fresh('c')), /^namespace ns1 has as many objects/);
  });

  test('one that grows after it was admitted is kept whole only as far as the quota has space, and again when it has', () => {
    const quota = quotaOf(3);
    const large = 'x'.repeat(15 * 1_024);
    assert.deepEqual(waiting(quota, fresh('a'), fresh('b'), fresh('a', large)), [false, false, false]);
    assert.deepEqual(waiting(quota, fresh('b', large), fresh('c')), [true, false], 'what waits takes no room');
    const grown = { ...served('b'), spec: fresh('b', large).spec };
    const { isWaiting, spec: kept, status } = quota.reserve(grown);
    assert.deepEqual([isWaiting, kept, status], [true, spec(), grown.status], 'what is served is known');
    assert.deepEqual(waiting(quota, fresh('a'), grown), [false, false]);
  });

  test('those that are kept whole take no more than the share, however they come, change and go', () => {
    const step = record({
      uid: integer({ min: 0, max: 6 }).map(String),
      size: integer({ min: 0, max: 20_000 }),
      what: constantFrom('fresh', 'served', 'gone'),
    });
    assertProperty(
      property(array(step, { maxLength: 60 }), integer({ min: 1, max: 4 }), (steps, objects) => {
        const quota = quotaOf(objects);
        const held = new Map<string, PullSecretObject>();
        for (const { uid, size, what } of steps) {
          const object = { ...(what === 'served' ? served(uid) : fresh(uid)), spec: fresh(uid, 'x'.repeat(size)).spec };
          if (what === 'gone') quota.leave(object);
          if (what === 'gone') held.delete(uid);
          else held.set(uid, quota.reserve(object));
          const whole = [...held.values()].filter(({ isWaiting }) => !isWaiting);
          const bytes = whole.map(keptBytes).reduce((sum, one) => sum + one, 0);
          assert.ok(bytes <= shareOf(objects).bytes, `${bytes} bytes of ${whole.length} objects`);
          assert.ok(whole.filter((one) => !isServed(one)).length <= objects);
        }
      }),
    );
  });
});
