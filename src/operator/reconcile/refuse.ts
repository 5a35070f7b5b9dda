// What an object wants cannot be done: the status says so, and its Secrets keep their content.

import type { PullSecretObject } from '../../core/resource.ts';
import { type Cause, type Findings, nextStatus } from '../../core/status.ts';
import { wakeAt } from '../../core/wake.ts';
import type { Result } from '../../kube/controller.ts';
import type { EventRecorder } from '../../kube/events.ts';
import { type Clock, parseRfc3339, read } from '../../lib/time.ts';
import type { LoginResult } from '../login/object-logins.ts';
import { recordEvents, recordExpiry } from './object-events.ts';
import type { StatusWriter } from './status-writer.ts';

/** @param again  when the answer may be different: with newer logins than those that cannot be written, or later */
export type Refuse = (object: PullSecretObject, refusal: Cause, again?: Partial<LoginResult>) => Promise<Result>;

export interface RefusingParts {
  readonly statuses: StatusWriter;
  readonly events: EventRecorder;
  readonly clock: Clock;
}

export function refusing({ statuses, events, clock }: RefusingParts): Refuse {
  return async (object, refusal, again = {}) => {
    const findings: Findings = {
      generation: object.generation,
      refusal,
      logins: [],
      failures: [],
      desired: 0,
      ready: [],
      pending: 0,
      problems: [],
      delayed: [],
      handledReconcileAt: object.status.lastHandledReconcileAt,
    };
    recordEvents(events, object, '', findings, undefined);
    const next = nextStatus(object.status, findings, clock.now());
    if (!(await statuses.write(object, next))) return { op: 'retry' };
    recordExpiry(events, object, next);
    const moment = read(clock);
    // The status must also report when the login still in the Secrets ends.
    const endsAt = parseRfc3339(object.status.expiresAt);
    const others = [again.lookAgainAt, endsAt !== undefined && endsAt > moment.now ? endsAt : undefined];
    const { held: logins = [], failures = [], renewalStarts = new Map() } = again;
    return { op: 'done', wakeAt: wakeAt({ logins, failures, renewalStarts, problems: [], others }, moment) };
  };
}
