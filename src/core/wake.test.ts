// Covers when an object is reconciled again without an event.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { array, assert as assertProperty, boolean, constantFrom, integer, option, property, record } from 'fast-check';
import { after, login, START } from '../../testing/rigs/builders.ts';
import { type DurationMs, type EpochMs, HOUR, MINUTE, type Moment, SECOND } from '../lib/time.ts';
import { onBothClocks } from './login.ts';
import { type Outlook, wakeAt } from './wake.ts';

const NOTHING: Outlook = { logins: [], failures: [], renewalStarts: new Map(), problems: [], others: [] };
const held = login('eu-west-1');
/** The monotonic clock stands at one hour at START, and advances with the wall clock. */
const at = (now: EpochMs): Moment => ({ now, monotonic: (now - START + HOUR) as DurationMs });
const failure = { registry: 'eu-west-1', retryAt: after(MINUTE) };
const conflict = { namespace: 'ns1', named: true, reason: 'SecretConflict', message: 'm' };

describe('an object is reconciled again', () => {
  test('never, when nothing changes by itself', () => {
    assert.equal(wakeAt(NOTHING, at(START)), undefined);
    assert.equal(wakeAt({ ...NOTHING, others: [undefined] }, at(START)), undefined);
  });

  test('when its login is due, or may be renewed after that', () => {
    assert.equal(wakeAt({ ...NOTHING, logins: [held] }, at(START)), held.renewAt);
    const renewalStarts = new Map([['eu-west-1', after(7 * HOUR)]]);
    assert.equal(wakeAt({ ...NOTHING, logins: [held], renewalStarts }, at(after(6 * HOUR))), after(7 * HOUR));
  });

  test('when its login is due by the monotonic clock, however far the wall clock was set back', () => {
    const fetched = onBothClocks(held, at(START));
    const setBack: Moment = { now: after(-24 * HOUR), monotonic: (4 * HOUR) as DurationMs };
    assert.equal(wakeAt({ ...NOTHING, logins: [fetched] }, setBack), after(-21 * HOUR));
    assert.equal(wakeAt({ ...NOTHING, logins: [fetched] }, at(START)), held.renewAt);
  });

  test('when a failed login may be tried again, or the old one ends before', () => {
    const failing = { ...NOTHING, logins: [held], failures: [failure] };
    assert.equal(wakeAt(failing, at(START)), failure.retryAt);
    const late = { ...failing, failures: [{ ...failure, retryAt: after(13 * HOUR) }] };
    assert.equal(wakeAt(late, at(after(11 * HOUR))), held.expiresAt);
    assert.equal(wakeAt(late, at(held.expiresAt)), after(13 * HOUR));
  });

  test('after five minutes when another owner has its secret', () => {
    assert.equal(wakeAt({ ...NOTHING, problems: [conflict] }, at(START)), after(5 * MINUTE));
    assert.equal(
      wakeAt({ ...NOTHING, problems: [{ ...conflict, reason: 'NamespaceNotFound' }] }, at(START)),
      undefined,
    );
  });

  test('at the earliest of all, and always later than now', () => {
    const instant = integer({ min: -24 * HOUR, max: 24 * HOUR }).map(after);
    const registry = constantFrom('eu-west-1', 'us-east-1');
    const outlook = record({
      logins: array(
        record({ registry, renewAt: instant, expiresAt: instant }).map((over) => login(over.registry, over)),
      ),
      failures: array(record({ registry, retryAt: instant })),
      renewalStarts: array(record({ registry, at: instant })).map(
        (all) => new Map(all.map((one) => [one.registry, one.at])),
      ),
      problems: boolean().map((is) => (is ? [conflict] : [])),
      others: array(option(instant, { nil: undefined })),
    });
    assertProperty(
      property(outlook, instant, (found, now) => {
        const woken = wakeAt(found, at(now));
        for (const one of [...found.others, ...found.failures.map(({ retryAt }) => retryAt)]) {
          if (one === undefined) continue;
          assert.ok(woken !== undefined && woken <= Math.max(one, now + SECOND / 10));
        }
        assert.ok(woken === undefined || woken > now);
      }),
      { numRuns: 500 },
    );
  });
});
