// Leader election on the real API server: one leads at a time, whatever happens to the Lease, clocks and network.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import pLimit from 'p-limit';
import { type DurationMs, type EpochMs, seconds } from '../../src/lib/time.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createManualClock } from '../../testing/clocks/manual-clock.ts';
import { type FaultProxy, startFaultProxy } from '../../testing/network/fault-proxy.ts';
import { accessTo } from '../../testing/operator/plane-access.ts';
import { useWorld } from '../../testing/operator/world.ts';
import { type Contender, type ContenderOptions, clockOff, contend, QUICK } from '../../testing/rigs/election-rig.ts';

const ROUNDS = 100;
const DAY = 86_400_000;
const LEASE = 'election';
const ms = (length: number): DurationMs => length as DurationMs;

// Rule 21
describe('of several replicas', () => {
  const world = useWorld();
  const contenders: Contender[] = [];
  let namespace = '';
  let proxy: FaultProxy | undefined;

  beforeEach(async () => {
    namespace = await world.api.createNamespace();
  });
  afterEach(async () => {
    await Promise.all(contenders.splice(0).map((contender) => contender.stop()));
    await proxy?.stop();
    proxy = undefined;
  });

  const path = (name = LEASE): string => `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${name}`;
  const start = (identity: string, over: Partial<ContenderOptions> = {}): Contender => {
    const access = accessTo(world.plane, world.plane.adminToken);
    const contender = contend({ access, namespace, lease: LEASE, identity, ...over });
    contenders.push(contender);
    return contender;
  };
  const pause = (length: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, length));
  const leads = (contender: Contender): Promise<true> =>
    eventually(() => contender.election.isLeading() || undefined, 5_000);
  const rests = (contender: Contender): Promise<true> =>
    eventually(() => !contender.election.isLeading() || undefined, 5_000);
  /** Looks all the time until the returned function is called, which fails if two led at once. */
  const watching = (...all: readonly Contender[]): (() => void) => {
    let both = '';
    const timer = setInterval(() => {
      const now = all.filter(({ election }) => election.isLeading()).map(({ identity }) => identity);
      if (now.length > 1) both = now.join(' and ');
    }, 1);
    return () => {
      clearInterval(timer);
      assert.equal(both, '', 'they led at once');
    };
  };

  test(`that begin together one leads, and when it ends another does at once, ${ROUNDS} times of ${ROUNDS}`, async () => {
    const limit = pLimit(20);
    const round = async (number: number): Promise<void> => {
      const lease = `round-${number}`;
      const [one, other] = [start(`one-${number}`, { lease }), start(`other-${number}`, { lease })];
      const end = watching(one, other);
      const first = await eventually(() => [one, other].find(({ election }) => election.isLeading()), 5_000);
      const second = first === one ? other : one;
      const { spec } = await world.api.must('GET', path(lease));
      assert.equal(spec.holderIdentity, first.identity);
      await first.stop();
      await eventually(() => second.election.isLeading() || undefined, 3_000);
      end();
      await second.stop();
      const { spec: rest } = await world.api.must('GET', path(lease));
      assert.equal(rest.holderIdentity ?? '', '');
    };
    await Promise.all(Array.from({ length: ROUNDS }, (_, number) => limit(() => round(number))));
  });

  test('whose clocks differ by a day, one leads, and the other takes over when it is cut off', async () => {
    proxy = await startFaultProxy(world.plane, world.plane.adminToken);
    const ahead = start('ahead', { clock: clockOff(DAY), access: proxy.access });
    await leads(ahead);
    const behind = start('behind', { clock: clockOff(-DAY) });
    const end = watching(ahead, behind);
    await pause(2 * QUICK.duration);
    assert.ok(ahead.election.isLeading());
    proxy.decide(() => 'fail');
    await leads(behind);
    assert.equal(ahead.term()?.lost.aborted, true);
    end();
  });

  test('the one whose Lease is deleted leads no longer, and one of them leads again', async () => {
    const one = start('one');
    await leads(one);
    const first = one.term();
    const other = start('other');
    const end = watching(one, other);
    // It has seen the Lease: one that never has makes another one at once.
    await eventually(() => other.log().includes('"holder":"one"') || undefined);
    await world.api.must('DELETE', path());
    await eventually(() => first?.signal.aborted || undefined);
    await eventually(() => contenders.some(({ election }) => election.isLeading()) || undefined);
    end();
  });

  test('the one whose Lease is taken leads no longer at its next renewal, and waits for the end of the other', async () => {
    const one = start('one');
    await leads(one);
    await world.api.merge(path(), { spec: { holderIdentity: 'somebody else', leaseDurationSeconds: 3 } });
    await rests(one);
    assert.match(one.log(), /"why":"the Lease was taken or deleted"/);
    assert.match(one.log(), /"holder":"somebody else","msg":"Another replica leads"/);
    await pause(2_000);
    assert.ok(!one.election.isLeading(), 'the other has three seconds');
    await leads(one);
    assert.equal((await world.api.must('GET', path())).spec.holderIdentity, 'one');
  });

  test('the one whose Lease gets a label goes on', async () => {
    const one = start('one');
    await leads(one);
    for (let turn = 0; turn < 5; turn += 1) {
      await world.api.merge(path(), { metadata: { labels: { turn: String(turn) } } });
      await pause(100);
    }
    await pause(QUICK.renewDeadline);
    assert.deepEqual([one.election.isLeading(), one.terms()], [true, 1]);
  });

  for (const [what, spec] of [
    ['says nothing', {}],
    ['has been handed on as often as can be counted', { holderIdentity: '', leaseTransitions: 2_147_483_647 }],
    ['names nobody', { leaseDurationSeconds: 2_147_483_647, renewTime: '2099-01-01T00:00:00.000000Z' }],
    ['belongs to a coordinated election', { strategy: 'OldestEmulationVersion', preferredHolder: 'nobody' }],
    [
      'was renewed in a hundred years',
      { holderIdentity: 'x', leaseDurationSeconds: 1, renewTime: '2126-01-01T00:00:00.000000Z' },
    ],
  ] as const) {
    test(`one leads where the Lease ${what}`, async () => {
      await world.api.must('POST', path(''), {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: LEASE },
        spec,
      });
      const one = start('one');
      await leads(one);
      const { holderIdentity, leaseDurationSeconds } = (await world.api.must('GET', path())).spec;
      assert.deepEqual([holderIdentity, leaseDurationSeconds], ['one', 2]);
      await pause(QUICK.duration);
      assert.equal(one.terms(), 1);
    });
  }

  test('one without the right to the Lease does not lead, says so once, and ends when told to', async () => {
    // The operator's account has the right in its own namespace only.
    const one = start('one', { access: accessTo(world.plane, world.token) });
    await eventually(() => one.log().includes('Could not read or write the Lease') || undefined);
    await pause(1_000);
    assert.equal(one.log().split('Could not read or write the Lease').length - 1, 1);
    assert.match(one.log(), /"reason":"Forbidden"/);
    assert.ok(!one.election.isLeading());
  });

  test('the one whose API server is silent stops by itself, before another may begin', async () => {
    proxy = await startFaultProxy(world.plane, world.plane.adminToken);
    const one = start('one', { access: proxy.access });
    await leads(one);
    const other = start('other');
    const end = watching(one, other);
    proxy.decide(() => new Promise(() => {}));
    await eventually(() => one.term()?.lost.aborted || undefined, 3_000);
    await leads(other);
    end();
    proxy.decide(() => 'pass');
    await eventually(() => one.log().includes('"holder":"other"') || undefined);
    await pause(QUICK.duration);
    assert.deepEqual([one.terms(), other.terms()], [1, 1]);
  });

  test('the one with a renewal that gets no answer renews again as soon as it has given that up, and leads on', async () => {
    proxy = await startFaultProxy(world.plane, world.plane.adminToken);
    const clock = createManualClock(Date.now() as EpochMs);
    const times = { duration: seconds(15), renewDeadline: seconds(10), retryPeriod: seconds(2) };
    const one = start('one', { access: proxy.access, clock, times });
    await eventually(() => clock.advance(ms(1)).then(() => one.election.isLeading() || undefined));
    let renewals = 0;
    proxy.decide(({ method }) => {
      if (method !== 'PATCH') return 'pass';
      renewals += 1;
      return renewals === 1 ? new Promise(() => {}) : 'pass';
    });
    await clock.advance(seconds(2.4));
    await eventually(() => renewals === 1 || undefined);
    // One attempt gets half of the deadline, and the next one begins in the same instant.
    await clock.advance(seconds(5));
    await eventually(() => renewals === 2 || undefined);
    await eventually(() => clock.advance(ms(50)).then(() => renewals === 3 || undefined));
    assert.deepEqual([one.election.isLeading(), one.terms()], [true, 1]);
  });

  test('the one that is told to stop while it takes the Lease gives it back', async () => {
    proxy = await startFaultProxy(world.plane, world.plane.adminToken);
    const [taken, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    proxy.decide(({ method }) => {
      if (method !== 'POST') return 'pass';
      taken.resolve();
      return answered.promise.then(() => 'pass' as const);
    });
    const one = start('one', { access: proxy.access });
    await taken.promise;
    const stopped = one.stop();
    // What it sent arrives after it was told.
    answered.resolve();
    await stopped;
    const { status, body } = await world.api.get(path());
    assert.equal(status === 404 ? '' : (body.spec.holderIdentity ?? ''), '');
  });

  test('one that may read the Lease and not write it says so once', async () => {
    proxy = await startFaultProxy(world.plane, world.plane.adminToken);
    proxy.decide(({ method }) => (method === 'GET' ? 'pass' : 'fail'));
    const one = start('one', { access: proxy.access });
    await eventually(() => one.log().includes('Could not read or write the Lease') || undefined);
    await pause(1_000);
    assert.equal(one.log().split('Could not read or write the Lease').length - 1, 1);
    assert.doesNotMatch(one.log(), /can be read and written again/);
  });

  test('never two lead while two of five answers are lost, and one leads in the end', async () => {
    proxy = await startFaultProxy(world.plane, world.plane.adminToken);
    let asked = 0;
    proxy.decide(() => {
      asked += 1;
      return asked % 5 === 0 || asked % 5 === 2 ? 'lose' : 'pass';
    });
    const all = ['one', 'other', 'third'].map((identity) => start(identity, proxy ? { access: proxy.access } : {}));
    const end = watching(...all);
    await pause(3 * QUICK.duration);
    await eventually(() => all.some(({ election }) => election.isLeading()) || undefined);
    end();
  });

  test('the one that was held up knows it before any timer has told it', async () => {
    const one = start('one');
    await leads(one);
    const term = one.term();
    assert.equal(term?.holds(), true);
    const until = performance.now() + QUICK.renewDeadline + 50;
    while (performance.now() < until);
    assert.equal(term.holds(), false);
    assert.deepEqual([term.signal.aborted, term.lost.aborted], [true, true]);
    await leads(one);
    assert.equal(one.terms(), 2);
  });
});
