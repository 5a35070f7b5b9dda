// What a program of the bench was asked for: mistakes end it before anything is started.

import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { readResults } from './results.ts';

/** Says what is wrong and how the program is called, and ends the process by 2. */
export function complain(usage: string, mistake: string): never {
  console.error(`error: ${mistake}\nusage: ${usage}`);
  process.exit(2);
}

/** A whole number, one at least. */
export function countIn(text: string, what: string, usage: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  return complain(usage, `${what}: "${text}" is no whole number of one or more`);
}

/** Ends the process when one of the names is no part. */
export function mustBeParts(names: readonly string[], parts: object, usage: string): void {
  const unknown = names.filter((name) => !Object.hasOwn(parts, name));
  if (unknown.length > 0) complain(usage, `no part of the bench: ${unknown.join(', ')}`);
}

/** The values of flags, and the words beside them; `--help` prints the usage and ends by 0. */
export function argumentsOf<Name extends string>(
  usage: string,
  defaults: Readonly<Record<Name, string>>,
  mostWords = 0,
): { readonly flags: Readonly<Record<Name, string>>; readonly words: readonly string[] } {
  const names = Object.keys(defaults) as Name[];
  try {
    const { values, positionals } = parseArgs({
      options: {
        help: { type: 'boolean', short: 'h' },
        ...Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
      },
      allowPositionals: true,
    });
    if (values['help'] === true) {
      console.log(`usage: ${usage}`);
      process.exit(0);
    }
    if (positionals.length > mostWords) return complain(usage, `"${positionals[mostWords]}" is one word too many`);
    const given: Readonly<Record<string, unknown>> = values;
    const valueOf = (name: Name): string => {
      const value = given[name];
      return typeof value === 'string' ? value : defaults[name];
    };
    const flags = Object.fromEntries(names.map((name) => [name, valueOf(name)]));
    return { flags: flags as Record<Name, string>, words: positionals };
  } catch (thrown) {
    return complain(usage, thrown instanceof Error ? thrown.message : String(thrown));
  }
}

/** Ends the process when a file of results cannot be written: not after the minutes that they take. */
export function mustBeWritable(path: string, usage: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    accessSync(dirname(path), constants.W_OK);
    if (!existsSync(path)) return;
    accessSync(path, constants.W_OK);
    readResults(path);
  } catch (thrown) {
    complain(usage, `--into ${path}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
}
