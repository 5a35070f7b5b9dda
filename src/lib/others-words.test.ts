import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { othersWords, steadyWords } from './others-words.ts';

/** Of two attempts each. */
const SAME_FAULTS: readonly (readonly [string, string, string])[] = [
  [
    'Token expired: current date/time 1731098245 must be before the expiration date/time 1731094640',
    'Token expired: current date/time 1731098545 must be before the expiration date/time 1731094640',
    'Token expired: current date/time … must be before the expiration date/time …',
  ],
  [
    'Signature expired: 20261127T113000Z is now earlier than 20261127T113500Z (20261127T114000Z - 5 min.)',
    'Signature expired: 20261127T113001Z is now earlier than 20261127T113501Z (20261127T114001Z - 5 min.)',
    'Signature expired: … is now earlier than … (… - 5 min.)',
  ],
  [
    'x509: certificate has expired or is not yet valid: current time 2026-11-27T11:30:00Z is after 2026-11-26T00:00:00Z',
    'x509: certificate has expired or is not yet valid: current time 2026-11-27T11:30:05.5+02:00 is after 2026-11-26T00:00:00Z',
    'x509: certificate has expired or is not yet valid: current time … is after …',
  ],
  [
    'denied at 2026-11-27 11:30:00.123456789 +0000 UTC m=+0.012345678',
    'denied at 2026-11-27 11:30:00.2 +0000 UTC m=+17.5',
    'denied at …',
  ],
  ['closed since Fri, 27 Nov 2026 11:30:00 GMT', 'closed since Fri, 27 Nov 2026 11:35:00 GMT', 'closed since …'],
  ['closed on Fri Nov 27 11:30:00 UTC 2026.', 'closed on Fri Nov  7 11:30:00 UTC 2026.', 'closed on ….'],
  ['not before Nov 27 11:30:00 2026 GMT', 'not before Nov 27 11:30:01 2026 GMT', 'not before …'],
  ['now=1795779000123, limit 5', 'now=1795779000999, limit 5', 'now=…, limit 5'],
  ['at 1795779000.25', 'at 1795779001.5', 'at …'],
  ['no answer after 5.003217s', 'no answer after 1m0.01s', 'no answer after …'],
  [
    'failed (Service: Ecr; Request ID: 0a1b2c3d-0000-4000-8000-0123456789ab)',
    'failed (Service: Ecr; Request ID: 0a1b2c3d-0000-4000-8000-ba9876543210)',
    'failed (Service: Ecr; Request ID: …)',
  ],
  [
    'Post "https://hook.x.svc:443/": read tcp 10.0.0.5:43210->10.96.0.1:443: connection reset by peer',
    'Post "https://hook.x.svc:443/": read tcp 10.0.0.5:51002->10.96.0.1:443: connection reset by peer',
    'Post "https://hook.x.svc:443/": read tcp 10.0.0.5:…->10.96.0.1:443: connection reset by peer',
  ],
  ['read tcp [::1]:43210->[::1]:443: eof', 'read tcp [::1]:1->[::1]:443: eof', 'read tcp [::1]:…->[::1]:443: eof'],
];

describe('words of another program', () => {
  for (const [first, second, steady] of SAME_FAULTS)
    test(`are the same at each attempt: ${steady}`, () => {
      assert.deepEqual([steadyWords(first), steadyWords(second)], [steady, steady]);
    });

  for (const text of [
    '',
    'User: arn:aws:iam::111122223333:user/test is not authorized to perform: sts:AssumeRole',
    'secrets "team-1700000000" is forbidden: exceeded quota: q, requested: secrets=1, used: secrets=5',
    'key arn:aws:kms:eu-west-1:111122223333:key/0a1b2c3d-0000-4000-8000-0123456789ab is disabled',
    'connect 10.0.0.1:443 by way of the proxy 127.0.0.1:3128',
    'the server rejected the request: timeout=10s, 404 at port 1234567890123456',
    'image sha256:1731098245 of 1731098245/app:1731098245',
    'Operation cannot be fulfilled on secrets "login": the request id is wrong',
  ])
    test(`keep what says which thing is meant: ${text.slice(0, 60)}`, () => {
      assert.equal(steadyWords(text), text);
    });

  test('are cut to their bound, but never within a time or a key', () => {
    assert.equal(othersWords('at 2026-11-27T11:30:00Z it ended', 8), 'at … it ');
    assert.equal(othersWords('key AKIAIOSFODNN7EXAMPLE is no more', 10), 'key [redac');
  });

  test('of any kind are done with in a time that grows with their length', () => {
    for (const unit of ['1', '1:', '2026-11-27T', 'Nov ', '1m', '1.', 'request id ', ' 1795779000.'])
      assert.ok(steadyWords(unit.repeat(20_000)).length > 0);
  });
});
