// Covers the line through figures, and how many logins are predicted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeLogin } from '../../src/core/login.ts';
import { type EpochMs, HOUR, seconds } from '../../src/lib/time.ts';
import { seededRandom } from '../fleet/seeded.ts';
import { predictedLogins, trendOf } from './trend.ts';

test('figures on a line have its slope, without an error', () => {
  const { slope, error } = trendOf([0, 1, 2, 5].map((x) => [x, 7 + 3 * x] as const));
  assert.ok(Math.abs(slope - 3) < 1e-9, String(slope));
  assert.ok(error < 1e-9, String(error));
});

test('noise around a constant has a slope within three standard errors of none', () => {
  const random = seededRandom(7);
  const { slope, error } = trendOf(Array.from({ length: 500 }, (_, x) => [x, 70 + random()] as const));
  assert.ok(Math.abs(slope) < 3 * error, `${slope} ${error}`);
});

test('the predicted number of logins is that of the operator, whose renewals follow each other at once', () => {
  const random = seededRandom(3);
  const life = seconds(30);
  let now = Date.UTC(2030, 0, 1);
  const end = now + 10 * HOUR;
  let logins = 0;
  for (; now < end; logins += 1) {
    const expiresAt = (now + life) as EpochMs;
    const token = { username: 'AWS', password: 'x', hosts: ['a.example.com'], expiresAt };
    now = makeLogin('eu-west-1', token, now as EpochMs, random).renewAt + random() * 100;
  }
  const predicted = predictedLogins(1, 10 * HOUR, life);
  assert.ok(Math.abs(logins / predicted - 1) < 0.05, `${logins} ${predicted}`);
});
