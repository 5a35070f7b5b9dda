// Covers which objects of a namespace are kept whole: served ones always, the others as long as the quota has space.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { array, assert as assertProperty, boolean, integer, property, record } from 'fast-check';
import { login, pullSecret, spec } from '../../testing/rigs/builders.ts';
import { NAMESPACED_KIND } from '../api/names.ts';
import { isServed, keptBytes, mayKeep, quotaMessage, reducedForm, type Share, shareOf } from './quota.ts';
import type { PullSecretObject } from './resource.ts';
import { withLogins } from './status.ts';

function objectOf({ size, isServed }: { size: number; isServed: boolean }): PullSecretObject {
  const status = isServed ? withLogins({}, [login('eu-west-1')]) : {};
  return { ...pullSecret(NAMESPACED_KIND, { ...spec(), padding: 'x'.repeat(size) }), status };
}

describe('the share of a namespace', () => {
  const objects = array(record({ size: integer({ min: 0, max: 20_000 }), isServed: boolean() }).map(objectOf), {
    maxLength: 40,
  });

  test('is never exceeded, and those that are served count for none of its objects', () => {
    assertProperty(
      property(objects, integer({ min: 1, max: 10 }), (all, count) => {
        const most = shareOf(count);
        let used: Share = { objects: 0, bytes: 0 };
        for (const one of all) {
          const isKept = mayKeep(one, used, most);
          const next = { objects: used.objects + 1, bytes: used.bytes + keptBytes(one) };
          assert.equal(isKept, next.bytes <= most.bytes && (isServed(one) || next.objects <= most.objects));
          if (isKept) used = next;
        }
      }),
    );
  });

  test('is 4 MB for five hundred objects', () => {
    assert.deepEqual(shareOf(500), { objects: 500, bytes: 4_096_000 });
    assert.match(quotaMessage('shop', shareOf(500)), /^namespace shop has .*\(500, or 4 MB of them\)/);
  });
});

describe('an object beyond the quota', () => {
  test('keeps nothing that grows with it when it waits', () => {
    const large = objectOf({ size: 30_000, isServed: false });
    const conditions = [{ type: 'Ready', status: 'False' as const, lastTransitionTime: '', reason: 'r', message: 'm' }];
    const told = reducedForm({ ...large, status: { conditions } });
    assert.deepEqual([told.isWaiting, told.spec, told.status], [true, {}, { conditions }]);
    const [condition] = conditions;
    const long = { conditions: [{ ...condition, message: 'x'.repeat(30_000) }] } as PullSecretObject['status'];
    assert.ok(keptBytes(reducedForm({ ...large, status: long })) < 100);
  });

  test('keeps what its secrets hold, where they are and its identity, and nothing that grows with it, when it is served', () => {
    const large = objectOf({ size: 30_000, isServed: true });
    const told = reducedForm(large);
    assert.deepEqual([told.isWaiting, told.spec, told.status], [true, spec(), large.status]);
    const wide = { ...spec(), secretName: 'x'.repeat(30_000), awsAccess: { region: 'x'.repeat(30_000) } };
    assert.deepEqual(reducedForm({ ...large, spec: wide }).spec, {});
    assert.deepEqual(reducedForm({ ...large, spec: {} }).spec, {});
    const serviceAccounts = { names: ['default'] };
    assert.deepEqual(reducedForm({ ...large, spec: { serviceAccounts } }).spec, { serviceAccounts });
    const many = { names: Array.from({ length: 32 }, () => 'a'.repeat(100)) };
    assert.deepEqual(reducedForm({ ...large, spec: { serviceAccounts: many } }).spec, {});
  });
});
