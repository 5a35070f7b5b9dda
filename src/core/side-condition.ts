// Conditions about something else than the Secrets. Pure.

import { CONDITION_ATTACHED, CONDITION_PULLABLE } from '../api/names.ts';
import type { Condition } from '../api/schema.ts';

/** A condition that does not enter into Ready, and never holds back a Secret. */
export interface SideCondition extends Pick<Condition, 'type' | 'status' | 'reason' | 'message'> {
  /** The generation that it is about; absent: the present one. */
  readonly observedGeneration?: number | undefined;
}

/** Their types. */
export const SIDE_CONDITIONS: ReadonlySet<string> = new Set([CONDITION_ATTACHED, CONDITION_PULLABLE]);
