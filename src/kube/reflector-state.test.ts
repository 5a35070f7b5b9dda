// Covers the reflector's table: what each event does in each state.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ReflectorEvent, type ReflectorState, type Step, step } from './reflector-state.ts';

const LIST: ReflectorState = { op: 'list' };
const WATCH: ReflectorState = { op: 'watch', version: '5' };
const CHECK: ReflectorState = { op: 'check', version: '5' };
const ON: ReflectorState = { op: 'watch', version: '7' };

interface Row {
  readonly from: ReflectorState;
  readonly event: ReflectorEvent;
  readonly want: Step;
}

const rows: Readonly<Record<string, Row>> = {
  'a whole list is followed by a watch from its version, which does not yet count as health': {
    from: LIST,
    event: { op: 'listed', version: '7' },
    want: { state: ON, pause: 'none', healthy: false },
  },
  'a list that broke is tried again after a pause': {
    from: LIST,
    event: { op: 'broken' },
    want: { state: LIST, pause: 'backoff', healthy: false },
  },
  'a list whose continue token is too old begins anew after a pause': {
    from: LIST,
    event: { op: 'expired' },
    want: { state: LIST, pause: 'backoff', healthy: false },
  },
  'a list that cannot be read begins anew after a pause': {
    from: LIST,
    event: { op: 'unreadable' },
    want: { state: LIST, pause: 'backoff', healthy: false },
  },
  'an event moves the watch on, and is health': {
    from: WATCH,
    event: { op: 'event', version: '7' },
    want: { state: ON, pause: 'none', healthy: true },
  },
  'a watch that ended in good order goes on at once from where it was': {
    from: WATCH,
    event: { op: 'ended' },
    want: { state: WATCH, pause: 'none', healthy: true },
  },
  'a watch that broke is followed by a check, after a pause': {
    from: WATCH,
    event: { op: 'broken' },
    want: { state: CHECK, pause: 'backoff', healthy: false },
  },
  'an API server that is down needs a new list when it is back': {
    from: WATCH,
    event: { op: 'down' },
    want: { state: LIST, pause: 'backoff', healthy: false },
  },
  'a check that broke is made again after a pause': {
    from: CHECK,
    event: { op: 'broken' },
    want: { state: CHECK, pause: 'backoff', healthy: false },
  },
  'a version that the server has reached is watched on from at once': {
    from: CHECK,
    event: { op: 'reached' },
    want: { state: WATCH, pause: 'none', healthy: false },
  },
  'a version that the server has not reached needs a new list, after a pause': {
    from: CHECK,
    event: { op: 'expired' },
    want: { state: LIST, pause: 'backoff', healthy: false },
  },
  'a watch whose version is too old needs a new list, after a pause': {
    from: WATCH,
    event: { op: 'expired' },
    want: { state: LIST, pause: 'backoff', healthy: false },
  },
  'a line that cannot be read needs a new list, after a pause': {
    from: WATCH,
    event: { op: 'unreadable' },
    want: { state: LIST, pause: 'backoff', healthy: false },
  },
};

for (const [outcome, { from, event, want }] of Object.entries(rows)) {
  test(outcome, () => assert.deepEqual(step(from, event), want));
}

// Rule 13
describe('a server that lists well and answers every watch with 410', () => {
  test('is never listed without a pause that grows', () => {
    let state: ReflectorState = LIST;
    for (let turn = 0; turn < 5; turn += 1) {
      const listed = step(state, { op: 'listed', version: '7' });
      const refused = step(listed.state, { op: 'expired' });
      assert.deepEqual([listed.healthy, refused.healthy, refused.pause], [false, false, 'backoff']);
      state = refused.state;
    }
  });
});
