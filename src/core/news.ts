// Whether a status that is computed anew has news beside the one that is stored. Pure.

import { CONDITION_READY, CONDITION_RECONCILING, CONDITION_STALLED } from '../api/names.ts';
import type { Condition, PullSecretStatus } from '../api/schema.ts';
import { sameJson } from '../lib/json.ts';
import { steadyWords } from '../lib/steady-words.ts';

/**
 * `words`: nothing but what others say of a fault. `numbers`: nothing but times and numbers of requests in it. Either
 * may be new at each attempt, and would be written for each object, and sent to all who watch.
 */
export type News = 'none' | 'numbers' | 'words' | 'facts';

export function newsIn(stored: PullSecretStatus, computed: PullSecretStatus): News {
  if (sameJson(stored, computed)) return 'none';
  if (!sameJson(withWords(stored, nothing), withWords(computed, nothing))) return 'facts';
  return sameJson(withWords(stored, steadyWords), withWords(computed, steadyWords)) ? 'numbers' : 'words';
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
  // The accounts and images that the others name stand nowhere else in the status.
  return type === CONDITION_READY && status !== 'True' ? change(message) : message;
}

function nothing(): string {
  return '';
}
