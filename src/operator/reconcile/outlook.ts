// When a key comes again after its Secrets have been written.

import { wakeAt } from '../../core/wake.ts';
import type { Result } from '../../kube/controller.ts';
import { type EpochMs, type Moment, plus } from '../../lib/time.ts';
import type { LoginResult } from '../login/object-logins.ts';
import type { WriteResult } from './write-secrets.ts';

/** When to reconcile again without any event. */
export function outlook(
  { findings, applied, nextAt }: WriteResult,
  { held, failures, renewalStarts, lookAgainAt }: LoginResult,
  moment: Moment,
  others: readonly EpochMs[] = [],
): Result {
  const retryAt = applied.retryAfter === undefined ? undefined : plus(moment.now, applied.retryAfter);
  const all = [lookAgainAt, nextAt, retryAt, ...others];
  const instants = { logins: held, failures, renewalStarts, problems: findings.problems, others: all };
  // A failure must not delay other deadlines: the earlier of the two counts, unless the API server named a later one.
  return { op: applied.failed && retryAt === undefined ? 'retry' : 'done', wakeAt: wakeAt(instants, moment) };
}
