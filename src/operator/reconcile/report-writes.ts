// Reports writes and problems: to the object's users by Events, to the log's readers by a line each.

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
  const [first] = newProblems(object, findings);
  if (first) {
    const { namespace, reason, message } = first;
    const problems = findings.problems.length;
    log.warn('Could not keep all secrets', { kind: object.kind, secret, in: namespace, reason, message, problems });
  }
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
