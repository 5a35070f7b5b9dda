// Previous status + findings -> next status: the truth table of docs/status.md. Pure.

import { CONDITION_READY, CONDITION_RECONCILING, CONDITION_STALLED, REASON } from '../api/names.ts';
import type { Condition, LoginStatus, PullSecretStatus } from '../api/schema.ts';
import { type EpochMs, formatRfc3339 } from '../lib/time.ts';
import type { Problem } from './desired.ts';
import { isUsable, type Login } from './login.ts';
import { fitting, PROBLEM_MESSAGE, problemStatus } from './problems.ts';
import { SIDE_CONDITIONS, type SideCondition } from './side-condition.ts';
import { cut, formatGoTime, listNames } from './text.ts';

/** Why there is no new login. */
export interface LoginFailure {
  readonly registry: string;
  readonly message: string;
  /** Only a change of keys or rights helps. Otherwise the operator retries by itself. */
  readonly needsChange: boolean;
}

/** Why something is not done, or not yet: in one word, and in a sentence for users. */
export interface Cause {
  readonly reason: string;
  readonly message: string;
}

/** The result of one reconciliation of one object, as far as it got. */
export interface Findings {
  readonly generation: number;
  /**
   * The spec is invalid, over quota or too large for a Secret: nothing was tried, or only what the Secrets hold was
   * renewed.
   */
  readonly refusal?: Cause;
  /** By registry: the logins that the Secrets hold or would hold, usable or expired. */
  readonly logins: readonly Login[];
  readonly failures: readonly LoginFailure[];
  readonly desired: number;
  /** Namespaces whose Secret is in place, sorted. */
  readonly ready: readonly string[];
  /** Wanted Secrets that are neither in place nor a problem: their writes are still to come. */
  readonly pending: number;
  readonly problems: readonly Problem[];
  /** Secrets that hold a good login, among `ready`, but could not get the newest one yet. */
  readonly delayed: readonly Problem[];
  readonly handledReconcileAt: string | undefined;
  /** Conditions about something else than the Secrets; absent: they stay as they are. */
  readonly beside?: readonly SideCondition[];
}

interface StatusVerdict {
  readonly status: Condition['status'];
  readonly reason: string;
  readonly message: string;
  /** Why the object is stalled or retried; not always the cause in Ready. */
  readonly stalled?: Cause;
  readonly reconciling?: Cause;
}

/** Of a whole status as JSON, with room for names and brackets. */
const MOST_BYTES = 32 * 1_024 - 500;
/** Of the list of namespaces in a message; less beside many logins, each of which has its own line. */
const LIST_BYTES = 8_000;
const LIST_BYTES_LEAST = 1_000;
const LOGIN_BYTES = 200;
const MESSAGE = 1_000;

export function nextStatus(previous: PullSecretStatus, findings: Findings, now: EpochMs): PullSecretStatus {
  // A refused spec says nothing about the logins that the Secrets still hold.
  const isSilent = findings.refusal !== undefined && findings.logins.length === 0;
  const logins = loginFields(isSilent ? (previous.logins ?? []) : findings.logins.map(loginStatus));
  const verdict = findings.refusal ? judgeRefusal(logins, findings.refusal, now) : judge(previous, findings, now);
  const rest = {
    observedGeneration: findings.generation,
    conditions: conditions(previous, verdict, findings.generation, now, findings.beside),
    ...logins,
    secrets: secretsStatus(findings),
    ...(findings.handledReconcileAt === undefined ? {} : { lastHandledReconcileAt: findings.handledReconcileAt }),
  };
  const problems = problemStatus(findings.problems, MOST_BYTES - Buffer.byteLength(JSON.stringify(rest)));
  return problems ? { ...rest, problems } : rest;
}

function secretsStatus({ desired, ready }: Findings): PullSecretStatus['secrets'] {
  return { desired, ready: ready.length, summary: `${ready.length}/${desired}` };
}

/** The status while the first login takes long; written only then. */
export function processingStatus(
  previous: PullSecretStatus,
  generation: number,
  secretName: string,
  now: EpochMs,
): PullSecretStatus {
  const verdict = processing(`fetching the login for secret ${secretName}`);
  const after = conditions(previous, verdict, generation, now, undefined);
  return bounded({ ...previous, observedGeneration: generation, conditions: after });
}

/** The status that records new logins before any Secret holds them; all else stays as it was. */
export function withLogins(previous: PullSecretStatus, logins: readonly Login[]): PullSecretStatus {
  return bounded({ ...previous, ...loginFields(logins.map(loginStatus)) });
}

/** Drops problems that do not fit beside the rest. */
function bounded({ problems, ...rest }: PullSecretStatus): PullSecretStatus {
  if (!problems) return rest;
  const items = fitting(problems.items, MOST_BYTES - Buffer.byteLength(JSON.stringify(rest)));
  return { ...rest, problems: { ...problems, items } };
}

function processing(message: string): StatusVerdict {
  const cause = { reason: REASON.secretsProcessing, message };
  return { status: 'Unknown', ...cause, reconciling: cause };
}

function judge(previous: PullSecretStatus, findings: Findings, now: EpochMs): StatusVerdict {
  return (
    judgeLogins(previous, findings, now) ??
    judgeNamespaces(findings) ?? {
      status: 'True',
      ...(findings.desired === 0
        ? { reason: REASON.noNamespaces, message: NO_NAMESPACES }
        : { reason: REASON.secretsUpdated, message: updatedMessage(findings) }),
      ...progress(findings),
    }
  );
}

/** A time would change with each attempt, and cost a write of each object; the longest pause is that of the cache. */
const TRIED_AGAIN = 'the operator tries again at least every five minutes';

/** Ready all the same: a selector may wait for its first namespace. */
export const NO_NAMESPACES =
  'no namespace that exists wants the secret: see spec.namespaces, spec.namespaceSelector and spec.excludeNamespaces; the secret is created as soon as one does';

/** The Secrets keep what they hold; only the logins in the findings are renewed. */
function judgeRefusal(
  { expiresAt }: Pick<PullSecretStatus, 'expiresAt'>,
  { reason, message }: Cause,
  now: EpochMs,
): StatusVerdict {
  const stalled = { reason, message: cut(message, MESSAGE) };
  if (expiresAt === undefined) return { status: 'False', ...stalled, stalled };
  if (expiresAt > formatRfc3339(now))
    return { status: 'False', reason, message: `${stalled.message}; the old login holds until ${expiresAt}`, stalled };
  const ended = `the login ended at ${expiresAt}; ${stalled.message}`;
  return { status: 'False', reason: REASON.tokenExpired, message: ended, stalled };
}

/** Conditions beside a Ready that holds: what is being retried, or will not recover by itself. */
function progress({ failures, delayed }: Findings): Pick<StatusVerdict, 'stalled' | 'reconciling'> {
  const message = failuresMessage({ failures });
  if (failures.some(({ needsChange }) => needsChange)) return { stalled: { reason: REASON.loginFailed, message } };
  if (failures.length > 0) return { reconciling: { reason: REASON.retrying, message: `${message}; ${TRIED_AGAIN}` } };
  const [late] = delayed;
  if (!late) return {};
  const wait = `${delayed.length} secrets wait for the newest login; ${late.namespace}: ${late.message}`;
  return { reconciling: { reason: REASON.retrying, message: cut(wait, MESSAGE) } };
}

/** Of every registry without a newest login, those first that wait for a change. */
function failuresMessage({ failures }: Pick<Findings, 'failures'>): string {
  const sorted = failures.toSorted((one, other) => Number(other.needsChange) - Number(one.needsChange));
  return cut(listNames(sorted.map(failureMessage), '; ', MESSAGE), MESSAGE);
}

function failureMessage({ registry, message }: LoginFailure): string {
  return cut(`login to ${registry}: ${message}`, MESSAGE);
}

/** A verdict when the logins decide; undefined when they are good enough. */
function judgeLogins(previous: PullSecretStatus, findings: Findings, now: EpochMs): StatusVerdict | undefined {
  const ended = findings.logins.find((login) => !isUsable(login, now));
  const failures = findings.failures;
  if (ended) {
    const failure = failures.find(({ registry }) => registry === ended.registry);
    const why = failure ? `; ${failureMessage(failure)}` : '';
    return {
      status: 'False',
      reason: REASON.tokenExpired,
      message: `the login to ${ended.registry} ended at ${formatRfc3339(ended.expiresAt)}${why}`,
      ...progress(findings),
    };
  }
  const without = failures.find(({ registry }) => !findings.logins.some((login) => login.registry === registry));
  if (without)
    return { status: 'False', reason: REASON.loginFailed, message: failuresMessage(findings), ...progress(findings) };
  const [refused] = failures
    .filter(({ needsChange }) => needsChange)
    .flatMap((failure) =>
      findings.logins.filter(({ registry }) => registry === failure.registry).map((held) => ({ failure, held })),
    );
  if (!refused || lastSuccess(previous) === findings.generation) return undefined;
  const until = formatRfc3339(refused.held.expiresAt);
  return {
    status: 'False',
    reason: REASON.loginFailed,
    message: `${failureMessage(refused.failure)}; the old login holds until ${until}`,
    ...progress(findings),
  };
}

/** Reasons of Ready while the logins are good, whatever else is missing. */
const LOGGED_IN: ReadonlySet<string> = new Set([
  REASON.secretsUpdated,
  REASON.noNamespaces,
  REASON.partiallyReady,
  REASON.secretsProcessing,
]);

/** The generation for which the logins were last good; undefined when they are not good enough now. */
function lastSuccess(previous: PullSecretStatus): number | undefined {
  const ready = previous.conditions?.find(({ type }) => type === CONDITION_READY);
  return ready && LOGGED_IN.has(ready.reason) ? ready.observedGeneration : undefined;
}

/** Only a failure in a namespace that the object names counts: nobody else's namespace may end its Ready. */
function judgeNamespaces(findings: Findings): StatusVerdict | undefined {
  const named = findings.problems.filter((problem) => problem.named);
  if (named.length > 0) {
    const parts = named.map(
      ({ namespace, reason, message }) => `${namespace}: ${reason}: ${cut(message, PROBLEM_MESSAGE)}`,
    );
    const message = `${named.length} of ${findings.desired} namespaces: ${listNames(parts, '; ', MESSAGE)}`;
    return { status: 'False', reason: REASON.partiallyReady, message, ...progress(findings) };
  }
  if (findings.pending > 0) {
    const message = `creating/updating secrets: ${findings.ready.length} of ${findings.desired} namespaces done`;
    return processing(message);
  }
  return undefined;
}

/** The Go project's words, to the letter. */
function updatedMessage(findings: Findings): string {
  const next = Math.min(...findings.logins.map((login) => login.renewAt)) as EpochMs;
  const when = Number.isFinite(next) ? ` next update at: ${formatGoTime(next)}` : '';
  return (
    'AWS ECR secret with type kubernetes.io/dockerconfigjson have been created/updated successfully in namespaces: ' +
    `[${listNames(findings.ready, ' ', Math.max(LIST_BYTES_LEAST, LIST_BYTES - LOGIN_BYTES * findings.logins.length))}]${when}`
  );
}

/** @param beside  undefined: as they were */
function conditions(
  previous: PullSecretStatus,
  verdict: StatusVerdict,
  generation: number,
  now: EpochMs,
  beside: readonly SideCondition[] | undefined,
): Condition[] {
  const make = ({ type, status, reason, message, observedGeneration = generation }: SideCondition): Condition => {
    const before = previous.conditions?.find((condition) => condition.type === type);
    const since = before?.status === status ? before.lastTransitionTime : formatRfc3339(now);
    return {
      type,
      status,
      observedGeneration,
      lastTransitionTime: since,
      reason,
      message: cut(message, LIST_BYTES + MESSAGE),
    };
  };
  const { stalled, reconciling } = verdict;
  const result = [make({ ...verdict, type: CONDITION_READY })];
  if (reconciling) result.push(make({ ...reconciling, type: CONDITION_RECONCILING, status: 'True' }));
  if (stalled) result.push(make({ ...stalled, type: CONDITION_STALLED, status: 'True' }));
  if (beside === undefined) result.push(...(previous.conditions ?? []).filter(({ type }) => SIDE_CONDITIONS.has(type)));
  else result.push(...beside.map(make));
  return result;
}

function loginStatus({ registry, expiresAt, refreshedAt, renewAt, digest, hosts, shown = {} }: Login): LoginStatus {
  return {
    registry,
    expiresAt: formatRfc3339(expiresAt),
    refreshedAt: formatRfc3339(refreshedAt),
    nextRefreshAt: formatRfc3339(renewAt),
    digest,
    hosts: [...hosts],
    ...shown,
  };
}

/** The fields about logins: each login, when the first one ends, and when the last one was fetched. */
function loginFields(unsorted: readonly LoginStatus[]): Pick<PullSecretStatus, 'logins' | 'expiresAt' | 'refreshedAt'> {
  if (unsorted.length === 0) return {};
  const logins = unsorted.toSorted((one, other) => (one.registry < other.registry ? -1 : 1));
  const [expiresAt] = logins.map((login) => login.expiresAt).sort();
  const refreshedAt = logins
    .map((login) => login.refreshedAt)
    .sort()
    .at(-1);
  return { logins, expiresAt, refreshedAt };
}
