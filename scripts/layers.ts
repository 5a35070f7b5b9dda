// Checks that every import follows the arrows of the layer table in ARCHITECTURE.md, and that no file has grown too long.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** A file longer than this has more than one idea in it; tests, whose tables may be long, have more room. */
const LONGEST_FILE = 300;
const LONGEST_TEST = 400;

interface Layer {
  readonly folder: string;
  /** Folders or files (without `.ts`) under `src/` that it may import, beside itself. */
  readonly mayImport: readonly string[];
}

/**
 * Reads rows such as: | 3 | `src/kube` | … | `lib`, `api/meta` |
 *
 * @throws Error when the table is not there
 */
export function readLayers(page: string): readonly Layer[] {
  const layers: Layer[] = [];
  for (const line of page.split('\n')) {
    const cells = line.split('|').map((cell) => cell.trim());
    const folder = /^`src\/([a-z-]+)`$/.exec(cells[2] ?? '')?.[1];
    if (!/^[0-9–]+$/.test(cells[1] ?? '') || folder === undefined) continue;
    layers.push({ folder, mayImport: [...(cells[4] ?? '').matchAll(/`([a-z/-]+)`/g)].map((match) => match[1] ?? '') });
  }
  if (layers.length === 0) throw new Error('ARCHITECTURE.md has no layer table');
  return layers;
}

function importsOf(text: string): readonly string[] {
  const found = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\s[^;'"]*?from\s*['"](\.[^'"]+)['"]|import\(\s*['"](\.[^'"]+)['"]/g,
  );
  return [...found].map((match) => match[1] ?? match[2] ?? '');
}

/**
 * @param file  path from the root, such as `src/kube/client.ts`
 * @returns one sentence for each import that goes against the arrows
 */
export function brokenArrows(file: string, text: string, layers: readonly Layer[]): readonly string[] {
  const folder = file.split('/')[1] ?? '';
  const layer = layers.find((one) => one.folder === folder);
  if (!layer) return [`${file}: its folder is not in the layer table of ARCHITECTURE.md`];
  const isTest = file.endsWith('.test.ts');
  const broken: string[] = [];
  for (const specifier of importsOf(text)) {
    const target = relative('src', join(dirname(file), specifier)).replace(/\.ts$/, '');
    const targetFolder = target.split('/')[0] ?? '';
    // A text such as package.json is no part of the building.
    if (targetFolder === folder || specifier.endsWith('.json')) continue;
    // Tests may also use what is there for tests, beside `src`.
    if (isTest && target.startsWith('..')) continue;
    if (layer.mayImport.includes(targetFolder) || layer.mayImport.includes(target)) continue;
    broken.push(`${file}: may not import ${target} (layer table of ARCHITECTURE.md)`);
  }
  return broken;
}

function sources(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name))
    .sort();
}

function main(): void {
  const layers = readLayers(readFileSync('ARCHITECTURE.md', 'utf8'));
  const problems = sources('src').flatMap((file) => brokenArrows(file, readFileSync(file, 'utf8'), layers));
  for (const file of ['src', 'testing', 'scripts', 'test', 'bench'].flatMap(sources)) {
    const lines = readFileSync(file, 'utf8').split('\n').length - 1;
    const most = file.endsWith('.test.ts') ? LONGEST_TEST : LONGEST_FILE;
    if (lines > most) problems.push(`${file}: ${lines} lines, more than ${most}`);
  }
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
}

if (import.meta.main) main();
