// The annotation by which a user asks for fresh logins: what has come of each mark, by registry.

import type { Clock, DurationMs } from '../../lib/time.ts';

/** By registry: whether the requested fresh login has been fetched. */
export type MarkOutcomes = Map<string, 'asked' | 'done'>;

export interface Mark {
  /** When this process first saw it, on the monotonic clock. */
  readonly at: DurationMs;
  readonly outcomes: MarkOutcomes;
}

export interface FreshLoginMarks {
  /** @param asked  the mark of the object with this uid */
  get(uid: string, asked: string): Mark;
  forget(uid: string): void;
}

/** @param isThere  whether there is an object with this uid: nothing is kept of others */
export function createFreshLoginMarks(clock: Clock, isThere: (uid: string) => boolean): FreshLoginMarks {
  const marks = new Map<string, Mark & { readonly asked: string }>();
  return {
    get(uid, asked) {
      const before = marks.get(uid);
      if (before?.asked === asked) return before;
      const mark = { asked, at: clock.monotonic(), outcomes: new Map() };
      if (isThere(uid)) marks.set(uid, mark);
      return mark;
    },
    forget: (uid) => void marks.delete(uid),
  };
}
