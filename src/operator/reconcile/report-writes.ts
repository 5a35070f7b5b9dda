// Reports writes: to the object's users by Events, to the log's readers by a line.

import type { EventRecorder } from '../../kube/events.ts';
import type { Logger } from '../../lib/log.ts';
import { recordEvents } from './object-events.ts';
import type { Subject, WriteResult } from './write-secrets.ts';

export function reportWrites(
  events: EventRecorder,
  { object, wish: { secretName: secret } }: Subject,
  { findings, applied }: WriteResult,
  log: Logger,
): void {
  recordEvents(events, object, secret, findings, applied);
  const { created, updated, deleted, retry, problems } = applied;
  if (created.length + updated.length + deleted.length + problems.length === 0) return;
  log.info('Wrote secrets', {
    kind: object.kind,
    secret,
    created: created.length,
    updated: updated.length,
    deleted: deleted.length,
    retry: retry.length,
    problems: problems.length,
  });
}
