// Checks that every import follows the arrows of the layer table in ARCHITECTURE.md, that no import leads back to where
// it began, and that no file has grown too long, and no comment too wide.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** A file longer than this has more than one idea in it; tests, whose tables may be long, have more room. */
const LONGEST_FILE = 300;
const LONGEST_TEST = 400;
/** Of comments; what the program says stands in one line, however long. */
const WIDEST_COMMENT = 120;

interface Layer {
  /** Under `src/`: a folder, or a room of one. */
  readonly folder: string;
  /**
   * Folders, rooms or files (without `.ts`) under `src/` that it may import, beside itself. A folder does not stand for
   * its rooms.
   */
  readonly mayImport: readonly string[];
}

/**
 * Reads rows such as: | 3 | `src/kube` | … | `lib`, `api/meta` |
 * and those of rooms: | 4 | `src/operator/state` | … | `core` |
 *
 * @throws Error when the table is not there
 */
export function readLayers(page: string): readonly Layer[] {
  const layers: Layer[] = [];
  for (const line of page.split('\n')) {
    const cells = line.split('|').map((cell) => cell.trim());
    const folder = /^`src\/([a-z-]+(?:\/[a-z-]+)?)`$/.exec(cells[2] ?? '')?.[1];
    if (!/^[0-9]+$/.test(cells[1] ?? '') || folder === undefined) continue;
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
  const folder = dirname(relative('src', file));
  const layer = layers.find((one) => one.folder === folder);
  if (!layer) return [`${file}: its folder is not in the layer table of ARCHITECTURE.md`];
  const isTest = file.endsWith('.test.ts');
  const broken: string[] = [];
  for (const specifier of importsOf(text)) {
    const target = relative('src', join(dirname(file), specifier)).replace(/\.ts$/, '');
    const targetFolder = dirname(target);
    // A text such as package.json is no part of the building.
    if (targetFolder === folder || specifier.endsWith('.json')) continue;
    // Tests may also use what is there for tests, beside `src`.
    if (isTest && target.startsWith('..')) continue;
    if (layer.mayImport.includes(targetFolder) || layer.mayImport.includes(target)) continue;
    broken.push(`${file}: may not import ${target} (layer table of ARCHITECTURE.md)`);
  }
  return broken;
}

/** @returns one sentence for each comment line that is too wide */
export function wideComments(file: string, text: string): readonly string[] {
  return text
    .split('\n')
    .flatMap((line, index) =>
      line.length > WIDEST_COMMENT && /^\s*(?:\/\/|\/?\*)/.test(line)
        ? `${file}:${index + 1}: a comment of ${line.length} columns, more than ${WIDEST_COMMENT}`
        : [],
    );
}

/**
 * @param texts  by file, all that may import one another; imports of types count
 * @returns one sentence for each file that comes back to itself: by a shortest way, and once for each way
 */
export function circles(texts: ReadonlyMap<string, string>): readonly string[] {
  const imports = new Map<string, readonly string[]>();
  for (const [file, text] of texts)
    imports.set(
      file,
      importsOf(text).map((one) => join(dirname(file), one)),
    );
  const found = new Map<string, string>();
  for (const start of texts.keys()) {
    const way = wayBack(start, imports);
    if (way) found.set([...way].sort().join(' '), `${[...way, start].join(' → ')}: a circle of imports`);
  }
  return [...found.values()];
}

/** @returns the files from `start` to the one that imports it, on a shortest way; undefined when there is none */
function wayBack(start: string, imports: ReadonlyMap<string, readonly string[]>): readonly string[] | undefined {
  const seen = new Set<string>();
  let ways: readonly (readonly string[])[] = [[start]];
  while (ways.length > 0) {
    const longer: (readonly string[])[] = [];
    for (const way of ways) {
      for (const next of imports.get(way.at(-1) ?? '') ?? []) {
        if (next === start) return way;
        if (seen.has(next)) continue;
        seen.add(next);
        longer.push([...way, next]);
      }
    }
    ways = longer;
  }
  return undefined;
}

function sources(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name))
    .sort();
}

function main(): void {
  const layers = readLayers(readFileSync('ARCHITECTURE.md', 'utf8'));
  const files = ['src', 'testing', 'scripts', 'test', 'bench'].flatMap(sources);
  const texts = new Map(files.map((file) => [file, readFileSync(file, 'utf8')]));
  const problems = [...circles(texts)];
  for (const [file, text] of texts) {
    if (file.startsWith('src/')) problems.push(...brokenArrows(file, text, layers));
    const lines = text.split('\n').length - 1;
    const most = file.endsWith('.test.ts') ? LONGEST_TEST : LONGEST_FILE;
    if (lines > most) problems.push(`${file}: ${lines} lines, more than ${most}`);
    problems.push(...wideComments(file, text));
  }
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
}

if (import.meta.main) main();
