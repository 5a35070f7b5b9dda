// Covers when an object is looked at again by itself.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { array, assert as assertProperty, boolean, constantFrom, integer, option, property, record } from 'fast-check';
import { HOUR, MINUTE, SECOND } from '../lib/time.ts';
import { after, login, START } from '../testing/builders.ts';
import { type Outlook, wakeAt } from './wake.ts';

const NOTHING: Outlook = { logins: [], failures: [], waiting: new Map(), problems: [], others: [] };
const held = login('eu-west-1');
const failure = { registry: 'eu-west-1', retryAt: after(MINUTE) };
const conflict = { namespace: 'ns1', named: true, reason: 'SecretConflict', message: 'm' };

describe('an object is looked at again', () => {
  test('never, when nothing changes by itself', () => {
    assert.equal(wakeAt(NOTHING, START), undefined);
    assert.equal(wakeAt({ ...NOTHING, others: [undefined] }, START), undefined);
  });

  test('when its login is due, or may be renewed after that', () => {
    assert.equal(wakeAt({ ...NOTHING, logins: [held] }, START), held.renewAt);
    const waiting = new Map([['eu-west-1', after(7 * HOUR)]]);
    assert.equal(wakeAt({ ...NOTHING, logins: [held], waiting }, after(6 * HOUR)), after(7 * HOUR));
  });

  test('when a failed login may be tried again, or the old one ends before', () => {
    const failing = { ...NOTHING, logins: [held], failures: [failure] };
    assert.equal(wakeAt(failing, START), failure.retryAt);
    const late = { ...failing, failures: [{ ...failure, retryAt: after(13 * HOUR) }] };
    assert.equal(wakeAt(late, after(11 * HOUR)), held.expiresAt);
    assert.equal(wakeAt(late, held.expiresAt), after(13 * HOUR));
  });

  test('after five minutes when somebody has its place', () => {
    assert.equal(wakeAt({ ...NOTHING, problems: [conflict] }, START), after(5 * MINUTE));
    assert.equal(wakeAt({ ...NOTHING, problems: [{ ...conflict, reason: 'NamespaceNotFound' }] }, START), undefined);
  });

  test('at the earliest of all, and always later than now', () => {
    const instant = integer({ min: -24 * HOUR, max: 24 * HOUR }).map(after);
    const registry = constantFrom('eu-west-1', 'us-east-1');
    const outlook = record({
      logins: array(
        record({ registry, renewAt: instant, expiresAt: instant }).map((over) => login(over.registry, over)),
      ),
      failures: array(record({ registry, retryAt: instant })),
      waiting: array(record({ registry, at: instant })).map((all) => new Map(all.map((one) => [one.registry, one.at]))),
      problems: boolean().map((is) => (is ? [conflict] : [])),
      others: array(option(instant, { nil: undefined })),
    });
    assertProperty(
      property(outlook, instant, (found, now) => {
        const at = wakeAt(found, now);
        for (const one of [...found.others, ...found.failures.map(({ retryAt }) => retryAt)]) {
          if (one === undefined) continue;
          assert.ok(at !== undefined && at <= Math.max(one, now + SECOND / 10));
        }
        assert.ok(at === undefined || at > now);
      }),
      { numRuns: 500 },
    );
  });
});
