// The annotation by which a user asks for fresh logins: what has come of each mark, by registry.

import type { Clock, DurationMs } from '../../lib/time.ts';

/** Which logins are good enough for a mark. */
export interface MarkTerms {
  /** Ignores an earlier refusal. */
  readonly force: boolean;
  /** Only a login fetched after this instant of the monotonic clock is good enough; undefined: any. */
  readonly since: DurationMs | undefined;
}

export interface FreshLoginMarks {
  /** @param mark  of the object with this uid; undefined: it has none */
  terms(uid: string, mark: string | undefined, registry: string): MarkTerms;
  /** Notes what came of it: the login was requested, or is there. */
  note(uid: string, mark: string | undefined, registry: string, outcome: 'asked' | 'done'): void;
  forget(uid: string): void;
}

interface Mark {
  readonly text: string;
  /** When this process first saw it, on the monotonic clock. */
  readonly at: DurationMs;
  /** By registry. */
  readonly outcomes: Map<string, 'asked' | 'done'>;
}

const NO_MARK: MarkTerms = { force: false, since: undefined };

/** @param isThere  whether there is an object with this uid: nothing is kept of others */
export function createFreshLoginMarks(clock: Clock, isThere: (uid: string) => boolean): FreshLoginMarks {
  const marks = new Map<string, Mark>();
  const markOf = (uid: string, text: string): Mark => {
    const before = marks.get(uid);
    if (before?.text === text) return before;
    const mark = { text, at: clock.monotonic(), outcomes: new Map() };
    if (isThere(uid)) marks.set(uid, mark);
    return mark;
  };
  return {
    terms(uid, mark, registry) {
      if (mark === undefined) return NO_MARK;
      const { at, outcomes } = markOf(uid, mark);
      const before = outcomes.get(registry);
      // Ignores a refusal the first time only: an AWS that keeps failing gets no more requests than without the mark.
      return { force: before === undefined, since: before === 'done' ? undefined : at };
    },
    note(uid, mark, registry, outcome) {
      if (mark === undefined) return;
      const { outcomes } = markOf(uid, mark);
      if (outcome === 'done' || !outcomes.has(registry)) outcomes.set(registry, outcome);
    },
    forget: (uid) => void marks.delete(uid),
  };
}
