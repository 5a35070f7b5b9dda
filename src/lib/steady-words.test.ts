import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { steadyWords } from './steady-words.ts';

/** Of two attempts each. */
const SAME: readonly (readonly [string, string])[] = [
  [
    'Token expired: current date/time 1731098245 must be before the expiration date/time 1731094640',
    'Token expired: current date/time 1731098545 must be before the expiration date/time 1731094640',
  ],
  [
    'Signature expired: 20261127T113000Z is now earlier than 20261127T113500Z (20261127T114000Z - 5 min.)',
    'Signature expired: 20261127T113001Z is now earlier than 20261127T113501Z (20261127T114001Z - 5 min.)',
  ],
  ["should have been 'x-amz-date:20261127T113000Z'", "should have been 'x-amz-date:20261127T114500Z'"],
  [
    'x509: certificate has expired: current time 2026-11-27T11:30:00Z is after 2026-11-26T00:00:00Z',
    'x509: certificate has expired: current time 2026-11-28T09:05:00Z is after 2026-11-26T00:00:00Z',
  ],
  ['now:2026-11-27T11:30Z', 'now:2026-11-27T11:35Z'],
  ['at 2026-11-27T11:30:05.5+02:00', 'at 2026-11-27T11:30:06.25+02:00'],
  [
    'denied at 2026-11-27 11:30:00.123456789 +0000 UTC m=+0.012345678',
    'denied at 2026-11-27 11:30:00.2 +0000 UTC m=+17.5',
  ],
  ['closed since Fri, 27 Nov 2026 11:30:00 GMT', 'closed since Sat, 28 Nov 2026 09:35:00 GMT'],
  ['closed on Fri Nov 27 11:30:00 UTC 2026.', 'closed on Sat Nov  7 11:30:00 UTC 2026.'],
  ['not before Nov 27 11:30:00 2026 GMT', 'not before Dec  1 11:30:01 2026 GMT'],
  [
    'Fri Nov 27 2026 12:03:29 GMT+0000 (Coordinated Universal Time)',
    'Tue Dec 01 2026 02:00:01 GMT+0000 (Coordinated Universal Time)',
  ],
  ['Friday, 27-Nov-26 11:30:00 GMT', 'Monday, 30-Nov-26 11:30:00 GMT'],
  ['[27/Nov/2026:11:30:00 +0000]', '[28/Nov/2026:01:30:00 +0000]'],
  ['11/27/2026, 9:30:00 AM', '11/28/2026, 11:30:00 PM'],
  ['2026/11/27 11:30:05 closed', '2026/11/28 11:30:05 closed'],
  ['I1127 11:30:00.123 closed', 'I1128 11:30:00.1 closed'],
  ['now=1795779000123, limit 5', 'now=1795779000999, limit 5'],
  ['{"iat":1795779000,"now":1795779000123456789}', '{"iat":1795779300,"now":1795779300123456789}'],
  ['at 1795779000.25', 'at 1795779001.5'],
  ['no answer after 5.003217s', 'no answer after 1m0.01s'],
  ['opens in 54m5s', 'opens in 3m'],
  ['try again in 299 seconds', 'try again in 20 seconds'],
  [
    'failed (Service: Ecr; Request ID: 0a1b2c3d-0000-4000-8000-0123456789ab)',
    'failed (Service: Ecr; Request ID: 0a1b2c3d-0000-4000-8000-ba9876543210)',
  ],
  ['Request ID: q3Rz_9-x8AAAA==', 'Request ID: w7Rz_9-y8BBBB=='],
  ['request 0a1b2c3d-0000-4000-8000-0123456789ab denied', 'request ffffffff-0000-4000-8000-0123456789ab denied'],
  ['trace_id=4bf92f3577b34da6a3ce929d0e0e4736', 'trace_id=00f92f3577b34da6a3ce929d0e0e4799'],
  ['Root=1-5759e988-bd862e3fe1be46a994272793', 'Root=1-5759e989-bd862e3fe1be46a994272794'],
  [
    'arn:aws:sts::111122223333:assumed-role/irsa/aws-sdk-js-session-1795780963398 is not authorized',
    'arn:aws:sts::111122223333:assumed-role/irsa/aws-sdk-js-session-1795781263398 is not authorized',
  ],
  [
    'arn:aws:sts::111122223333:assumed-role/puller/eks-prod-sa-0a1b2c3d-0000-4000-8000-0123456789ab is not authorized',
    'arn:aws:sts::111122223333:assumed-role/puller/eks-prod-sa-ffffffff-0000-4000-8000-0123456789ab is not authorized',
  ],
  ['read tcp 10.0.0.5:43210->10.96.0.1:443: eof', 'read tcp 10.0.0.5:51002->10.96.0.1:443: eof'],
  ['read tcp [::1]:43210->[::1]:443: eof', 'read tcp [::1]:1->[::1]:443: eof'],
];

/** Faults that are not the same. */
const DIFFERENT: readonly (readonly [string, string])[] = [
  ['User: arn:aws:iam::111122223333:user/test', 'User: arn:aws:iam::111122223334:user/test'],
  ['exceeded quota: q, used: secrets=5', 'exceeded quota: q, used: secrets=6'],
  ['answered with status 502', 'answered with status 503'],
  ['dial tcp 10.0.0.1:443: connection refused', 'dial tcp 10.0.0.1:8443: connection refused'],
  ['dial tcp 10.0.0.1:443: connection refused', 'dial tcp 10.0.0.2:443: connection refused'],
  [
    'key arn:aws:kms:eu-west-1:111122223333:key/0a1b2c3d-0000-4000-8000-0123456789ab is disabled',
    'key arn:aws:kms:eu-west-1:111122223333:key/0a1b2c3d-0000-4000-8000-0123456789ac is disabled',
  ],
  ['role team-1 does not trust', 'role team-2 does not trust'],
  ['TTL must be at least 15 minutes', 'TTL must be at least 60 minutes'],
  ['namespace team-1d is closed', 'namespace team-2d is closed'],
  ['secret keys-2026-11-26 is missing', 'secret keys-2026-11-27 is missing'],
  ['role/ci-5m', 'role/ci-9m'],
  ['cpu=500m', 'cpu=900m'],
  ['policy require-1h-ttl', 'policy require-2h-ttl'],
  ['tag v1-1732710000 of team/app', 'tag v1-1732710001 of team/app'],
  ['request id is mandatory-label', 'request id is forbidden-label'],
  ['external id 0a1b2c3d-0000-4000-8000-0123456789ab', 'external id ffffffff-0000-4000-8000-0123456789ab'],
];

describe('words of another program', () => {
  for (const [first, second] of SAME)
    test(`are the same at the next attempt: ${second}`, () => {
      assert.notEqual(first, second);
      assert.equal(steadyWords(first), steadyWords(second));
    });

  for (const [one, other] of DIFFERENT)
    test(`differ from those about something else: ${one}`, () => {
      assert.notEqual(steadyWords(one), steadyWords(other));
    });

  test('of any kind are done with in a time that grows with their length', () => {
    const units = [
      '1',
      '1:',
      '2026-11-27T',
      'Nov ',
      'Fri, 1 ',
      '1m',
      '1.',
      'request id ',
      ' 1795779000.',
      'ab12-',
      '1-',
    ];
    for (const unit of units) assert.ok(steadyWords(unit.repeat(20_000)).length > 0);
  });
});
