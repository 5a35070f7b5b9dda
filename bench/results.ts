// Where results are kept: one JSON file, each part of it with the machine, the commit and the day that it is from.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { dirname } from 'node:path';

export interface Row {
  readonly what: string;
  readonly measured: string;
  readonly target: string;
  /** The target is met. */
  readonly ok: boolean;
}

/** Points of a plot, by the name of the line. */
export type Series = Readonly<Record<string, readonly (readonly [x: number, y: number])[]>>;

export interface Part {
  readonly date: string;
  /** `+`: with changes that are not committed. */
  readonly commit: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly rows: readonly (Row | Readonly<Record<string, unknown>>)[];
  readonly series?: Series;
}

export interface Results {
  readonly parts: Readonly<Record<string, Part>>;
}

/** Is not committed. */
export const LATEST = 'bench/results/latest.json';
export function readResults(path: string): Results {
  if (!existsSync(path)) return { parts: {} };
  return JSON.parse(readFileSync(path, 'utf8')) as Results;
}

/** Puts a part into the file, in place of an earlier one of that name. */
export function savePart(
  path: string,
  name: string,
  { rows, series, kubernetes }: Pick<Part, 'rows' | 'series'> & { readonly kubernetes?: string },
): void {
  const part: Part = {
    date: new Date().toISOString().slice(0, 10),
    commit: commitOf(),
    machine: machine(),
    versions: { node: process.versions.node, ...(kubernetes === undefined ? {} : { kubernetes }) },
    rows,
    ...(series === undefined || Object.keys(series).length === 0 ? {} : { series }),
  };
  mkdirSync(dirname(path), { recursive: true });
  const results: Results = { parts: { ...readResults(path).parts, [name]: part } };
  writeFileSync(path, `${format(results)}\n`);
}

/** Points in one line each series. */
function format(results: Results): string {
  return JSON.stringify(results, undefined, 2).replaceAll(/\[\s+(-?[\d.]+),\s+(-?[\d.]+)\s+\](,?)\s*/g, '[$1, $2]$3 ');
}

function machine(): Part['machine'] {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGB: Math.round(totalmem() / 1e9),
    kernel: release(),
  };
}

function commitOf(): string {
  const git = (...args: readonly string[]): string => spawnSync('git', args, { encoding: 'utf8' }).stdout.trim();
  const changed = git('status', '--porcelain', '--', 'src', 'bench/*.ts', 'package-lock.json');
  return `${git('rev-parse', '--short', 'HEAD')}${changed === '' ? '' : '+'}`;
}
