// Covers how a login's life is drawn, and how times are said.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { after, START } from '../../testing/rigs/builders.ts';
import { type DurationMs, HOUR } from '../lib/time.ts';
import { lifeBar, spanWords, whenWords } from './login-bar.ts';

const LIFE = { from: START, renewAt: after(5 * HOUR), until: after(12 * HOUR) };

test('the bar shows what has passed, what is left, and where the login is renewed', () => {
  assert.equal(lifeBar(LIFE, START), '──────────┃─────────────');
  assert.equal(lifeBar(LIFE, after(2.5 * HOUR)), '━━━━━─────┃─────────────');
  assert.equal(lifeBar(LIFE, after(20 * HOUR)), '━━━━━━━━━━┃━━━━━━━━━━━━━');
  assert.equal(lifeBar({ ...LIFE, renewAt: after(12 * HOUR) }, after(0 - HOUR)), '───────────────────────┃');
  assert.equal(lifeBar({ from: START, renewAt: START, until: START }, START).length, 24);
});

test('a time has its two largest units', () => {
  const spans = [0, 999, 1_000, 61_000, 3_600_000, 3_661_000, 26 * HOUR].map((one) => spanWords(one as DurationMs));
  assert.deepEqual(spans, ['0s', '0s', '1s', '1m1s', '1h', '1h1m', '1d2h']);
  assert.deepEqual([whenWords(after(HOUR), START), whenWords(START, after(HOUR))], ['in 1h', '1h ago']);
});
