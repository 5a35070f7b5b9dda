// What a command for people is: its words for help, and what it does with a connection.

import { type DurationMs, seconds } from '../lib/time.ts';
import type { RegistryClient } from '../registry/client.ts';
import type { Session } from './session.ts';
import type { Output } from './terminal.ts';
import { usage } from './usage.ts';

export const FORMATS = ['table', 'json', 'yaml'] as const;
export type Format = (typeof FORMATS)[number];

/** Flags of a command line by their long names, as given. */
export type Given = Readonly<Record<string, string | boolean | undefined>>;

/** What stands at one place of a command line, for completion. */
export type Wanted =
  | { readonly op: 'words'; readonly words: readonly string[] }
  | { readonly op: 'files' }
  | { readonly op: 'names'; readonly of: 'pods' | 'secrets' | 'objects' | 'namespaces' };

export interface Context {
  /** Opens the connection, once. @throws Failure */
  readonly session: () => Promise<Session>;
  readonly format: Format;
  readonly out: Output;
  readonly err: Output;
  readonly registry: () => RegistryClient;
  /** Standard input. */
  readonly input: () => AsyncIterable<Buffer>;
  /** Prints a value as the chosen format other than `table`. */
  readonly print: (value: unknown, to?: Output) => Promise<void>;
}

export interface PeopleCommand {
  readonly name: string;
  /** Of its arguments, for the line of usage. */
  readonly usage: string;
  readonly summary: string;
  readonly description: string;
  /** Name, as commander writes it (`[a...]`: any number), and help. */
  readonly argument: readonly [name: string, help: string];
  /** What its argument is; undefined: it takes none. */
  readonly about?: Wanted;
  /** Flags, help, and a default. */
  readonly options?: readonly (readonly [flags: string, help: string, fallback?: string])[];
  /**
   * @returns the exit code: 0 when all is well, 1 when something is not
   * @throws Failure; one of `usage` ends by 2
   */
  readonly act: (context: Context, words: readonly string[], given: Given) => Promise<number>;
}

const MOST_SECONDS = 3_600;

/** A flag that is a time in seconds, an hour at most. @throws Failure of usage */
export function secondsIn(given: Given, flag: string, least: number): DurationMs {
  const count = Number(given[flag]);
  if (Number.isFinite(count) && count >= least && count <= MOST_SECONDS) return seconds(count);
  throw usage(`--${flag}: "${String(given[flag])}" is no number of seconds from ${least} to ${MOST_SECONDS}`);
}
