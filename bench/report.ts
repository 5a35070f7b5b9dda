// The rows of a run, and how they are shown.

export interface Row {
  readonly what: string;
  readonly measured: string;
  readonly target: string;
  /** The target is met. */
  readonly ok: boolean;
}

const taken: Row[] = [];

export function rows(): readonly Row[] {
  return taken;
}

export function progress(text: string): void {
  process.stderr.write(`  ${text}\n`);
}

export function report(what: string, measured: string, target: string, ok: boolean): void {
  taken.push({ what, measured, target, ok });
  progress(`${what}: ${measured}`);
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
