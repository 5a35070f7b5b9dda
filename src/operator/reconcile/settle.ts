// The logins of an object are there, or have failed: the operator writes its Secrets, and reports what came of it.

import { REASON } from '../../api/names.ts';
import { sizeProblem } from '../../core/plan.ts';
import { keyOf, since } from '../../core/resource.ts';
import { nextStatus } from '../../core/status.ts';
import type { KubeReader } from '../../kube/client.ts';
import type { Attempt, Result } from '../../kube/controller.ts';
import type { EventRecorder } from '../../kube/events.ts';
import type { Logger } from '../../lib/log.ts';
import { type Clock, plus, read } from '../../lib/time.ts';
import type { FindAttachments } from '../attachment/attachment-findings.ts';
import type { LoginResult } from '../login/object-logins.ts';
import type { PullProbes } from '../login/pull-probe.ts';
import type { ClusterView } from '../state/cluster-view.ts';
import type { Fence } from './login-fence.ts';
import { recordExpiry, recordRemark } from './object-events.ts';
import { outlook } from './outlook.ts';
import type { Refuse } from './refuse.ts';
import { reportWrites, warnOfProblems } from './report-writes.ts';
import type { StatusWriter } from './status-writer.ts';
import { readStoredContent } from './stored-content.ts';
import type { Subject, WriteResult, WriteSecrets } from './write-secrets.ts';

export interface SettleParts {
  readonly client: Pick<KubeReader, 'find'>;
  readonly view: ClusterView;
  readonly writeSecrets: WriteSecrets;
  readonly findAttachments: FindAttachments;
  readonly probes: Pick<PullProbes, 'look'>;
  readonly statuses: StatusWriter;
  readonly fence: Pick<Fence, 'isOvertaken'>;
  readonly refuse: Refuse;
  readonly events: EventRecorder;
  readonly clock: Clock;
}

export type Settle = (subject: Subject, logins: LoginResult, attempt: Attempt) => Promise<Result>;

export function settling(parts: SettleParts): Settle {
  const { client, view, writeSecrets, findAttachments, probes, statuses, fence, refuse, events, clock } = parts;
  /** Writes the findings into the status, and returns when to reconcile again. */
  const report = async (
    { object, wish }: Subject,
    written: WriteResult,
    logins: LoginResult,
    log: Logger,
  ): Promise<Result> => {
    const { applied, findings } = written;
    const { retryAfter } = applied;
    if (applied.retry.length > 0)
      return retryAfter === undefined ? { op: 'retry' } : { op: 'done', wakeAt: plus(clock.now(), retryAfter) };
    // Another object of the same name has its own attempt: these findings are not about it.
    const current = view.object(keyOf(object));
    if (!current || since(object, current) === 'replaced') return { op: 'done', wakeAt: undefined };
    // Else the status would tell of an end before the one that another operator has announced since.
    const judged = new Set(logins.held.map(({ registry }) => registry));
    if (fence.isOvertaken({ object, held: logins.held, fresh: judged }, current)) return { op: 'retry' };
    const probed = probes.look(current, wish, logins.held);
    const beside = [...findAttachments(wish, findings.ready), ...probed.conditions];
    const next = nextStatus(current.status, { ...findings, beside }, clock.now());
    if (!(await statuses.write(current, next))) return { op: 'retry' };
    recordExpiry(events, current, next);
    warnOfProblems(current, wish.secretName, findings, log);
    return outlook(written, logins, read(clock), probed.nextAt === undefined ? [] : [probed.nextAt]);
  };

  return async (subject, logins, attempt) => {
    const { object } = subject;
    // Told once for each spec, and with each login that this object has had fetched.
    const isTold = logins.fresh.size === 0 && object.status.observedGeneration === object.generation;
    if (logins.remark !== undefined && !isTold) recordRemark(events, object, logins.remark);
    const message = sizeProblem(logins.widened);
    const refusal = message === undefined ? undefined : { reason: REASON.secretTooLarge, message };
    // The Secrets' present content stays fresh, though they cannot take what the object now wants.
    const fitting = refusal && (await readStoredContent(client, view, object, logins, attempt.signal));
    if (refusal && !fitting) return await refuse(object, refusal, logins);
    const found = await writeSecrets(subject, fitting ?? logins, attempt);
    if (!found) return { op: 'retry' };
    const written = refusal ? { ...found, findings: { ...found.findings, refusal } } : found;
    reportWrites(events, subject, written, attempt.log);
    return await report(subject, written, logins, attempt.log);
  };
}
