// Covers the status over time: when transition times move, what does not flap, how large it can become, and its schema.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assert as assertProperty, constantFrom, integer, property, record, subarray, uniqueArray } from 'fast-check';
import { after, findings, login, START } from '../../testing/rigs/builders.ts';
import { REASON } from '../api/names.ts';
import { type Condition, type PullSecretStatus, status as statusSchema } from '../api/schema.ts';
import { sameJson } from '../lib/json.ts';
import { formatRfc3339, HOUR, MINUTE } from '../lib/time.ts';
import type { Problem } from './desired.ts';
import { type Findings, type LoginFailure, nextStatus, processingStatus, withLogins } from './status.ts';

const KIB = 1_024;
const failure = (registry: string, needsChange: boolean): LoginFailure => ({ registry, message: 'no', needsChange });
const problem = (namespace: string, named: boolean, message: string): Problem => ({
  namespace,
  named,
  reason: REASON.createSecretError,
  message,
});

function condition(status: PullSecretStatus, type: string): Condition | undefined {
  return status.conditions?.find((one) => one.type === type);
}

describe('a condition about something else than the Secrets', () => {
  const attached = (status: 'True' | 'False') =>
    ({ type: 'Attached', status, reason: 'Attached', message: 'so' }) as const;
  const first = nextStatus({}, findings(['ns1'], { beside: [attached('True')] }), START);

  test('stands beside Ready with the time of its last change, and goes when nothing is found out of it', () => {
    assert.equal(condition(first, 'Attached')?.lastTransitionTime, formatRfc3339(START));
    const same = nextStatus(first, findings(['ns1'], { beside: [attached('True')] }), after(HOUR));
    assert.equal(condition(same, 'Attached')?.lastTransitionTime, formatRfc3339(START));
    const other = nextStatus(first, findings(['ns1'], { beside: [attached('False')] }), after(HOUR));
    assert.equal(condition(other, 'Attached')?.lastTransitionTime, formatRfc3339(after(HOUR)));
    assert.equal(condition(other, 'Ready')?.status, 'True');
    assert.equal(condition(nextStatus(first, findings(['ns1'], { beside: [] }), after(HOUR)), 'Attached'), undefined);
  });
  test('stays as it is while the first login takes long, and where nothing was looked at', () => {
    const waiting = processingStatus(first, 2, 'ecr-login', after(HOUR));
    assert.deepEqual(condition(waiting, 'Attached'), condition(first, 'Attached'));
    const refused = nextStatus(first, findings([], { refusal: { reason: 'InvalidSpec', message: 'no' } }), after(HOUR));
    assert.deepEqual(condition(refused, 'Attached'), condition(first, 'Attached'));
  });
});

describe('lastTransitionTime', () => {
  test('stays when only reason, message or generation change', () => {
    const first = nextStatus({}, findings(['ns1'], { logins: [], failures: [failure('eu-west-1', true)] }), START);
    const second = nextStatus(
      first,
      findings([], { generation: 2, desired: 1, problems: [problem('ns1', true, 'quota')] }),
      after(HOUR),
    );
    assert.deepEqual(
      [first, second].map((status) => condition(status, 'Ready')?.reason),
      ['GetAWSAuthTokenFailed', 'PartiallyReady'],
    );
    assert.equal(condition(second, 'Ready')?.lastTransitionTime, formatRfc3339(START));
  });

  test('moves when the status changes', () => {
    const first = nextStatus({}, findings(['ns1']), START);
    const second = nextStatus(
      first,
      findings([], { desired: 1, problems: [problem('ns1', true, 'quota')] }),
      after(HOUR),
    );
    assert.equal(condition(second, 'Ready')?.lastTransitionTime, formatRfc3339(after(HOUR)));
  });

  test('of a condition that went and came back is the time it came back', () => {
    const failing = findings(['ns1'], { failures: [failure('eu-west-1', false)] });
    const first = nextStatus({}, failing, START);
    const second = nextStatus(nextStatus(first, findings(['ns1']), after(MINUTE)), failing, after(HOUR));
    assert.equal(condition(second, 'Reconciling')?.lastTransitionTime, formatRfc3339(after(HOUR)));
    assert.equal(condition(second, 'Ready')?.lastTransitionTime, formatRfc3339(START));
  });
});

describe('Ready over time', () => {
  test('does not flap when a login is replaced by its successor', () => {
    const first = nextStatus({}, findings(['ns1']), START);
    const renewed = login('eu-west-1', {
      refreshedAt: after(6 * HOUR),
      renewAt: after(12 * HOUR),
      expiresAt: after(18 * HOUR),
    });
    const second = nextStatus(first, findings(['ns1'], { logins: [renewed] }), after(6 * HOUR));
    assert.equal(condition(second, 'Ready')?.status, 'True');
    assert.equal(condition(second, 'Ready')?.lastTransitionTime, formatRfc3339(START));
    assert.equal(second.refreshedAt, formatRfc3339(after(6 * HOUR)));
  });

  test('becomes True again when the generation after a denied one has a good login', () => {
    const first = nextStatus({}, findings(['ns1']), START);
    const second = nextStatus(
      first,
      findings(['ns1'], { generation: 2, failures: [failure('eu-west-1', true)] }),
      START,
    );
    const third = nextStatus(second, findings(['ns1'], { generation: 3 }), START);
    assert.deepEqual(
      [second, third].map((status) => condition(status, 'Ready')?.status),
      ['False', 'True'],
    );
  });

  test('of an object whose named namespace failed does not blame a login that was good at this generation', () => {
    const partial = findings([], { desired: 1, problems: [problem('ns1', true, 'quota')] });
    const first = nextStatus({}, partial, START);
    const denied = [failure('eu-west-1', true)];
    const second = nextStatus(first, { ...partial, failures: denied }, after(MINUTE));
    assert.equal(condition(second, 'Ready')?.reason, 'PartiallyReady');
    const third = nextStatus(second, findings(['ns1'], { failures: denied }), after(HOUR));
    assert.equal(condition(third, 'Ready')?.status, 'True');
  });

  test('forgets that the first login was slow once it is there', () => {
    const first = processingStatus({}, 1, 'ecr-login', START);
    const second = nextStatus(first, findings(['ns1']), after(MINUTE));
    assert.deepEqual(
      second.conditions?.map(({ type, status }) => [type, status]),
      [['Ready', 'True']],
    );
  });

  test('computed again from its own result is the same, whatever happened before', () => {
    const registries = ['eu-west-1', 'us-east-1'];
    const names = ['ns1', 'ns2', 'ns3', 'ns4'];
    const rounds = record({
      generation: integer({ min: 1, max: 2 }),
      logins: subarray(registries).map((held) => held.map((registry) => login(registry))),
      failures: uniqueArray(record({ registry: constantFrom(...registries), needsChange: constantFrom(true, false) }), {
        selector: ({ registry }) => registry,
        maxLength: 2,
      }).map((failures) => failures.map(({ registry, needsChange }) => failure(registry, needsChange))),
      ready: subarray(names),
      named: subarray(names),
      selected: subarray(names),
      waiting: integer({ min: 0, max: 1 }),
      hours: integer({ min: 0, max: 13 }),
    }).map(({ generation, logins, failures, ready, named, selected, waiting, hours }) => {
      const problems = [
        ...named.filter((name) => !ready.includes(name)).map((name) => problem(name, true, 'quota')),
        ...selected.filter((name) => !ready.includes(name)).map((name) => problem(`${name}x`, false, 'quota')),
      ];
      const built: Findings = findings(ready, {
        generation,
        logins,
        failures,
        problems,
        desired: ready.length + problems.length + waiting,
      });
      return { built, now: after(hours * HOUR) };
    });
    assertProperty(
      property(rounds, rounds, (before, current) => {
        const previous = nextStatus({}, before.built, before.now);
        const once = nextStatus(previous, current.built, current.now);
        assert.ok(sameJson(nextStatus(once, current.built, current.now), once));
      }),
      { numRuns: 500 },
    );
  });
});

describe('the size of a status', () => {
  const names = Array.from({ length: 10_000 }, (_, index) => `namespace-${'x'.repeat(48)}${index}`);
  const size = (status: PullSecretStatus): number => Buffer.byteLength(JSON.stringify(status));

  test('stays under 32 KiB with 10,000 namespaces ready and 10,000 with a problem', () => {
    const problems = names.map((name) => problem(name, false, `${'m'.repeat(500)} in ${name}`));
    const status = nextStatus({}, findings(names, { problems, desired: 20_000 }), START);
    assert.ok(size(status) <= 32 * KIB, `${size(status)} bytes`);
    assert.equal(status.problems?.count, 10_000);
    assert.ok((status.problems?.items.length ?? 0) > 10);
    assert.match(condition(status, 'Ready')?.message ?? '', / and \d+ more\] next update at: /);
  });

  test('stays under 32 KiB when 10,000 named namespaces fail at once', () => {
    const problems = names.map((name) => problem(name, true, 'm'.repeat(5_000)));
    const status = nextStatus({}, findings([], { problems, desired: 10_000 }), START);
    assert.ok(size(status) <= 32 * KIB, `${size(status)} bytes`);
    assert.match(condition(status, 'Ready')?.message ?? '', /; and 999\d more$/);
  });

  test('stays under 32 KiB when every text in it is long and is not ASCII', () => {
    const long = '\u{1F433}'.repeat(5_000);
    const problems = names.map((name) => problem(name, true, long));
    const status = nextStatus({}, findings([], { problems, desired: 10_000 }), START);
    assert.ok(size(status) <= 32 * KIB, `${size(status)} bytes`);
    const refusal = { reason: REASON.invalidSpec, message: '\u0001'.repeat(50_000) };
    const refused = nextStatus(status, findings([], { logins: [], refusal }), START);
    assert.ok(size(refused) <= 32 * KIB, `${size(refused)} bytes`);
  });

  test('stays under 32 KiB with as many logins as an object can have, beside all of that', () => {
    const hosts = ['ecr', 'ecr-fips'].flatMap((name) => [`111122223333.dkr.${name}.a`, `111122223333.dkr-${name}.b`]);
    const logins = Array.from({ length: 41 }, (_, index) => {
      const registry = `ap-southeast-${index}`;
      return login(registry, { hosts: hosts.map((host) => `${host}.${registry}.on.amazonwebservices.com.cn`) });
    });
    const failures = logins.map(({ registry }) => ({ registry, message: 'm'.repeat(5_000), needsChange: true }));
    const problems = names.map((name) => problem(name, false, 'm'.repeat(500)));
    const status = nextStatus({}, findings(names, { logins, failures, problems, desired: 20_000 }), START);
    assert.ok(size(status) <= 32 * KIB, `${size(status)} bytes`);
    assert.equal(status.logins?.length, 41);
    assert.equal(status.problems?.count, 10_000);
    const few = nextStatus({}, findings(names, { problems, desired: 20_000 }), START);
    for (const then of [withLogins(few, logins), processingStatus(status, 2, 'ecr-login', START)]) {
      assert.ok(size(then) <= 32 * KIB, `${size(then)} bytes`);
      assert.equal(then.problems?.count, 10_000);
    }
    assert.equal(withLogins(few, logins).logins?.length, 41);
    assert.equal(withLogins(nextStatus({}, findings(['a']), START), logins).problems, undefined);
  });

  test('lists at most 100 problems, and counts them all', () => {
    const problems = names.slice(0, 150).map((_, index) => problem(`n${index}`, false, 'quota'));
    const status = nextStatus({}, findings([], { problems, desired: 150 }), START);
    assert.equal(status.problems?.items.length, 100);
    assert.equal(status.problems?.count, 150);
  });

  test('cuts no character in two, since the API server would store another text', () => {
    const messages = ['a', ''].map((start) => start + '\u{1F433}'.repeat(400));
    const problems = messages.map((message, index) => problem(`n${index}`, false, message));
    const status = nextStatus({}, findings([], { problems, desired: 2 }), START);
    for (const { message } of status.problems?.items ?? []) assert.ok(message.isWellFormed());
  });
});

describe('every status of the operator fits the schema', () => {
  const names = Array.from({ length: 10_000 }, (_, index) => `namespace-${index}`);
  const problems = names.map((namespace) => ({ namespace, named: true, reason: 'SecretConflict', message: 'no' }));
  const made = {
    'when all is well': findings(names),
    'when everything fails': findings([], { problems, desired: 10_000, handledReconcileAt: 'now' }),
    'when nothing is wanted': findings([], { logins: [] }),
    'when a login fails': findings(['a'], {
      logins: [login('eu-west-1'), login('us-east-1')],
      failures: [{ registry: 'eu-west-1', message: 'denied', needsChange: true }],
    }),
    'when the spec is refused': findings([], { refusal: { reason: 'InvalidSpec', message: 'x'.repeat(40_000) } }),
  };
  for (const [when, happened] of Object.entries(made)) {
    test(when, () => assert.equal(statusSchema.safeParse(nextStatus({}, happened, START)).error, undefined));
  }
});
