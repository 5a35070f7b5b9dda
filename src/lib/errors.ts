// The one shape of every failure: it says what to do next, in words that are safe to show.

import { othersWords } from './others-words.ts';
import { ownText } from './own-text.ts';
import type { DurationMs } from './time.ts';

/**
 * What to do after a failure.
 * - `backoff`: retry automatically, with growing delays.
 * - `after`: retry after `delay`, because a server said so (Retry-After) or the cause is known to take that long.
 * - `change`: retrying is useless until a user changes the object, the key or the cluster.
 * - `stop`: the process is ending.
 */
export type Next = 'backoff' | 'after' | 'change' | 'stop';

export interface FailureOptions {
  readonly next: Next;
  /** CamelCase word for conditions, events and metrics; it names the defect. */
  readonly reason: string;
  /** A sentence for users. Never holds a key, a token, or a parser's words about secret data. */
  readonly message: string;
  /** Only with `after`. */
  readonly delay?: DurationMs;
  /** For the log only, and there only its redacted text. */
  readonly cause?: unknown;
}

/**
 * The same in every copy of this file: a part of the bundle that is loaded late has its own copy
 * (docs/design/adr/0003).
 */
const BRAND = Symbol.for('kube-ecr-secrets-operator/Failure');

export class Failure extends Error {
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this !== Failure) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === 'object' && value !== null && BRAND in value;
  }

  readonly [BRAND] = true;
  override readonly name: string = 'Failure';
  readonly next: Next;
  readonly reason: string;
  readonly delay: DurationMs | undefined;

  constructor(options: FailureOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.next = options.next;
    this.reason = options.reason;
    this.delay = options.delay;
  }
}

/**
 * Turns any thrown value into a Failure. A Failure stays as it is. Anything else is a bug of the operator: it is
 * retried with backoff, under a fixed text, since the text of an unknown error may hold secret data.
 */
export function failureFrom(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  return new Failure({
    next: 'backoff',
    reason: 'InternalError',
    message: 'an unexpected error happened inside the operator; its log has the details',
    cause: thrown,
  });
}

/** The depth to which a chain of causes is followed, and the characters of each text that are kept. */
const CAUSES = 4;
const LONGEST_TEXT = 500;
const LONGEST_STACK = 1_000;

/**
 * What a log writes of a cause, as a new error: libraries attach anything to theirs, and it would be kept with them.
 *
 * @returns undefined when it is no error
 */
export function wordsOfCause(cause: unknown, depth = 0): Error | undefined {
  if (!(cause instanceof Error) || depth >= CAUSES) return undefined;
  const below = wordsOfCause(cause.cause, depth + 1);
  const words = new Error(othersWords(cause.message, LONGEST_TEXT), below && { cause: below });
  words.name = ownText(cause.name.slice(0, LONGEST_TEXT));
  words.stack = ownText(cause.stack?.slice(0, LONGEST_STACK) ?? '');
  const code: unknown = Reflect.get(cause, 'code');
  return typeof code === 'string' ? Object.assign(words, { code: ownText(code.slice(0, LONGEST_TEXT)) }) : words;
}
