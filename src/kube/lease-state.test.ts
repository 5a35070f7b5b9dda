// Covers the table of leader election: what each answer makes of each state; and that two processes never lead at once.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Arbitrary, array, assert as check, constantFrom, nat, oneof, property, record, tuple } from 'fast-check';
import type { DurationMs } from '../lib/time.ts';
import {
  actionOf,
  isLeading,
  type LeaseEvent,
  type LeaseState,
  type LeaseStep,
  type LeaseTimes,
  LONGEST_LEASE,
  type SeenLease,
  stepLease,
} from './lease-state.ts';

const ms = (length: number): DurationMs => length as DurationMs;
const TIMES: LeaseTimes = { duration: ms(15_000), renewDeadline: ms(10_000), retryPeriod: ms(2_000) };
const ME = 'me';
const lease = (over: Partial<SeenLease> = {}): SeenLease => ({
  uid: 'u',
  resourceVersion: '1',
  holder: 'other',
  durationSeconds: 15,
  transitions: 3,
  renewTime: 'a',
  ...over,
});
const MINE = lease({ holder: ME });
const FREED = lease({ holder: '' });
const NOW = ms(100_000);
const at = (before: number): DurationMs => ms(NOW - before);

const UNKNOWN: LeaseState = { op: 'unknown' };
const MISSING: LeaseState = { op: 'missing' };
const followed = (since: DurationMs, seen = lease()): LeaseState => ({ op: 'followed', lease: seen, since });
const held = (renewedAt: DurationMs, seen = MINE): LeaseState => ({ op: 'held', lease: seen, renewedAt });
const doubted = (renewedAt: DurationMs): LeaseState => ({ op: 'doubted', lease: MINE, renewedAt });
const free = (seen: SeenLease): LeaseState => ({ op: 'free', lease: seen });
const read = (seen: SeenLease | undefined): LeaseEvent => ({ op: 'read', lease: seen });
const later = (state: LeaseState): LeaseStep => ({ state, pause: undefined });
const atOnce = (state: LeaseState): LeaseStep => ({ state, pause: ms(0) });
const NEWER = lease({ resourceVersion: '2', renewTime: 'b' });
const LABELLED = lease({ resourceVersion: '2' });
const soon = (state: LeaseState): LeaseStep => ({ state, pause: ms(100) });

const rows: Readonly<Record<string, readonly [LeaseState, LeaseEvent, LeaseStep]>> = {
  'no Lease is made at once': [UNKNOWN, read(undefined), atOnce(MISSING)],
  'one that was deleted is made when it would have run out': [
    followed(at(14_000)),
    read(undefined),
    { state: followed(at(14_000)), pause: ms(1_000) },
  ],
  'one that was deleted, and would have run out, is made at once': [
    followed(at(15_000)),
    read(undefined),
    atOnce(MISSING),
  ],
  'a Lease that its holder gave back is taken at once': [followed(at(1)), read(FREED), atOnce(free(FREED))],
  'one of another process is waited for': [UNKNOWN, read(lease()), later(followed(NOW))],
  'one that changes begins a new wait': [followed(at(14_999)), read(NEWER), later(followed(NOW, NEWER))],
  'one that only got a label does not': [
    followed(at(14_000)),
    read(LABELLED),
    { state: followed(at(14_000), LABELLED), pause: ms(1_000) },
  ],
  'one made anew under the same version begins a new wait': [
    followed(at(14_999)),
    read(lease({ uid: 'v' })),
    later(followed(NOW, lease({ uid: 'v' }))),
  ],
  'one that stays the same is looked at again when it runs out': [
    followed(at(14_000)),
    read(lease()),
    { state: followed(at(14_000)), pause: ms(1_000) },
  ],
  'one that stayed the same for its duration is taken at once': [
    followed(at(15_000)),
    read(lease()),
    atOnce(free(lease())),
  ],
  'one with a longer duration is waited for longer': [
    followed(at(15_000), lease({ durationSeconds: 30 })),
    read(lease({ durationSeconds: 30 })),
    later(followed(at(15_000), lease({ durationSeconds: 30 }))),
  ],
  'no Lease keeps others waiting for more than a minute': [
    followed(at(LONGEST_LEASE), lease({ durationSeconds: 2 ** 31 - 1 })),
    read(lease({ durationSeconds: 2 ** 31 - 1 })),
    atOnce(free(lease({ durationSeconds: 2 ** 31 - 1 }))),
  ],
  'one without a duration is waited for as long as ours': [
    followed(at(14_500), lease({ durationSeconds: 0 })),
    read(lease({ durationSeconds: 0 })),
    { state: followed(at(14_500), lease({ durationSeconds: 0 })), pause: ms(500) },
  ],
  'a write whose answer was lost is found again': [UNKNOWN, read(MINE), atOnce(free(MINE))],
  'an accepted write makes a leader, from the instant at which the request began': [
    free(lease()),
    { op: 'written', lease: MINE, at: at(300) },
    later(held(at(300))),
  ],
  'an accepted renewal counts from the instant at which it began': [
    held(at(2_000)),
    { op: 'written', lease: MINE, at: at(300) },
    later(held(at(300))),
  ],
  'who comes second to a free Lease looks again after a pause': [free(lease()), { op: 'refused' }, later(UNKNOWN)],
  'who comes second to make one looks again after a pause': [MISSING, { op: 'refused' }, later(UNKNOWN)],
  'a write without an answer may have been heard: it is looked for': [
    free(lease()),
    { op: 'unanswered' },
    later(UNKNOWN),
  ],
  'a leader whose renewal is refused looks at once': [held(at(2_000)), { op: 'refused' }, atOnce(doubted(at(2_000)))],
  'a leader without an answer tries again': [held(at(2_000)), { op: 'unanswered' }, later(held(at(2_000)))],
  'a leader whose Lease has a label more goes on, and renews soon': [
    doubted(at(2_000)),
    read(lease({ holder: ME, resourceVersion: '7' })),
    soon(held(at(2_000), lease({ holder: ME, resourceVersion: '7' }))),
  ],
  'a leader whose Lease was taken leads no longer': [doubted(at(2_000)), read(NEWER), later(followed(NOW, NEWER))],
  'a leader whose Lease was deleted leads no longer': [doubted(at(2_000)), read(undefined), atOnce(MISSING)],
  'a leader whose Lease was made anew leads no longer': [
    doubted(at(2_000)),
    read(lease({ holder: ME, uid: 'v' })),
    atOnce(free(lease({ holder: ME, uid: 'v' }))),
  ],
  'a follower without an answer keeps what it saw': [
    followed(at(5_000)),
    { op: 'unanswered' },
    later(followed(at(5_000))),
  ],
};

for (const [outcome, [from, event, want]] of Object.entries(rows)) {
  test(outcome, () => assert.deepEqual(stepLease(from, event, ME, NOW, TIMES), want));
}

test('a leader leads until the deadline after the begin of its last renewal, and not at it', () => {
  for (const state of [held(at(9_999)), doubted(at(9_999))]) assert.ok(isLeading(state, NOW, TIMES));
  for (const state of [held(at(10_000)), doubted(at(10_000)), UNKNOWN, MISSING, followed(at(0)), free(MINE)])
    assert.ok(!isLeading(state, NOW, TIMES), state.op);
});

/** What happens to one request: how long it takes there and back, and whether the API server or the answer is lost. */
interface Fate {
  readonly there: number;
  readonly back: number;
  readonly op: 'pass' | 'fail' | 'lose';
}

/** An API server with one Lease, and processes that ask it, each with a monotonic clock that began at another time. */
class World {
  time = 0;
  stored: SeenLease | undefined;
  version = 1;
  readonly terms = new Map<string, number>();

  /** @returns the answer to this process's next action */
  answer(action: string, seen: LeaseState, who: string, sentAt: DurationMs): LeaseEvent {
    if (action === 'read') return { op: 'read', lease: this.stored };
    const before = 'lease' in seen ? seen.lease : undefined;
    if (this.stored?.uid !== before?.uid || this.stored?.resourceVersion !== before?.resourceVersion)
      return { op: 'refused' };
    this.version += 1;
    const written = {
      holder: who,
      durationSeconds: 15,
      transitions: 0,
      resourceVersion: String(this.version),
      renewTime: String(this.time),
    };
    this.stored = { uid: before?.uid ?? `uid-${this.version}`, ...written };
    return { op: 'written', lease: this.stored, at: sentAt };
  }
}

/** A process in steps: each returns how long it waits. */
function* process(world: World, who: string, offset: number, fates: readonly Fate[]): Generator<number> {
  const clock = (): DurationMs => ms(world.time + offset);
  let state: LeaseState = UNKNOWN;
  for (const fate of fates) {
    const sentAt = clock();
    // A leader that is late has stepped down, and begins anew.
    if ((state.op === 'held' || state.op === 'doubted') && !isLeading(state, sentAt, TIMES)) state = UNKNOWN;
    const action = actionOf(state);
    yield fate.there;
    const answer: LeaseEvent = fate.op === 'fail' ? { op: 'unanswered' } : world.answer(action, state, who, sentAt);
    yield fate.back;
    const next: LeaseStep = stepLease(state, fate.op === 'lose' ? { op: 'unanswered' } : answer, who, clock(), TIMES);
    state = next.state;
    const until = state.op === 'held' || state.op === 'doubted' ? state.renewedAt + TIMES.renewDeadline - offset : 0;
    if (until > world.time) world.terms.set(who, until);
    else world.terms.delete(who);
    yield next.pause ?? TIMES.retryPeriod;
  }
}

// Rule 21
describe('processes whose clocks began at different times, and whose requests are slow, fail or lose their answers', () => {
  const fate = record({
    there: oneof({ weight: 4, arbitrary: nat(50) }, { weight: 1, arbitrary: nat(30_000) }),
    back: oneof({ weight: 4, arbitrary: nat(50) }, { weight: 1, arbitrary: nat(30_000) }),
    op: constantFrom('pass', 'pass', 'pass', 'fail', 'lose'),
  }) satisfies Arbitrary<Fate>;
  const DAY = 86_400_000;

  test('never lead at once, and one leads in the end', () => {
    const lives = array(tuple(nat(DAY), array(fate, { minLength: 30, maxLength: 60 })), {
      minLength: 2,
      maxLength: 4,
    });
    check(
      property(lives, (all) => {
        const world = new World();
        const calm = Array.from({ length: 30 }, (): Fate => ({ there: 5, back: 5, op: 'pass' }));
        const running = all.map(([offset, fates], index) => ({
          wakeAt: index,
          steps: process(world, `process-${index}`, offset, [...fates, ...calm]),
        }));
        const leaders = (): readonly string[] =>
          [...world.terms].filter(([, until]) => until > world.time).map(([who]) => who);
        let everLed = false;
        while (running.length > 0) {
          running.sort((one, other) => one.wakeAt - other.wakeAt);
          const [next] = running;
          if (!next) break;
          world.time = next.wakeAt;
          const { done, value } = next.steps.next();
          if (done) running.shift();
          else next.wakeAt = world.time + value;
          assert.ok(leaders().length <= 1, `${leaders().join(' and ')} lead at ${world.time}`);
          everLed ||= leaders().length === 1;
        }
        assert.ok(everLed);
      }),
      { numRuns: 300 },
    );
  });
});
