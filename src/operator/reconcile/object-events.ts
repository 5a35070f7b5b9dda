// The outcome of a reconciliation -> Events on the object, in the Go project's words where it had them.

import { API_VERSION, REASON } from '../../api/names.ts';
import type { PullSecretStatus } from '../../api/schema.ts';
import type { Problem } from '../../core/desired.ts';
import type { PullSecretObject } from '../../core/resource.ts';
import { type Findings, NO_NAMESPACES } from '../../core/status.ts';
import { listNames } from '../../core/text.ts';
import type { EventNote, EventRecorder, Regarding } from '../../kube/events.ts';
import { steadyWords } from '../../lib/steady-words.ts';
import type { Applied } from '../secrets/apply.ts';

/** Characters of names in one Event; its note takes 1 kB. */
const NAMES_LENGTH = 700;
/** Problems of one reconciliation that get an Event of their own; the status lists more. */
const PROBLEM_EVENTS = 10;

function where(namespaces: readonly string[]): string {
  if (namespaces.length === 1) return `in namespace ${namespaces[0]}`;
  return `in ${namespaces.length} namespaces: [${listNames(namespaces, ' ', NAMES_LENGTH)}]`;
}

/** Records writes and failures; a problem that the status already has gets no second Event. */
export function recordEvents(
  recorder: EventRecorder,
  object: PullSecretObject,
  secretName: string,
  findings: Findings,
  applied: Applied | undefined,
): void {
  const record = (event: EventNote): void => recorder.record(regarding(object), event);
  const success = (reason: string, action: string, verb: string, namespaces: readonly string[]): void => {
    if (namespaces.length === 0) return;
    record({ type: 'Normal', reason, action, note: `secret ${secretName} ${verb} successfully ${where(namespaces)}` });
  };
  if (applied) {
    success(REASON.secretCreated, 'Create', 'created', applied.created);
    success(REASON.secretUpdated, 'Update', 'updated', applied.updated);
    success(REASON.secretDeleted, 'Delete', 'deleted', applied.deleted);
  }
  if (findings.refusal)
    record({ type: 'Warning', reason: findings.refusal.reason, action: 'Validate', note: findings.refusal.message });
  for (const { registry, message } of findings.failures) {
    const note = `login to ${registry}: ${message}`;
    record({ type: 'Warning', reason: REASON.loginFailed, action: 'Login', note, sameIf: steadyWords(note) });
  }
  if (wantsNothing(findings) && !object.status.conditions?.some(({ reason }) => reason === REASON.noNamespaces))
    record({ type: 'Warning', reason: REASON.noNamespaces, action: 'Select', note: NO_NAMESPACES });
  for (const { reason, message } of newProblems(object, findings).slice(0, PROBLEM_EVENTS))
    record({ type: 'Warning', reason, action: 'Write', note: message });
}

/** The problems that the status does not have yet. */
export function newProblems({ status }: PullSecretObject, { problems }: Findings): readonly Problem[] {
  const isKnown = knownIn(status, problems);
  return problems.filter((problem) => !isKnown(problem));
}

function wantsNothing({ desired, failures, problems, refusal }: Findings): boolean {
  return desired === 0 && failures.length === 0 && problems.length === 0 && refusal === undefined;
}

/**
 * Whether the status has a problem; one that comes after the last that the status could take counts as reported.
 *
 * @param now  the problems that there are now: they say which namespaces are named
 */
function knownIn({ problems }: PullSecretStatus, now: readonly Problem[]): (problem: Problem) => boolean {
  const items = problems?.items ?? [];
  const listed = new Set(items.map(({ namespace, reason }) => `${namespace}/${reason}`));
  const isCut = problems !== undefined && problems.count > items.length;
  const last = items.at(-1)?.namespace ?? '';
  const isLastNamed = now.some(({ namespace, named }) => named && namespace === last);
  const isAfter = ({ namespace, named }: Problem): boolean => (named === isLastNamed ? namespace > last : isLastNamed);
  return (problem) => listed.has(`${problem.namespace}/${problem.reason}`) || (isCut && isAfter(problem));
}

/** Records that a login has ended, once: `next` says so, and the status of `object` did not. */
export function recordExpiry(recorder: EventRecorder, object: PullSecretObject, next: PullSecretStatus): void {
  const endedIn = ({ conditions }: PullSecretStatus) =>
    conditions?.find(({ reason }) => reason === REASON.tokenExpired);
  const ended = endedIn(next);
  if (ended && !endedIn(object.status))
    recorder.record(regarding(object), { type: 'Warning', reason: ended.reason, action: 'Renew', note: ended.message });
}

/** What the user should know about the keys, though they are good. */
export function recordRemark(recorder: EventRecorder, object: PullSecretObject, note: string): void {
  recorder.record(regarding(object), { type: 'Warning', reason: REASON.credentialsTrimmed, action: 'Login', note });
}

function regarding({ kind, namespace, name, uid }: PullSecretObject): Regarding {
  return { apiVersion: API_VERSION, kind, namespace, name, uid };
}
