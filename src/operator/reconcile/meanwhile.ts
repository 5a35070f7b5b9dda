// Logins of an object are in flight: the operator does what it can without them, and reports a long wait in the status.

import { sizeProblem } from '../../core/plan.ts';
import { processingStatus } from '../../core/status.ts';
import type { Attempt, Result } from '../../kube/controller.ts';
import { type Clock, type DurationMs, plus, read, SECOND } from '../../lib/time.ts';
import { LOGIN_PATIENCE } from '../login/object-logins.ts';
import { outlook } from './outlook.ts';
import type { ReportWrites } from './report-writes.ts';
import type { StatusWriter } from './status-writer.ts';
import type { LoggedIn, WriteSecrets } from './write-secrets.ts';

export interface MeanwhileParts {
  readonly writeSecrets: WriteSecrets;
  readonly statuses: StatusWriter;
  readonly reportWrites: ReportWrites;
  readonly clock: Clock;
}

/** A first login that takes longer than this is worth a status write of its own. */
const SLOW_LOGIN = SECOND;

/** @param pending  for how long the logins have been in flight */
export type Meanwhile = (request: LoggedIn, attempt: Attempt, pending: DurationMs) => Promise<Result>;

export function doingMeanwhile({ writeSecrets, statuses, reportWrites, clock }: MeanwhileParts): Meanwhile {
  /** Waits for logins, and writes it into the status when the first one takes long. */
  const awaitLogins = async ({ object, wish, access }: LoggedIn, pending: DurationMs): Promise<Result> => {
    const toTell = plus(clock.now(), (LOGIN_PATIENCE - pending) as DurationMs);
    // A status of this generation, such as a refusal, stands until something changes.
    const isTold = object.status.observedGeneration === object.generation && object.status.conditions !== undefined;
    if (access.held.length > 0 || isTold) return { op: 'done', wakeAt: toTell };
    const wait = (SLOW_LOGIN - pending) as DurationMs;
    if (wait > 0) return { op: 'done', wakeAt: plus(clock.now(), wait) };
    const status = processingStatus(object.status, object.generation, wish.secretName, clock.now());
    return (await statuses.write(object, status)) ? { op: 'done', wakeAt: toTell } : { op: 'retry' };
  };

  /** Repairs Secrets with the logins at hand; the status waits for those in flight. */
  const settleMeanwhile = async (request: LoggedIn, attempt: Attempt, pending: DurationMs): Promise<Result> => {
    const { access } = request;
    const held = access.held.filter(({ registry }) => !access.pending.includes(registry));
    const toTell = plus(clock.now(), (LOGIN_PATIENCE - pending) as DurationMs);
    if (sizeProblem(access.widened) !== undefined) return { op: 'done', wakeAt: toTell };
    const written = await writeSecrets(request, attempt);
    if (!written) return { op: 'retry' };
    const { applied, findings } = written;
    reportWrites(request, { ...written, findings: { ...findings, failures: [] } }, attempt);
    if (applied.retry.length > 0 && applied.retryAfter === undefined) return { op: 'retry' };
    return outlook(written, { ...access, held }, read(clock), [toTell]);
  };

  return async (request, attempt, pending) => {
    const { generation, status } = request.object;
    // New content is written when all of its logins are there, or have failed: a part of it would be written twice.
    const isServed =
      request.access.held.length > 0 && status.observedGeneration === generation && status.logins?.length;
    return isServed ? await settleMeanwhile(request, attempt, pending) : await awaitLogins(request, pending);
  };
}
