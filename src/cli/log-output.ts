// The destination of log lines: a stream that may be slow, full or closed, without delaying or ending the operator.
//
// Guarantees: writing never throws, never blocks on a pipe, and holds a bounded number of bytes; dropped lines are
// counted, and one line reports them as soon as there is room.

import type { Writable } from 'node:stream';
import { type Clock, type DurationMs, seconds } from '../lib/time.ts';
import { createTokenBucket } from '../lib/token-bucket.ts';

/** Why a line was dropped: there were too many, or the stream took none. */
export type WhyDropped = 'rate' | 'output';

export interface LogOutputOptions {
  readonly stream: Pick<Writable, 'write' | 'writableLength' | 'on'>;
  readonly clock: Clock;
  readonly onDropped: (why: WhyDropped) => void;
  /** Logs one line, to the same output, with the number of lines dropped since the last such line got out. */
  readonly tell: (count: number) => void;
}

export interface LogOutput {
  readonly write: (line: string) => void;
}

/** Enough for a thousand objects that fail at once; an object that logs more must not drown the lines of others. */
const LINES = { perSecond: 200, atOnce: 2_000 };
/** Bytes that wait for a reader, beside those in the pipe (64 KiB). */
const WAITING_BYTES = 256 * 1024;
const TELL_AFTER: DurationMs = seconds(10);

export function createLogOutput({ stream, clock, onDropped, tell }: LogOutputOptions): LogOutput {
  const budget = createTokenBucket(clock, LINES.perSecond, LINES.atOnce);
  let untold = 0;
  let isWaiting = false;
  let telling: number | undefined;

  const drop = (why: WhyDropped): void => {
    untold += 1;
    onDropped(why);
    wait();
  };
  const wait = (): void => {
    if (isWaiting) return;
    isWaiting = true;
    clock.after(TELL_AFTER, () => {
      isWaiting = false;
      telling = untold;
      tell(untold);
      telling = undefined;
    });
  };
  /** The line that reports dropped ones is retried until it is out; it never counts as dropped. */
  const send = (line: string, told: number | undefined): void => {
    stream.write(line, (error) => {
      if (told === undefined && error) drop('output');
      else if (told !== undefined && error) wait();
      else if (told !== undefined) untold -= told;
    });
  };

  // Each failure reaches the callback of its line; without a listener it would end the process.
  stream.on('error', () => {});
  return {
    write(line) {
      const isFull = stream.writableLength > WAITING_BYTES;
      if (telling !== undefined) {
        if (isFull) wait();
        else send(line, telling);
        return;
      }
      if (isFull) return drop('output');
      if (budget.take()) send(line, undefined);
      else drop('rate');
    },
  };
}
