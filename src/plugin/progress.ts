// One line that says how far a command is, for a person who waits.

import { cut } from '../core/text.ts';
import { type Output, plain } from './terminal.ts';

/** Characters of a terminal that was never made wider. */
const WIDTH = 79;
/** Back to the begin of the line, and clear to its end (ECMA-48, CR and EL). */
const ANEW = '\r\u001b[K';

export interface Progress {
  /** Shows that the command works at this one of them. */
  at(index: number, count: number, what: string): void;
  /** Clears the line. */
  end(): void;
}

/** @param err  nothing is written unless it is a terminal */
export function createProgress({ isTerminal, write }: Output): Progress {
  let isShown = false;
  return {
    at(index, count, what) {
      if (!isTerminal) return;
      isShown = true;
      write(`${ANEW}${cut(`${index + 1} of ${count}: ${plain(what)}`, WIDTH)}`);
    },
    end() {
      if (isShown) write(ANEW);
      isShown = false;
    },
  };
}
