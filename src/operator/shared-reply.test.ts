// Covers one reply for all simultaneous requests.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createManualClock } from '../../testing/clocks/manual-clock.ts';
import type { Reply } from '../http/server.ts';
import { type EpochMs, SECOND } from '../lib/time.ts';
import { shareReply } from './shared-reply.ts';

describe('a reply that is expensive to make', () => {
  const create = () => {
    const clock = createManualClock(0 as EpochMs);
    let made = 0;
    const route = shareReply(async (): Promise<Reply> => {
      made += 1;
      const number = made;
      await Promise.resolve();
      return { status: 200, contentType: 'text/plain', body: String(number) };
    }, clock);
    return { clock, route, made: () => made };
  };

  test('is one for all requests while it is made, and a new one for a later request', async () => {
    const { route, made } = create();
    const [one, two] = await Promise.all([route(), route()]);
    assert.equal(one, two);
    assert.equal((await route()).body, '2');
    assert.equal(made(), 2);
  });

  test('is made twenty times at once and two times a second, however often it is requested', async () => {
    const { clock, route, made } = create();
    for (let count = 0; count < 100; count += 1) await route();
    assert.equal(made(), 20);
    assert.equal((await route()).body, '20');
    await clock.advance(SECOND);
    for (let count = 0; count < 100; count += 1) await route();
    assert.equal(made(), 22);
  });

  test('that fails is made again for the next', async () => {
    let made = 0;
    const route = shareReply(
      () => {
        made += 1;
        return Promise.reject(new Error('no'));
      },
      createManualClock(0 as EpochMs),
    );
    await assert.rejects(async () => await route());
    await assert.rejects(async () => await route());
    assert.equal(made, 2);
  });
});
