// Where log lines go: to a stream that may be slow, full or closed, none of which may hold up or end the operator.
//
// Guarantees: writing never throws, never blocks on a pipe, and holds a bounded number of bytes; what is left out is counted, and
// told in one line as soon as there is room.

import type { Writable } from 'node:stream';
import { type Clock, type DurationMs, seconds } from '../lib/time.ts';
import { createTokenBucket } from '../lib/token-bucket.ts';

/** Why a line was left out: there were too many, or the stream took none. */
export type WhyDropped = 'rate' | 'output';

export interface LogOutputOptions {
  readonly stream: Pick<Writable, 'write' | 'writableLength' | 'on'>;
  readonly clock: Clock;
  readonly onDropped: (why: WhyDropped) => void;
  /** Writes one line, by the same output, that says how many were left out since it was last called with success. */
  readonly tell: (count: number) => void;
}

export interface LogOutput {
  readonly write: (line: string) => void;
}

/** A thousand objects that fail at once have their lines; whoever makes more of them does not drown what others have to say. */
const LINES = { perSecond: 200, atOnce: 2_000 };
/** Bytes that wait for a reader, beside those that the pipe holds (64 KiB). */
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
  /** The line that tells is tried again until it is out; it is not one of those that are left out. */
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
