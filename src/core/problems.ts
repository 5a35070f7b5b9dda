// What the status says of the Secrets of an object that are not as wanted.

import { REASON } from '../api/names.ts';
import type { PullSecretStatus } from '../api/schema.ts';

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
