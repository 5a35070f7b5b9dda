// Logins of an object are in flight: the operator does what it can without them, and reports a long wait in the status.

import { sizeProblem } from '../../core/plan.ts';
import { processingStatus } from '../../core/status.ts';
import type { Attempt, Result } from '../../kube/controller.ts';
import type { EventRecorder } from '../../kube/events.ts';
import { type Clock, type DurationMs, type EpochMs, plus, read, SECOND } from '../../lib/time.ts';
import { LOGIN_PATIENCE, type LoginResult } from '../login/object-logins.ts';
import { outlook } from './outlook.ts';
import { reportWrites } from './report-writes.ts';
import type { StatusWriter } from './status-writer.ts';
import type { Subject, WriteSecrets } from './write-secrets.ts';

export interface MeanwhileParts {
  readonly writeSecrets: WriteSecrets;
  readonly statuses: StatusWriter;
  readonly events: EventRecorder;
  readonly clock: Clock;
}

/** A first login that takes longer than this is worth a status write of its own. */
const SLOW_LOGIN = SECOND;

/** @param pending  for how long the logins have been in flight */
export type Meanwhile = (
  subject: Subject,
  logins: LoginResult,
  pending: DurationMs,
  attempt: Attempt,
) => Promise<Result>;

export function doingMeanwhile({ writeSecrets, statuses, events, clock }: MeanwhileParts): Meanwhile {
  /** When the status must say that the logins take long. */
  const overdueAt = (pending: DurationMs): EpochMs => plus(clock.now(), (LOGIN_PATIENCE - pending) as DurationMs);

  /** Waits for logins, and writes it into the status when the first one takes long. */
  const awaitLogins = async ({ object, wish }: Subject, holdsAny: boolean, pending: DurationMs): Promise<Result> => {
    const wakeAt = overdueAt(pending);
    // A status of this generation, such as a refusal, stands until something changes.
    const stands = object.status.observedGeneration === object.generation && object.status.conditions !== undefined;
    if (holdsAny || stands) return { op: 'done', wakeAt };
    const wait = (SLOW_LOGIN - pending) as DurationMs;
    if (wait > 0) return { op: 'done', wakeAt: plus(clock.now(), wait) };
    const status = processingStatus(object.status, object.generation, wish.secretName, clock.now());
    return (await statuses.write(object, status)) ? { op: 'done', wakeAt } : { op: 'retry' };
  };

  /** Repairs Secrets with the logins at hand; the status waits for those in flight. */
  const settleMeanwhile: Meanwhile = async (subject, logins, pending, attempt) => {
    const wakeAt = overdueAt(pending);
    if (sizeProblem(logins.widened) !== undefined) return { op: 'done', wakeAt };
    const written = await writeSecrets(subject, logins, attempt);
    if (!written) return { op: 'retry' };
    const { applied, findings } = written;
    reportWrites(events, subject, { ...written, findings: { ...findings, failures: [] } }, attempt.log);
    if (applied.retry.length > 0 && applied.retryAfter === undefined) return { op: 'retry' };
    const held = logins.held.filter(({ registry }) => !logins.pending.includes(registry));
    return outlook(written, { ...logins, held }, read(clock), [wakeAt]);
  };

  return async (subject, logins, pending, attempt) => {
    const { generation, status } = subject.object;
    const holdsAny = logins.held.length > 0;
    // New content is written when all of its logins are there, or have failed: a part of it would be written twice.
    const isWritten = holdsAny && status.observedGeneration === generation && status.logins?.length;
    return isWritten
      ? await settleMeanwhile(subject, logins, pending, attempt)
      : await awaitLogins(subject, holdsAny, pending);
  };
}
