// What the status says of the Secrets of an object that are not as wanted: written, and read back. Pure.

import { REASON } from '../api/names.ts';
import type { Problem as ProblemStatus, PullSecretStatus } from '../api/schema.ts';
import type { Problem } from './desired.ts';
import { cut } from './text.ts';

/** A Secret that is in the way, and that no watch shows. */
const OBSTRUCTIONS: ReadonlySet<string> = new Set([REASON.secretConflict, REASON.secretTerminating]);
/** A Secret that somebody else changes. */
const CONTESTED: ReadonlySet<string> = new Set([REASON.secretContested]);

/** Namespaces in which something was in the way of the Secret, by what the status says. */
export function obstructed(status: PullSecretStatus): ReadonlySet<string> {
  return namespacesWith(status, OBSTRUCTIONS);
}

/** Namespaces in which somebody else changes the Secret, by what the status says. */
export function contested(status: PullSecretStatus): ReadonlySet<string> {
  return namespacesWith(status, CONTESTED);
}

function namespacesWith({ problems }: PullSecretStatus, reasons: ReadonlySet<string>): ReadonlySet<string> {
  return new Set((problems?.items ?? []).filter(({ reason }) => reasons.has(reason)).map(({ namespace }) => namespace));
}

/** Of the list of problems; less when the rest leaves less. */
const PROBLEM_BYTES = 14_000;
/** Of one message. */
export const PROBLEM_MESSAGE = 300;
const MOST_PROBLEMS = 100;

export function problemStatus(problems: readonly Problem[], left: number): PullSecretStatus['problems'] | undefined {
  if (problems.length === 0) return undefined;
  const items = problems
    .toSorted(byWeight)
    .slice(0, MOST_PROBLEMS)
    .map(({ namespace, reason, message }) => ({
      namespace: cut(namespace, 63),
      reason,
      message: cut(message, PROBLEM_MESSAGE),
    }));
  return { count: problems.length, items: fitting(items, left) };
}

/** What makes the object not Ready comes first: nothing that a selector finds pushes it off the list. */
function byWeight(one: Problem, other: Problem): number {
  return Number(other.named) - Number(one.named) || (one.namespace < other.namespace ? -1 : 1);
}

/** The first of `items` that fit in `left` bytes. */
export function fitting(items: readonly ProblemStatus[], left: number): ProblemStatus[] {
  const room = Math.min(PROBLEM_BYTES, left);
  let bytes = 0;
  const last = items.findIndex((item) => {
    bytes += Buffer.byteLength(JSON.stringify(item)) + 1;
    return bytes > room;
  });
  return items.slice(0, last === -1 ? items.length : last);
}
