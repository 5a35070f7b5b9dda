// Whether a status that is computed anew has news beside the one that is stored. Pure.

import { CONDITION_ATTACHED, CONDITION_RECONCILING, CONDITION_STALLED } from '../api/names.ts';
import type { Condition, PullSecretStatus } from '../api/schema.ts';
import { sameJson } from '../lib/json.ts';
import { steadyWords } from '../lib/steady-words.ts';

/** `words`: nothing but what others say of a fault. */
export type News = 'none' | 'words' | 'facts';

/**
 * Words that differ by times and numbers of requests only are no news: they would be written at each attempt, for each
 * object, and sent to all who watch.
 */
export function newsIn(stored: PullSecretStatus, computed: PullSecretStatus): News {
  if (sameJson(stored, computed)) return 'none';
  if (!sameJson(withWords(stored, nothing), withWords(computed, nothing))) return 'facts';
  return sameJson(withWords(stored, steadyWords), withWords(computed, steadyWords)) ? 'none' : 'words';
}

/** The status with others' words made comparable. */
function withWords(status: PullSecretStatus, change: (text: string) => string): PullSecretStatus {
  const { conditions = [], problems } = status;
  const items = problems?.items.map((item) => ({ ...item, message: change(item.message) })) ?? [];
  return {
    ...status,
    conditions: conditions.map((one) => ({ ...one, message: comparable(one, change) })),
    ...(problems ? { problems: { ...problems, items } } : {}),
  };
}

/** What the operator says in its own words, with counts and names, is news whenever it differs. */
function comparable({ type, status, message }: Condition, change: (text: string) => string): string {
  if (type === CONDITION_STALLED || type === CONDITION_RECONCILING) return change(message);
  if (status === 'True') return message;
  // Its names of accounts stand nowhere else in the status.
  return type === CONDITION_ATTACHED ? steadyWords(message) : change(message);
}

function nothing(): string {
  return '';
}
