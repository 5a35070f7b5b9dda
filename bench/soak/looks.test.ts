// Covers which expired tokens count against the operator.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countExpired } from './looks.ts';

test('an expired token counts, unless the API server was away for so long that nobody could renew it', () => {
  const expired = [
    { at: 1_000, count: 1 },
    { at: 52_000, count: 10 },
    { at: 103_000, count: 100 },
  ];
  const away = [
    { from: 50_000, to: 54_000 },
    { from: 80_000, to: 100_000 },
  ];
  assert.deepEqual(countExpired(expired, away, 15_000), { expired: 11, excused: 100 });
  assert.deepEqual(countExpired(expired, [], 15_000), { expired: 111, excused: 0 });
});
