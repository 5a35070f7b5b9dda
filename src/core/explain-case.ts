// What an explanation starts from, and words that all of them use. Pure.

import type { EpochMs } from '../lib/time.ts';
import type { Explanation } from './explain-object.ts';
import type { ImageName } from './image.ts';
import type { PullAnswer } from './pull-answer.ts';
import type { PullFacts } from './pull-facts.ts';
import type { PullSecretObject, Wish } from './resource.ts';

/** An object with its wish, and whether it wants its Secret in the pod's namespace. */
export interface Writer {
  readonly object: PullSecretObject;
  readonly wish: Wish;
  readonly isHere: boolean;
}

/** The facts, with what follows from them at once. */
export interface Case {
  readonly facts: PullFacts;
  readonly image: ImageName;
  readonly answer: PullAnswer;
  /** Those that serve this namespace first. */
  readonly writers: readonly Writer[];
  readonly now: EpochMs;
}

export function prefixed(before: string, { what, ...rest }: Explanation): Explanation {
  return { ...rest, what: `${before} ${what}` };
}

export function nameOf({ kind, namespace, name }: PullSecretObject): string {
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}
