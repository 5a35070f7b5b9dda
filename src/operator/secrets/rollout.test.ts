// Covers which writes of a plan wait: those of a renewed login, and those that another writer undoes again and again.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createManualClock, type ManualClock } from '../../../testing/clocks/manual-clock.ts';
import { after, login, START, seenSecret, UID } from '../../../testing/rigs/builders.ts';
import { type Action, makePayload, type Payload } from '../../core/plan.ts';
import { NO_TEMPLATE } from '../../core/secret-template.ts';
import { createPacer } from '../../lib/pacer.ts';
import { type DurationMs, HOUR, MINUTE, SECOND } from '../../lib/time.ts';
import { createRollout, type Due, type Rollout } from './rollout.ts';

const NAMES = Array.from({ length: 5 }, (_, index) => `ns${index}`);

function payloadOf(password: string, ends: number, inputs = 'sha256:1'): Payload {
  const one = { ...login('eu-west-1'), password, expiresAt: after(ends) };
  const payload = makePayload([one], inputs, NO_TEMPLATE, START);
  assert.ok(payload);
  return payload;
}

const OLD = payloadOf('old', 12 * HOUR);
const NEW = payloadOf('new', 18 * HOUR);

function update(namespace: string, holds: Payload, over: Parameters<typeof seenSecret>[2] = {}): Action {
  return { op: 'update', namespace, named: true, seen: seenSecret(namespace, holds, over) };
}

/** The status reports no Secret as contested. */
const NONE: ReadonlySet<string> = new Set();
const create = (namespace: string): Action => ({ op: 'create', namespace, named: true });
const written = (due: Due): readonly string[] => due.actions.map(({ namespace }) => namespace);

interface Setting {
  readonly clock: ManualClock;
  readonly rollout: Rollout;
}

/** OLD is in every Secret; one renewal a second. */
async function setting(): Promise<Setting> {
  const clock = createManualClock(START);
  const rollout = createRollout(
    createPacer(clock, () => 0.5, 1),
    clock,
  );
  const due = rollout.takeDue(UID, NAMES.map(create), OLD, NONE);
  assert.deepEqual(written(due), NAMES, 'creations do not wait');
  rollout.recordWrites(UID, due, { created: NAMES, updated: [], retry: [], slow: [] });
  await clock.advance((5 * HOUR) as DurationMs);
  return { clock, rollout };
}

test('a secret that no other writer has touched is created and restored at once, also while the clock goes on', () => {
  let reads = 0;
  const clock = { ...createManualClock(START), now: () => after(reads++) };
  const rollout = createRollout(
    createPacer(clock, () => 0.5, 1),
    clock,
  );
  for (const actions of [NAMES.map(create), NAMES.map((name) => update(name, NEW)), NAMES.map(create)]) {
    const { contested, waiting } = rollout.takeDue(UID, actions, OLD, NONE);
    assert.deepEqual([contested, waiting], [[], []]);
  }
});

// Rule 12
describe('a renewed login', () => {
  const renewals = NAMES.map((name) => update(name, OLD));

  test('is written into one secret at once and into the others in their slots, and is reported once', async () => {
    const { clock, rollout } = await setting();
    let left = renewals;
    const rounds: (readonly string[])[] = [];
    for (let turn = 0; turn < 10 && left.length > 0; turn += 1) {
      const due = rollout.takeDue(UID, left, NEW, NONE);
      const done = written(due);
      assert.deepEqual(
        [...done, ...due.waiting].sort(),
        left.map(({ namespace }) => namespace),
      );
      rounds.push(rollout.recordWrites(UID, due, { created: [], updated: done, retry: [], slow: [] }));
      left = left.filter(({ namespace }) => !done.includes(namespace));
      if (due.nextAt !== undefined) await clock.advance((due.nextAt - clock.now()) as DurationMs);
    }
    assert.deepEqual(rounds, [[], [], [], NAMES]);
    assert.equal(clock.now(), after(5 * HOUR + 3 * SECOND));
  });

  // Rule 5
  test('is in all secrets as soon when the wall clock is set back by a day in the middle', async () => {
    const { clock, rollout } = await setting();
    const first = rollout.takeDue(UID, renewals, NEW, NONE);
    clock.jump(-24 * HOUR);
    await clock.advance((5 * SECOND) as DurationMs);
    const rest = rollout.takeDue(UID, renewals.slice(written(first).length), NEW, NONE);
    assert.deepEqual([rest.waiting, rest.nextAt], [[], undefined]);
  });

  test('is in all secrets before a tenth of the life that the old one has left is over', async () => {
    const { clock, rollout } = await setting();
    const short = payloadOf('short', 5 * HOUR + 20 * SECOND);
    rollout.recordWrites(UID, rollout.takeDue(UID, renewals, short, NONE), {
      created: [],
      updated: NAMES,
      retry: [],
      slow: [],
    });
    rollout.takeDue(
      UID,
      NAMES.map((name) => update(name, short)),
      NEW,
      NONE,
    );
    await clock.advance((2 * SECOND) as DurationMs);
    assert.deepEqual(
      written(
        rollout.takeDue(
          UID,
          NAMES.map((name) => update(name, short)),
          NEW,
          NONE,
        ),
      ),
      NAMES,
    );
  });

  test('that comes while another one is under way changes the slot of no secret, and each is as good as it was', async () => {
    const { clock, rollout } = await setting();
    const held = new Map(NAMES.map((name) => [name, OLD]));
    const told: (readonly string[])[] = [];
    const writes: number[] = [];
    // Four logins, one in each second, make four contents; each second has a slot for one secret.
    for (let turn = 0; turn < 10; turn += 1) {
      const wanted = payloadOf(`new ${Math.min(turn, 3)}`, 18 * HOUR);
      const behind = [...held].filter(([, holds]) => holds.contentDigest !== wanted.contentDigest);
      const actions = behind.map(([name, holds]) => update(name, holds));
      const due = rollout.takeDue(UID, actions, wanted, NONE);
      assert.deepEqual([due.repairs, due.contested], [[], []]);
      for (const [name, holds] of held)
        assert.ok(rollout.holdsUsableLogin(UID, seenSecret(name, holds)), `${turn} ${name}`);
      for (const name of written(due)) held.set(name, wanted);
      told.push(rollout.recordWrites(UID, due, { created: [], updated: written(due), retry: [], slow: [] }));
      writes.push(due.actions.length);
      await clock.advance(SECOND);
    }
    assert.deepEqual(writes, [2, 1, 1, 1, 1, 1, 1, 1, 0, 0]);
    assert.deepEqual(
      told.filter(({ length }) => length > 0),
      [NAMES],
    );
  });

  test('of another key does not wait', async () => {
    const { rollout } = await setting();
    assert.deepEqual(written(rollout.takeDue(UID, renewals, payloadOf('new', 18 * HOUR, 'sha256:2'), NONE)), NAMES);
  });

  test('does not hold up creations, nor secrets that are not as they were left', async () => {
    const { rollout } = await setting();
    const actions = [
      ...renewals.slice(0, 2),
      create('ns2'),
      update('ns3', payloadOf('planted', 11 * HOUR)),
      update('ns4', OLD, { managed: false }),
      update('ns5', OLD),
    ];
    assert.deepEqual(written(rollout.takeDue(UID, actions, NEW, NONE)), ['ns0', 'ns1', 'ns2', 'ns3', 'ns4']);
  });

  test('does not wait when nothing is known of what was there before, as after a restart', () => {
    const clock = createManualClock(START);
    const rollout = createRollout(
      createPacer(clock, () => 0, 1),
      clock,
    );
    assert.deepEqual(written(rollout.takeDue(UID, renewals, NEW, NONE)), NAMES);
  });
});

// Rule 10
describe('a repair', () => {
  /** Repairs ns0 once more, at once. */
  const repair = (rollout: Rollout): Due => {
    const due = rollout.takeDue(UID, [create('ns0')], OLD, NONE);
    rollout.recordWrites(UID, due, { created: written(due), updated: [], retry: [], slow: [] });
    return due;
  };

  test('that has to be done again and again waits, which is a problem of that namespace alone', async () => {
    const { clock, rollout } = await setting();
    for (let turn = 0; turn < 5; turn += 1) assert.deepEqual(written(repair(rollout)), ['ns0']);
    const { actions, contested, nextAt } = rollout.takeDue(UID, [create('ns0'), create('ns1')], OLD, NONE);
    assert.deepEqual(
      actions.map(({ namespace }) => namespace),
      ['ns1'],
    );
    assert.deepEqual(
      contested.map(({ namespace, reason }) => [namespace, reason]),
      [['ns0', 'SecretContested']],
    );
    assert.ok(nextAt !== undefined && nextAt > clock.now());
    await clock.advance((nextAt - clock.now()) as DurationMs);
    assert.deepEqual(written(repair(rollout)), ['ns0']);
  });

  test('that has to be done again and again names who changed the secret last, as far as that is known', async () => {
    const { rollout } = await setting();
    const spoiled = (otherWriter: string | undefined): Action => ({
      op: 'update',
      namespace: 'ns0',
      named: true,
      seen: { ...seenSecret('ns0', OLD), contentDigest: 'sha256:x', otherWriter },
    });
    const repairFrom = (writer: string | undefined): string | undefined => {
      const due = rollout.takeDue(UID, [spoiled(writer)], OLD, NONE);
      rollout.recordWrites(UID, due, { created: [], updated: written(due), retry: [], slow: [] });
      return due.contested[0]?.message;
    };
    for (let turn = 0; turn < 4; turn += 1) assert.equal(repairFrom(undefined), undefined);
    assert.equal(repairFrom('flux'), undefined);
    for (const writer of ['argocd', 'helm'])
      assert.match(repairFrom(writer) ?? '', /by a client that calls itself "flux"$/);
    assert.match(repairFrom(undefined) ?? '', /by a client that calls itself "flux"$/);
    const [settling] = rollout.settling(
      UID,
      [{ namespace: 'ns0', named: true }],
      new Set(['ns0']),
      () => false,
    ).problems;
    assert.match(settling?.message ?? '', /by a client that calls itself "flux"$/);
  });

  test('that is slow counts when it has come to a good end', async () => {
    const { rollout } = await setting();
    const repairSlowly = async (isDone: boolean): Promise<readonly string[]> => {
      const due = rollout.takeDue(UID, [create('ns0')], OLD, NONE);
      const landed = Promise.resolve(isDone);
      rollout.recordWrites(UID, due, {
        created: [],
        updated: [],
        retry: ['ns0'],
        slow: [
          { namespace: 'ns0', landed },
          { namespace: 'elsewhere', landed },
        ],
      });
      await landed;
      return written(due);
    };
    for (let turn = 0; turn < 20; turn += 1) assert.deepEqual(await repairSlowly(false), ['ns0']);
    for (let turn = 0; turn < 5; turn += 1) assert.deepEqual(await repairSlowly(true), ['ns0']);
    const due = rollout.takeDue(UID, [create('ns0')], OLD, NONE);
    assert.deepEqual([written(due), due.contested.map(({ namespace }) => namespace)], [[], ['ns0']]);
  });

  test('that does not succeed does not count: no writer undid it', async () => {
    const { rollout } = await setting();
    for (let turn = 0; turn < 20; turn += 1) {
      const due = rollout.takeDue(UID, [create('ns0')], OLD, NONE);
      assert.deepEqual(written(due), ['ns0']);
      rollout.recordWrites(UID, due, { created: [], updated: [], retry: [], slow: [] });
    }
  });
});

// Rule 10
describe('a secret that is reported as contested', () => {
  const told: ReadonlySet<string> = new Set(['ns0']);
  const targets = ['ns0', 'ns1'].map((namespace) => ({ namespace, named: true }));
  const seen = (): boolean => false;
  const both: ReadonlySet<string> = new Set(['ns0', 'ns1']);

  test('stays so until it was left alone for two seconds after it was written, after a restart too', async () => {
    const clock = createManualClock(START);
    const rollout = createRollout(
      createPacer(clock, () => 0.5, 1),
      clock,
    );
    assert.deepEqual(rollout.settling(UID, targets, both, seen).problems, []);
    const due = rollout.takeDue(UID, [update('ns0', OLD), create('ns1')], NEW, told);
    rollout.recordWrites(UID, due, { created: ['ns1'], updated: ['ns0'], retry: [], slow: [] });
    const { problems, until } = rollout.settling(UID, targets, both, seen);
    assert.deepEqual(
      problems.map(({ namespace, reason }) => [namespace, reason]),
      [['ns0', 'SecretContested']],
    );
    await clock.advance((until - clock.now()) as DurationMs);
    assert.deepEqual(rollout.settling(UID, targets, both, seen).problems, []);
  });

  test('stays so although the status has lost it, by its length or by another problem', async () => {
    const { clock, rollout } = await setting();
    for (let turn = 0; turn < 6; turn += 1) {
      await clock.advance((5 * MINUTE) as DurationMs);
      const due = rollout.takeDue(UID, [create('ns0')], OLD, NONE);
      rollout.recordWrites(UID, due, { created: ['ns0'], updated: [], retry: [], slow: [] });
    }
    const reasons = (isUnseen: () => boolean = seen): readonly string[] =>
      rollout.settling(UID, targets, NONE, isUnseen).problems.map(({ namespace }) => namespace);
    assert.deepEqual(reasons(), ['ns0']);
    await clock.advance((2 * SECOND) as DurationMs);
    assert.deepEqual([reasons(), reasons(() => true)], [[], ['ns0']]);
    await clock.advance((10 * MINUTE) as DurationMs);
    assert.deepEqual(
      reasons(() => true),
      [],
      'a renewal hours later is no reason to doubt it',
    );
  });

  test('stays so for as long as no watch has shown what became of the write', () => {
    const clock = createManualClock(START);
    const rollout = createRollout(
      createPacer(clock, () => 0.5, 1),
      clock,
    );
    const { problems, until } = rollout.settling(UID, targets, both, (namespace) => namespace === 'ns1');
    assert.deepEqual(
      problems.map(({ namespace, reason }) => [namespace, reason]),
      [['ns1', 'SecretContested']],
    );
    assert.ok(until > clock.now());
  });
});

// Rule 9
describe('a secret that must be retried', () => {
  const tryAll = (rollout: Rollout, retry: readonly string[], updated: readonly string[] = []): void => {
    const due = rollout.takeDue(UID, NAMES.map(create), OLD, NONE);
    rollout.recordWrites(UID, due, { created: [], updated, retry, slow: [] });
  };
  const late = (rollout: Rollout): readonly string[] => NAMES.filter((name) => rollout.isLate(UID, name));

  test('is reported after four attempts of its own, whatever the others do, and until it is written', async () => {
    const { rollout } = await setting();
    for (let turn = 0; turn < 4; turn += 1) tryAll(rollout, ['ns0'], ['ns1']);
    assert.deepEqual(late(rollout), ['ns0']);
    tryAll(rollout, ['ns1'], ['ns2']);
    assert.deepEqual(late(rollout), ['ns0'], 'it was not written, and another one has only begun to fail');
    tryAll(rollout, [], ['ns0', 'ns1']);
    assert.deepEqual(late(rollout), []);
    tryAll(rollout, ['ns0']);
    assert.deepEqual(late(rollout), [], 'it begins anew');
  });

  test('begins anew when it was not to be written for a while, and is forgotten with its object', async () => {
    const { rollout } = await setting();
    for (let turn = 0; turn < 4; turn += 1) tryAll(rollout, ['ns0', 'ns1']);
    rollout.recordWrites(UID, rollout.takeDue(UID, [create('ns1')], OLD, NONE), {
      created: [],
      updated: [],
      retry: ['ns1'],
      slow: [],
    });
    assert.deepEqual(late(rollout), ['ns1']);
    rollout.forget(UID);
    assert.deepEqual(late(rollout), []);
  });
});

describe('a secret that could not be written', () => {
  test('is good while it holds what was written last, or before the renewal until that ends', async () => {
    const { clock, rollout } = await setting();
    const isUsable = (holds: Payload): boolean => rollout.holdsUsableLogin(UID, seenSecret('ns0', holds));
    assert.deepEqual(
      [isUsable(OLD), isUsable(NEW), rollout.holdsUsableLogin('another', seenSecret('ns0', OLD))],
      [true, false, false],
    );
    rollout.takeDue(UID, [update('ns0', OLD)], NEW, NONE);
    assert.deepEqual([isUsable(OLD), isUsable(NEW)], [true, true]);
    await clock.advance((7 * HOUR) as DurationMs);
    assert.deepEqual([isUsable(OLD), isUsable(NEW)], [false, true]);
  });

  test('is not good with the login of another key', async () => {
    const { rollout } = await setting();
    rollout.takeDue(UID, [update('ns0', OLD)], payloadOf('new', 18 * HOUR, 'sha256:2'), NONE);
    assert.equal(rollout.holdsUsableLogin(UID, seenSecret('ns0', OLD)), false);
  });
});
