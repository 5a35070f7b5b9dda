// Covers what each answer of a registry means for a pull.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pullVerdict } from './pull-verdict.ts';

const ARN = 'arn:aws:ecr:eu-west-1:111122223333:repository/team/api';
const ROWS: readonly (readonly [
  status: number,
  code: string,
  message: string,
  mayPull: boolean,
  reason: string,
  help: RegExp,
])[] = [
  [200, '', '', true, 'Pullable', /for layers/],
  [404, '', '', false, 'UnexpectedAnswer', /status 404/],
  [404, 'NAME_UNKNOWN', 'The repository does not exist', false, 'RepositoryNotFound', /create it/],
  [404, 'MANIFEST_UNKNOWN', 'Requested image not found', true, 'ImageNotFound', /pulling is allowed/],
  [429, 'TOOMANYREQUESTS', 'Rate exceeded', false, 'Throttled', /later/],
  [401, 'DENIED', 'Not Authorized', false, 'LoginRefused', /another registry/],
  [
    403,
    'DENIED',
    'Your authorization token has expired. Reauthenticate and try again.',
    false,
    'LoginRefused',
    /has ended/,
  ],
  [
    403,
    'DENIED',
    `User: x is not authorized to perform: ecr:BatchGetImage on resource: ${ARN}`,
    false,
    'PullDenied',
    /give it ecr:BatchGetImage on/,
  ],
  [403, '', '', false, 'PullDenied', /ecr:BatchGetImage and ecr:GetDownloadUrlForLayer/],
  [302, '', '', false, 'UnexpectedAnswer', /status 302/],
  [500, '', '', false, 'UnexpectedAnswer', /status 500/],
];

for (const [status, code, message, mayPull, reason, help] of ROWS)
  test(`an answer ${status} ${code} ${message.slice(0, 40)} is ${reason}`, () => {
    const verdict = pullVerdict({ status, code, message });
    assert.deepEqual([verdict.mayPull, verdict.reason], [mayPull, reason]);
    assert.match(verdict.help, help);
  });
