// Covers how many objects with several registries get their logins: one after the other, without a pause.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock, settle } from '../../../testing/clocks/manual-clock.ts';
import { hostOf, SECRET_KEY, START } from '../../../testing/rigs/builders.ts';
import type { Registry } from '../../core/registries.ts';
import { identityKey } from '../../lib/identity-key.ts';
import { type DurationMs, HOUR, plus } from '../../lib/time.ts';
import { type Asker, createLoginFlights } from './login-flights.ts';

const REGIONS = ['eu-central-1', 'eu-west-1', 'us-east-1'];
const REGISTRIES = REGIONS.map((region): Registry => ({ registry: region, kind: 'private', region }));
const { signal } = new AbortController();

/** An object in a namespace of its own, with a key of its own, and at most one look at all of its registries a turn. */
function askerOf(index: number): Asker {
  const accessKeyId = `AKIAIOSFODNN7EX${String(index).padStart(5, '0')}`;
  return {
    uid: `uid-${index}`,
    group: `ns-${index}`,
    endpoints: { useFips: false, useDualstack: false },
    keys: {
      get: () => Promise.resolve({ accessKeyId, secretAccessKey: SECRET_KEY }),
      forget: () => {},
      account: undefined,
      shown: {},
    },
    identity: identityKey('pair', { accessKeyId, secretAccessKey: SECRET_KEY, sessionToken: undefined }),
  };
}

// Rule 9
test('a hundred objects with three registries each never wait for a timer: whoever has asked leaves the line', async () => {
  const clock = createManualClock(START);
  const askers = new Map(Array.from({ length: 100 }, (_, index) => [`uid-${index}`, askerOf(index)]));
  const ready = new Set(askers.keys());
  const held = new Set<string>();
  let calls = 0;
  const flights = createLoginFlights({
    source: {
      async fetchToken({ region }) {
        calls += 1;
        await settle();
        return {
          username: 'AWS',
          password: `${calls}`,
          hosts: [hostOf(region)],
          expiresAt: plus(clock.now(), (12 * HOUR) as DurationMs),
        };
      },
    },
    clock,
    random: () => 0,
    isThere: (uid) => askers.has(uid),
    wake: (uid) => Boolean(ready.add(uid)),
  });

  while (ready.size > 0 || flights.load.inUse > 0) {
    for (const uid of ready) {
      ready.delete(uid);
      const asker = askers.get(uid) ?? assert.fail();
      flights.keep(asker, REGISTRIES);
      for (const registry of REGISTRIES) {
        const answer = flights.ask(asker, registry, {}, signal);
        if (answer.op === 'held') held.add(`${uid} ${registry.registry}`);
      }
    }
    await settle();
  }
  assert.equal(held.size, 300);
  assert.equal(calls, 300);
  assert.deepEqual([flights.load.inUse, flights.load.waiting], [0, 0]);
});
