// Whether a status that is computed anew has news beside the one that is stored. Pure.

import { CONDITION_PULLABLE, CONDITION_READY, CONDITION_RECONCILING, CONDITION_STALLED } from '../api/names.ts';
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
  const changed = <Told extends { readonly message: string }>(told: Told): Told => ({
    ...told,
    message: change(told.message),
  });
  const items = problems?.items.map(changed) ?? [];
  return {
    ...status,
    conditions: conditions.map((condition) => (repeatsOthers(condition) ? changed(condition) : condition)),
    ...(problems ? { problems: { ...problems, items } } : {}),
  };
}

/** What the operator says in its own words, with counts and names, is news whenever it differs. */
function repeatsOthers({ type, status }: Condition): boolean {
  if (type === CONDITION_READY || type === CONDITION_PULLABLE) return status !== 'True';
  return type === CONDITION_STALLED || type === CONDITION_RECONCILING;
}

function nothing(): string {
  return '';
}
