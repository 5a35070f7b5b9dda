// Reports writes and problems: to the object's users by Events, to the log's readers by a line each.

import type { PullSecretObject } from '../../core/resource.ts';
import type { Findings } from '../../core/status.ts';
import type { EventRecorder } from '../../kube/events.ts';
import type { Logger } from '../../lib/log.ts';
import { newProblems, recordEvents } from './object-events.ts';
import type { Subject, WriteResult } from './write-secrets.ts';

export function reportWrites(
  events: EventRecorder,
  { object, wish: { secretName: secret } }: Subject,
  { findings, applied }: WriteResult,
  log: Logger,
): void {
  recordEvents(events, object, secret, findings, applied);
  const { created, updated, deleted, retry } = applied;
  if (created.length + updated.length + deleted.length === 0) return;
  log.info('Wrote secrets', {
    kind: object.kind,
    secret,
    created: created.length,
    updated: updated.length,
    deleted: deleted.length,
    retry: retry.length,
    problems: findings.problems.length,
  });
}

/**
 * Warns of the first problem that the status of `object` does not have yet. Once the status has it, it is told: what
 * comes before that may be tried many times.
 */
export function warnOfProblems(object: PullSecretObject, secret: string, findings: Findings, log: Logger): void {
  const [first] = newProblems(object, findings);
  if (!first) return;
  const { namespace, reason, message } = first;
  const problems = findings.problems.length;
  log.warn('Could not keep all secrets', { kind: object.kind, secret, in: namespace, reason, message, problems });
}
