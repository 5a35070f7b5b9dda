// Covers when a login is renewed, when it is usable, and how a stored one is proved.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assert as assertProperty, double, integer, property } from 'fast-check';
import { after, base64, findings, hostOf, login, START } from '../../testing/rigs/builders.ts';
import type { LoginStatus } from '../api/schema.ts';
import {
  type DurationMs,
  type EpochMs,
  formatRfc3339,
  HOUR,
  MINUTE,
  type Moment,
  SECOND,
  seconds,
} from '../lib/time.ts';
import { makeDockerConfig, readDockerConfig } from './docker-config.ts';
import {
  isLater,
  isRenewalOf,
  isSuperseded,
  isUsable,
  type Login,
  later,
  latestStart,
  loginDigest,
  makeLogin,
  needsLogin,
  onBothClocks,
  type Token,
} from './login.ts';
import { nextStatus, withLogins } from './status.ts';
import { proveLogin, renewedAsStored } from './stored-login.ts';

const token: Token = { username: 'AWS', password: 'p', hosts: ['b.example', 'a.example'], expiresAt: after(12 * HOUR) };

describe('a new login', () => {
  const life = integer({ min: 5_000, max: 12 * HOUR });
  const share = double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const fraction = integer({ min: 0, max: 999 });

  // Rule 5
  test('is renewed between 40 % and 50 % of its life, to the second, whatever the random number', () => {
    assertProperty(
      property(life, share, fraction, (length, random, late) => {
        const now = after(late);
        const { renewAt } = makeLogin('eu-west-1', { ...token, expiresAt: after(late + length) }, now, () => random);
        assert.ok(renewAt <= now + length * 0.5, 'not after half of its life');
        assert.ok(renewAt > now + (length - SECOND) * 0.4 - SECOND, 'not before 40 % of its life');
        assert.ok(renewAt > now);
      }),
      { numRuns: 500 },
    );
  });

  test('has all its times on whole seconds, and never ends later than its token', () => {
    assertProperty(
      property(life, share, fraction, (length, random, late) => {
        const end = after(late + length);
        const made = makeLogin('eu-west-1', { ...token, expiresAt: end }, after(late), () => random);
        for (const time of [made.expiresAt, made.refreshedAt, made.renewAt]) assert.equal(time % 1_000, 0);
        assert.ok(made.expiresAt <= end && made.expiresAt > end - SECOND);
        assert.ok(made.refreshedAt <= made.renewAt && made.renewAt < made.expiresAt);
      }),
    );
  });

  test('sorts its hosts and leaves those of the token as they were', () => {
    assert.deepEqual(makeLogin('eu-west-1', token, START, () => 0).hosts, ['a.example', 'b.example']);
    assert.deepEqual(token.hosts, ['b.example', 'a.example']);
  });

  test('says which access key gave it, if one did', () => {
    const shown = { accessKeyIdSuffix: 'MPLE' };
    assert.deepEqual(makeLogin('eu-west-1', { ...token, shown }, START, () => 0).shown, shown);
    assert.equal('shown' in makeLogin('eu-west-1', token, START, () => 0), false);
  });

  test('has a digest that user name, password and end change', () => {
    const digests = [
      loginDigest(token, START),
      loginDigest({ ...token, username: 'other' }, START),
      loginDigest({ ...token, password: 'other' }, START),
      loginDigest(token, after(seconds(1))),
    ];
    assert.equal(new Set(digests).size, 4);
    assert.equal(makeLogin('eu-west-1', token, START, () => 0).digest, loginDigest(token, token.expiresAt));
  });
});

describe('a login', () => {
  const held = login('eu-west-1');

  test('is usable until the instant it ends', () => {
    assert.equal(isUsable(held, (held.expiresAt - 1) as EpochMs), true);
    assert.equal(isUsable(held, held.expiresAt), false);
  });

  const at = (now: EpochMs, monotonic = 0): Moment => ({ now, monotonic: monotonic as DurationMs });

  test('is needed when there is none, and from the instant of its renewal', () => {
    assert.equal(needsLogin(undefined, at(START)), true);
    assert.equal(needsLogin(held, at((held.renewAt - 1) as EpochMs)), false);
    assert.equal(needsLogin(held, at(held.renewAt)), true);
  });

  // Rule 5
  test('is needed at half of its life by whichever clock is first, however the wall clock is set', () => {
    const set = integer({ min: -48 * HOUR, max: 48 * HOUR });
    assertProperty(
      property(set, integer({ min: 0, max: 12 * HOUR }), integer({ min: 0, max: 1e9 }), (by, passed, begun) => {
        const known = onBothClocks(held, at(START, begun));
        const isDue = passed >= 6 * HOUR || passed + by >= 6 * HOUR;
        assert.equal(needsLogin(known, at(after(passed + by), begun + passed)), isDue);
      }),
    );
  });

  test('that claims to be fetched later than now is due at once, and gives way to whatever is fetched', () => {
    const earlier = at(after(-10 * MINUTE));
    const known = onBothClocks(login('eu-west-1', { expiresAt: after(11 * HOUR) }), earlier);
    assert.equal(needsLogin(known, earlier), true);
    const fetched = login('eu-west-1', { expiresAt: after(HOUR), refreshedAt: earlier.now });
    assert.equal(later(known, fetched, earlier.now), fetched);
    assert.equal(needsLogin(onBothClocks(held, at(after(-4 * MINUTE))), at(after(-4 * MINUTE))), false);
  });

  test('is renewed by one that another object was given only when the wall clock was set back, and it is not due', () => {
    const then = at(after(-20 * HOUR), 6 * HOUR);
    const mine = onBothClocks(held, at(START));
    const bare = login('eu-west-1', { expiresAt: after(-8 * HOUR), refreshedAt: then.now, renewAt: after(-14 * HOUR) });
    const renewed = onBothClocks(bare, then);
    assert.equal(isRenewalOf(renewed, mine, then), true);
    assert.equal(isRenewalOf(mine, renewed, then), false);
    assert.equal(isRenewalOf(renewed, mine, at(after(-14 * HOUR), 12 * HOUR)), false, 'it is due itself');
    assert.equal(isRenewalOf(renewed, mine, at(mine.renewAt, 6 * HOUR)), false, 'the wall clock was not set back');
    for (const [shared, own] of [
      [bare, mine],
      [renewed, held],
      [undefined, mine],
    ] as const)
      assert.equal(isRenewalOf(shared, own, then), false);
  });
});

// Rule 6
describe('a stored login', () => {
  const written = login('eu-west-1');
  const entries = readDockerConfig(base64(makeDockerConfig([written])));
  const host = hostOf('eu-west-1');
  const [status] = nextStatus({}, findings(['ns1'], { logins: [written] }), START).logins ?? [];
  assert.ok(status);

  test('reads back from status and Secret as it was written', () => {
    assert.deepEqual(proveLogin(status, entries), written);
  });

  const rows: Readonly<Record<string, { status?: Partial<LoginStatus>; entry?: Partial<Login> | 'none' }>> = {
    'is not believed when the password was changed': { entry: { password: 'planted' } },
    'is not believed when the user name was changed': { entry: { username: 'planted' } },
    'is not believed when its host is missing in the Secret': { entry: 'none' },
    'is not believed when the status tells a later end': { status: { expiresAt: formatRfc3339(after(13 * HOUR)) } },
    'is not believed when the status tells no end': { status: { expiresAt: 'never' } },
    'is not believed when the status tells no fetch': { status: { refreshedAt: '' } },
    'is not believed when the status tells no renewal': { status: { nextRefreshAt: '2023' } },
    'is not believed when the status has another digest': { status: { digest: '' } },
    'is not believed when the status names no host': { status: { hosts: [] } },
  };
  for (const [outcome, { status: over, entry }] of Object.entries(rows)) {
    test(outcome, () => {
      const { username, password } = { ...written, ...(entry === 'none' ? {} : entry) };
      const seen = new Map(entry === 'none' ? [] : [[host, { username, password }]]);
      assert.equal(proveLogin({ ...status, ...over }, seen), undefined);
    });
  }

  test('takes its hosts from the status, never from the Secret', () => {
    const more = new Map([...entries, ['planted.example', { username: 'AWS', password: written.password }]]);
    assert.deepEqual(proveLogin(status, more)?.hosts, [host]);
  });
});

// Rule 7
describe('of two logins', () => {
  const ends = integer({ min: 1, max: 3 }).map((hours) => after(hours * HOUR));
  const digests = integer({ min: 1, max: 3 }).map(String);
  const pair = property(ends, digests, ends, digests, (end, digest, otherEnd, otherDigest) => {
    const one = login('eu-west-1', { expiresAt: end, digest });
    const other = login('eu-west-1', { expiresAt: otherEnd, digest: otherDigest });
    const isSame = end === otherEnd && digest === otherDigest;
    assert.equal(isLater(one, other), !isSame && !isLater(other, one));
    const next = later(one, other, START);
    assert.ok(next.expiresAt >= Math.max(end, otherEnd));
    assert.equal(next.renewAt, other.renewAt);
  });

  test('exactly one is later, whichever way they are compared, and the end of the one to go on with never goes back', () => {
    assertProperty(pair);
  });

  test('one with an end that no login can have is not kept', () => {
    const [held, fetched] = [login('eu-west-1', { expiresAt: after(13 * HOUR) }), login('eu-west-1')];
    assert.equal(later(held, fetched, START), fetched);
    assert.equal(later(undefined, fetched, START), fetched);
  });

  test('the one that a status announces supersedes when it ends later, at an end that a login can have', () => {
    const held = login('eu-west-1', { expiresAt: after(6 * HOUR) });
    const told = (expiresAt: string): boolean => {
      const [status] = withLogins({}, [login('eu-west-1')]).logins ?? [];
      assert.ok(status);
      return isSuperseded(held, { ...status, expiresAt }, START);
    };
    assert.equal(told(formatRfc3339(after(7 * HOUR))), true);
    assert.equal(told(formatRfc3339(after(5 * HOUR))), false);
    assert.equal(told(formatRfc3339(after(13 * HOUR))), false);
    assert.equal(told('soon'), false);
  });
});

describe('the present content of a Secret', () => {
  const old = login('eu-west-1');
  const [told] = nextStatus({}, findings(['ns1'], { logins: [old] }), START).logins ?? [];
  const today = login('eu-west-1', { password: 'new', hosts: [...old.hosts, 'alias.example.com', 'more.example.com'] });
  const other = login('us-east-1');
  const stored = (hosts: readonly string[], password = old.password): ReturnType<typeof readDockerConfig> =>
    readDockerConfig(base64(makeDockerConfig([{ ...old, hosts, password }])));
  const renewed = (entries: ReturnType<typeof stored>): readonly (readonly [string, readonly string[]])[] =>
    renewedAsStored(told ? [told] : [], entries, [today, other]).map(({ password, hosts }) => [password, hosts]);

  test('is renewed host by host, without hosts that it does not hold, and those that no object wants there', () => {
    assert.deepEqual(renewed(stored([...old.hosts, 'alias.example.com', 'planted.example.com'])), [
      ['new', [...old.hosts, 'alias.example.com']],
    ]);
  });

  test('is not used when it is not what the status announces', () => {
    assert.deepEqual(renewed(stored(old.hosts, 'planted')), []);
    assert.deepEqual(renewed(new Map()), []);
    const ill = told
      ? [
          { ...told, expiresAt: 'soon' },
          { ...told, registry: 'eu-north-1' },
        ]
      : assert.fail();
    assert.deepEqual(renewedAsStored(ill, stored(old.hosts), [today]), []);
  });
});

test('the renewal of a login begins to be written within a tenth of the life that it has left, at once when it has none', () => {
  const at = (ms: number): EpochMs => ms as EpochMs;
  assert.equal(latestStart(at(1_000), at(11_000)), 2_000);
  assert.equal(latestStart(at(1_000), at(500)), 1_000);
});
