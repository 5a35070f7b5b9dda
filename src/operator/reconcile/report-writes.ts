// Reports writes: to the object's users by Events, to the log's readers by a line.

import type { PullSecretObject } from '../../core/resource.ts';
import type { Attempt } from '../../kube/controller.ts';
import type { EventRecorder } from '../../kube/events.ts';
import type { Logger } from '../../lib/log.ts';
import type { Applied } from '../secrets/apply.ts';
import { recordEvents } from './object-events.ts';
import type { WriteRequest, WriteResult } from './write-secrets.ts';

export type ReportWrites = (
  request: Pick<WriteRequest, 'object' | 'wish'>,
  written: WriteResult,
  attempt: Pick<Attempt, 'log'>,
) => void;

export function reportingWrites(events: EventRecorder): ReportWrites {
  return ({ object, wish }, { findings, applied }, { log }) => {
    recordEvents(events, object, wish.secretName, findings, applied);
    logWrites(log, object, wish.secretName, applied);
  };
}

function logWrites(log: Logger, object: PullSecretObject, secret: string, applied: Applied): void {
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
