// Covers which objects of a namespace are kept whole: those that are served always, the others as far as there is room.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { array, assert as assertProperty, boolean, integer, property, record } from 'fast-check';
import { NAMESPACED_KIND } from '../api/names.ts';
import { login, pullSecret, spec } from '../testing/builders.ts';
import { keptBytes, mayKeep, quotaMessage, type Share, shareOf, waitingForm } from './quota.ts';
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

  test('is never exceeded by objects that are not served, and those that are served are kept all', () => {
    assertProperty(
      property(objects, integer({ min: 1, max: 10 }), (all, count) => {
        const most = shareOf(count);
        let used: Share = { objects: 0, bytes: 0 };
        for (const one of all) {
          const isServed = one.status.logins !== undefined;
          const isKept = mayKeep(one, used, most);
          if (isServed) assert.ok(isKept);
          const next = { objects: used.objects + 1, bytes: used.bytes + keptBytes(one) };
          const fits = next.objects <= most.objects && next.bytes <= most.bytes;
          if (!isServed) assert.equal(isKept, fits);
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

test('of an object that waits nothing is kept that grows with it', () => {
  const large = objectOf({ size: 30_000, isServed: false });
  const conditions = [{ type: 'Ready', status: 'False' as const, lastTransitionTime: '', reason: 'r', message: 'm' }];
  const told = waitingForm({ ...large, status: { conditions } });
  assert.deepEqual([told.isWaiting, told.spec, told.status], [true, {}, { conditions }]);
  const [condition] = conditions;
  const long = { conditions: [{ ...condition, message: 'x'.repeat(30_000) }] } as PullSecretObject['status'];
  assert.ok(keptBytes(waitingForm({ ...large, status: long })) < 100);
});
