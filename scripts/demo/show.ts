// How the demo talks: steps, facts, tables, a live line on a terminal. Readable in a pipe too.

import { styleText } from 'node:util';

const out = process.stdout;
let live = false;

function paint(format: Parameters<typeof styleText>[0], text: string): string {
  return styleText(format, text, { stream: out });
}

function line(text: string): void {
  endLive();
  out.write(`${text}\n`);
}

function endLive(): void {
  if (!live) return;
  live = false;
  out.write('\r\u001b[K');
}

export const show = {
  title: (text: string): void => line(`\n${paint('bold', text)}`),
  step: (number: number, text: string): void => line(`\n${paint('cyan', `${number}.`)} ${paint('bold', text)}`),
  note: (text: string): void => line(`   ${paint('dim', text)}`),
  block: (text: string): void => {
    for (const one of text.trimEnd().split('\n')) line(`   ${one}`);
  },
  seen: (text: string): void => line(`   ${paint('green', '✔')} ${text}`),
  missed: (text: string): void => line(`   ${paint('red', '✖')} ${text}`),
  /** One line that changes on a terminal; nothing in a pipe. */
  live: (text: string): void => {
    if (!out.isTTY) return;
    live = true;
    out.write(`\r\u001b[K   ${text}`);
  },
  /** A bar of a fixed width for a share of 0 to 1. */
  bar: (share: number, width = 24): string => {
    const full = Math.round(Math.min(1, Math.max(0, share)) * width);
    return `${'█'.repeat(full)}${'░'.repeat(width - full)}`;
  },
};

interface Table {
  readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[];
  readonly rows?: readonly { readonly cells: readonly unknown[] }[] | null;
}

/** A table as the API server makes it for kubectl (`as=Table`), with the columns that `kubectl get` shows. */
export function formatTable({ columnDefinitions, rows }: Table): string {
  const shown = columnDefinitions
    .map((column, index) => ({ ...column, index }))
    .filter(({ priority }) => priority === 0);
  const texts = [
    shown.map(({ name }) => name.toUpperCase()),
    ...(rows ?? []).map(({ cells }) => shown.map(({ index }) => cellText(cells[index]))),
  ];
  const widths = shown.map((_, column) => Math.max(...texts.map((row) => row[column]?.length ?? 0)));
  return texts
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('   ')
        .trimEnd(),
    )
    .join('\n');
}

function cellText(cell: unknown): string {
  return typeof cell === 'string' || typeof cell === 'number' ? String(cell) : '<none>';
}
