// Covers reference counting: only the last user that leaves a key frees it.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { createUsers } from './users.ts';

describe('a key in use', () => {
  test('is freed exactly when its last user has left it, whatever was used before and by whom', () => {
    const step = fc.record({
      user: fc.constantFrom('one', 'two', 'three'),
      keys: fc.array(fc.constantFrom('a', 'b', 'c', '__proto__'), { maxLength: 5 }),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const gone: string[] = [];
        const users = createUsers<string>((key) => void gone.push(key));
        const used = new Map<string, ReadonlySet<string>>();
        for (const { user, keys } of steps) {
          const before = new Set([...used.values()].flatMap((held) => [...held]));
          gone.length = 0;
          users.keep(user, keys);
          used.set(user, new Set(keys));
          const now = new Set([...used.values()].flatMap((held) => [...held]));
          assert.deepEqual(gone.sort(), [...before].filter((key) => !now.has(key)).sort());
          for (const key of ['a', 'b', 'c', '__proto__']) assert.equal(users.has(key), now.has(key));
        }
      }),
    );
  });
});
