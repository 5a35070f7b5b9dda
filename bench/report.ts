// The rows of a run, and how they are shown.

import type { Part, Row, Series } from './results.ts';

const taken: Row[] = [];
let ofPart: Row[] = [];
let series: Series = {};

export function progress(text: string): void {
  process.stderr.write(`  ${text}\n`);
}

export function report(what: string, measured: string, target: string, ok: boolean): void {
  const row = { what, measured, target, ok };
  taken.push(row);
  ofPart.push(row);
  progress(`${what}: ${measured}`);
}

/** Notes the points of a plot. */
export function plot(points: Series): void {
  series = { ...series, ...points };
}

/** @returns what was reported since the last call */
export function takePart(): Pick<Part, 'rows' | 'series'> {
  const part = { rows: ofPart, series };
  ofPart = [];
  series = {};
  return part;
}

export function table(): string {
  const head = ['what', 'measured', 'target', ''];
  return columns([head, ...taken.map(({ what, measured, target, ok }) => [what, measured, target, ok ? '✔' : '✖'])]);
}

/** The cells of each line under those of the first. */
export function columns(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
