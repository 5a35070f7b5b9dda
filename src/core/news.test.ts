import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Condition, PullSecretStatus } from '../api/schema.ts';
import { type News, newsIn } from './news.ts';

const condition = (type: string, status: Condition['status'], message: string): Condition => ({
  type,
  status,
  reason: 'GetAWSAuthTokenFailed',
  message,
  observedGeneration: 1,
  lastTransitionTime: '2026-11-27T11:00:00Z',
});
const status = (...conditions: Condition[]): PullSecretStatus => ({ observedGeneration: 1, conditions });
const withProblem = (message: string, namespace = 'a'): PullSecretStatus => ({
  ...status(condition('Ready', 'False', '1 of 2 namespaces')),
  problems: { count: 1, items: [{ namespace, reason: 'CreateSecretError', message }] },
});

// Rule 11
describe('a status that is computed anew', () => {
  const cases: Readonly<Record<string, readonly [PullSecretStatus, PullSecretStatus, News]>> = {
    'and is the same has no news': [
      status(condition('Ready', 'True', 'as it was')),
      status(condition('Ready', 'True', 'as it was')),
      'none',
    ],
    'and tells a failure with another time has only numbers': [
      status(condition('Ready', 'False', 'expired at 2026-11-27T11:00:00Z')),
      status(condition('Ready', 'False', 'expired at 2026-11-27T11:05:00Z')),
      'numbers',
    ],
    'and tells a problem with another time has only numbers': [
      withProblem('denied at 2026-11-27T11:00:00Z'),
      withProblem('denied at 2026-11-27T11:05:00Z'),
      'numbers',
    ],
    'and tells a failure in other words has only words': [
      status(condition('Stalled', 'True', 'policy A denies')),
      status(condition('Stalled', 'True', 'policy B denies')),
      'words',
    ],
    'and whose image that is missing is another has facts': [
      status(condition('Pullable', 'False', 'team/app:2026-11-26: there is no image')),
      status(condition('Pullable', 'False', 'team/app:2026-11-27: there is no image')),
      'facts',
    ],
    'and tells a problem in other words has only words': [withProblem('one'), withProblem('another'), 'words'],
    'and tells it of another namespace has facts': [withProblem('one'), withProblem('one', 'b'), 'facts'],
    'and whose Ready names another time has facts': [
      status(condition('Ready', 'True', 'next update at: 2026-11-27 17:00:00 +0000 UTC')),
      status(condition('Ready', 'True', 'next update at: 2026-11-27 23:00:00 +0000 UTC')),
      'facts',
    ],
    'and whose accounts are others has facts': [
      status(condition('Attached', 'False', 'account a: it is full')),
      status(condition('Attached', 'False', 'account b: it is full')),
      'facts',
    ],
    'and has become True has facts': [
      status(condition('Ready', 'False', 'x')),
      status(condition('Ready', 'True', 'x')),
      'facts',
    ],
    'and has one condition more has facts': [
      status(condition('Ready', 'False', 'x')),
      status(condition('Ready', 'False', 'x'), condition('Stalled', 'True', 'x')),
      'facts',
    ],
    'for the first time has facts': [{}, status(condition('Ready', 'False', 'x')), 'facts'],
    'of another generation has facts': [
      status(condition('Ready', 'False', 'x')),
      { ...status(condition('Ready', 'False', 'x')), observedGeneration: 2 },
      'facts',
    ],
  };
  for (const [what, [stored, computed, news]] of Object.entries(cases))
    test(what, () => assert.equal(newsIn(stored, computed), news));
});
