// `lint`: objects in files, checked without a cluster.

import { readFile, stat } from 'node:fs/promises';
import { type Linted, lintObject, specSchemas } from '../core/lint.ts';
import type { FieldPath } from '../core/schema-check.ts';
import { Failure } from '../lib/errors.ts';
import { isRecord, type JsonRecord, listOf, recordOf } from '../lib/json.ts';
import type { Context, PeopleCommand } from './command.ts';
import { colored, type Output, plain } from './terminal.ts';
import { usage } from './usage.ts';

export const lintCommand: PeopleCommand = {
  name: 'lint',
  usage: 'FILE...',
  summary: 'check objects in files, without a cluster',
  description:
    'Checks the objects of the operator in YAML or JSON files as the API server and the operator would, without asking either: for the CI of a repository. Other objects are left out. Ends by 1 when one would be refused.',
  argument: ['[file...]', 'files; - for standard input'],
  about: { op: 'files' },
  act: lint,
};

interface FileFault {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly object: string;
  readonly field: string;
  readonly message: string;
  readonly isFault: boolean;
}

const MOST_BYTES = 16 * 1024 * 1024;
/** As sigs.k8s.io/yaml: YAML 1.1 with merge keys. A search for repeated keys would take the square of their number. */
const AS_KUBECTL = { version: '1.1', merge: true, uniqueKeys: false } as const;
const TOO_LARGE = 'it is larger than 16 MiB';

async function lint({ format, out, print, input }: Context, words: readonly string[]): Promise<number> {
  if (words.length === 0) throw usage('lint takes the names of files, or - for standard input');
  const { default: crds } = await import('../api/crds.generated.json', { with: { type: 'json' } });
  const schemas = specSchemas(crds);
  const found: FileFault[] = [];
  let objects = 0;
  for (const file of words) {
    const linted = await lintFile(file, await textOf(file, input), schemas);
    objects += linted.objects;
    found.push(...linted.faults);
  }
  if (format === 'table') printFaults(found, objects, out);
  else await print({ objects, faults: found });
  return found.some(({ isFault }) => isFault) ? 1 : 0;
}

/** @throws Failure when it cannot be read */
async function textOf(file: string, input: Context['input']): Promise<string> {
  try {
    if (file === '-') return await wholeInput(input());
    const found = await stat(file);
    if (found.isDirectory())
      throw new Error(`it is a directory: name its files, such as ${file.replace(/\/$/, '')}/*.yaml`);
    if (found.size > MOST_BYTES) throw new Error(TOO_LARGE);
    return await readFile(file, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? `: ${cause.message}` : '';
    throw new Failure({ next: 'change', reason: 'BadFile', message: `cannot read ${file}${why}` });
  }
}

async function wholeInput(input: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) throw new Error(TOO_LARGE);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

interface LintedFile {
  readonly objects: number;
  readonly faults: readonly FileFault[];
}

async function lintFile(file: string, text: string, schemas: ReadonlyMap<string, JsonRecord>): Promise<LintedFile> {
  const { LineCounter, parseAllDocuments } = await import('yaml');
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { ...AS_KUBECTL, lineCounter: lines });
  const faults: FileFault[] = [];
  let objects = 0;
  for (const document of Array.isArray(documents) ? documents : []) {
    const [error] = document.errors;
    const whole = error ? undefined : contentOf(document);
    if (whole === undefined) {
      // The parser's own words quote the file, in which keys may stand.
      const message = error
        ? `is no YAML from here on (${error.code})`
        : 'has an alias without its anchor, or too many of them';
      const { line } = lines.linePos(error ? error.pos[0] : offsetOf(document, []));
      faults.push({ file, line, object: '', field: '', message, isFault: true });
      continue;
    }
    for (const [part, before] of partsOf(whole)) {
      const linted = isRecord(part) ? lintObject(part, schemas) : undefined;
      if (!linted) continue;
      objects += 1;
      const lineOf = (path: FieldPath): number => lines.linePos(offsetOf(document, [...before, ...path])).line;
      faults.push(...faultsOf(file, linted, lineOf));
    }
  }
  return { objects, faults };
}

/** The objects of a document, each with its place in it: of a List its items, else the document itself. */
function partsOf(whole: unknown): readonly (readonly [part: unknown, place: FieldPath])[] {
  if (!isRecord(whole) || whole['kind'] !== 'List') return [[whole, []]];
  return listOf(whole['items']).map((item, at) => [item, ['items', at]]);
}

function faultsOf(
  file: string,
  { kind, name, ...found }: Linted,
  lineOf: (path: FieldPath) => number,
): readonly FileFault[] {
  const of =
    (isFault: boolean) =>
    ({ path, message }: Linted['faults'][number]): FileFault => ({
      file,
      line: lineOf(path),
      object: plain(`${kind} ${name}`),
      field: plain(fieldName(path)),
      message: plain(message),
      isFault,
    });
  return [...found.faults.map(of(true)), ...found.warnings.map(of(false))];
}

/** @returns undefined for aliases that lead nowhere, or to too much */
function contentOf(document: { toJS(options: { maxAliasCount: number }): unknown }): unknown {
  try {
    // An empty document has no content, which is none of ours.
    return document.toJS({ maxAliasCount: 100 }) ?? null;
  } catch {
    return undefined;
  }
}

interface Document {
  getIn(path: readonly (string | number)[], keepScalar: true): unknown;
}

/** Where a field begins; of one that is missing, what it is missing from. */
function offsetOf(document: Document, path: FieldPath): number {
  for (let length = path.length; length >= 0; length -= 1) {
    const node = recordOf(document.getIn(path.slice(0, length), true));
    const [begin] = listOf(node['range']);
    if (typeof begin === 'number') return begin;
  }
  return 0;
}

function fieldName(path: FieldPath): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  );
}

function printFaults(faults: readonly FileFault[], objects: number, out: Output): void {
  for (const { file, line, object, field, message, isFault } of faults) {
    const mark = isFault ? colored(out, 'red', 'error') : colored(out, 'yellow', 'warning');
    out.write(`${file}:${line}: ${mark}: ${[object, field, message].filter((part) => part !== '').join(' ')}\n`);
  }
  const wrong = faults.filter(({ isFault }) => isFault).length;
  const count = objects === 1 ? '1 object' : `${objects} objects`;
  out.write(`${count}, ${wrong} ${wrong === 1 ? 'error' : 'errors'}\n`);
}
