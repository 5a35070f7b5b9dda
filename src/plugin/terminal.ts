// Text for a terminal: what others wrote in it can neither move the cursor nor hide anything.

import { styleText } from 'node:util';
import { masked } from '../checks/failure-words.ts';

/** Where a command writes, and whether colours are shown there. */
export interface Output {
  readonly write: (text: string) => void;
  readonly hasColors: boolean;
  /** A person looks at it. */
  readonly isTerminal: boolean;
}

/** Control characters, and those that are not seen or change the direction of text (Unicode categories Cc and Cf). */
const UNSEEN = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu;

/** One line of somebody else's text, without keys and tokens. */
export function plain(text: string): string {
  return masked(text.toWellFormed()).replaceAll(UNSEEN, ' ').trim();
}

type Color = 'red' | 'green' | 'yellow' | 'bold' | 'dim';

export function colored({ hasColors }: Output, color: Color, text: string): string {
  return hasColors ? styleText(color, text, { validateStream: false }) : text;
}

/** Columns as kubectl prints them: three spaces between, none behind the last. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => (row[at] ?? '').length)));
  const lines = rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('   ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}
