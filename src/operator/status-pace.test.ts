// Covers how soon a status follows a change of the accounts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '../../testing/clocks/manual-clock.ts';
import { START } from '../../testing/rigs/builders.ts';
import { SECOND, seconds } from '../lib/time.ts';
import { createStatusPace } from './status-pace.ts';

test('a status follows a change after a second, and a sixth one in a row half a minute later', async () => {
  const clock = createManualClock(START);
  const wait = createStatusPace(clock, SECOND);
  for (let change = 0; change < 5; change += 1) {
    assert.equal(wait('ns/a'), SECOND);
    assert.equal(wait('ns/a'), SECOND);
    await clock.advance(seconds(2));
  }
  const sixth = wait('ns/a');
  assert.ok(sixth > seconds(15) && sixth <= seconds(30), `${sixth}`);
  assert.equal(wait('ns/b'), SECOND);
  await clock.advance(seconds(300));
  assert.equal(wait('ns/a'), SECOND);
});
