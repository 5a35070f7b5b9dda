// Completion, as kubectl asks its plugins for it: the words so far come as arguments, candidates go out line by line,
// and a last line `:N` says what the shell does with them (github.com/spf13/cobra, ShellCompDirective).

import { RESOURCES } from '../api/kinds.ts';
import { NAMESPACES, type ResourceDescriptor, SECRETS } from '../api/meta.ts';
import { CLUSTER_KIND, NAMESPACED_KIND } from '../api/names.ts';
import { type JsonRecord, recordOf, stringOf } from '../lib/json.ts';
import { FORMATS, type PeopleCommand, type Wanted } from './command.ts';
import { PODS } from './kinds.ts';
import type { Session } from './session.ts';

/** No files after the candidates; or files, and nothing of ours. */
const NO_FILES = ':4';
const FILES = ':0';

const COMMON = ['--namespace', '--all-namespaces', '--context', '--kubeconfig', '--output', '--help'];
const NOTHING: Wanted = { op: 'words', words: [] };
/** Flags of every command that take a value. */
const VALUES: ReadonlyMap<string, Wanted> = new Map<string, Wanted>([
  ['-n', { op: 'names', of: 'namespaces' }],
  ['--namespace', { op: 'names', of: 'namespaces' }],
  ['-o', { op: 'words', words: FORMATS }],
  ['--output', { op: 'words', words: FORMATS }],
  ['--kubeconfig', { op: 'files' }],
  ['--context', NOTHING],
]);

/** @param words  of the command line behind the program's name; the last is the one being written, perhaps empty */
export function wantedAt(words: readonly string[], commands: readonly PeopleCommand[]): Wanted {
  const before = words.slice(0, -1);
  const [name] = before;
  if (name === undefined) return { op: 'words', words: [...commands.map((one) => one.name), 'help'] };
  const afterFlag = VALUES.get(before.at(-1) ?? '');
  if (afterFlag) return afterFlag;
  const command = commands.find((one) => one.name === name);
  if (!words.at(-1)?.startsWith('-')) return command?.about ?? NOTHING;
  const flags = (command?.options ?? []).flatMap(([text]) => /--[a-z-]+/.exec(text) ?? []);
  return { op: 'words', words: [...flags, ...COMMON] };
}

/** Of one list; a shell shows no more. */
const MOST = 500;

/**
 * @param connect  opens a connection when names of the cluster are wanted
 * @returns the lines for kubectl; without names when the cluster gives none
 */
export async function complete(
  words: readonly string[],
  commands: readonly PeopleCommand[],
  connect: () => Promise<Session>,
): Promise<string> {
  const wanted = wantedAt(words, commands);
  if (wanted.op === 'files') return `${FILES}\n`;
  const all = wanted.op === 'words' ? wanted.words : await namesOf(wanted.of, connect).catch(() => []);
  const begun = words.at(-1) ?? '';
  const fitting = all.filter((one) => one.startsWith(begun));
  return `${[...fitting, NO_FILES].join('\n')}\n`;
}

async function namesOf(
  of: (Wanted & { op: 'names' })['of'],
  connect: () => Promise<Session>,
): Promise<readonly string[]> {
  const session = await connect();
  const list = async (resource: ResourceDescriptor, namespace: string | undefined, before = ''): Promise<string[]> => {
    const page = await session.client.list(resource, { namespace, limit: MOST }, session.signal);
    return page.ok ? page.items.map((item) => `${before}${nameOf(item)}`) : [];
  };
  switch (of) {
    case 'pods':
      return await list(PODS, session.namespace);
    case 'secrets':
      return await list(SECRETS, session.namespace);
    case 'namespaces':
      return await list(NAMESPACES, undefined);
    case 'objects':
      return [
        ...(await list(RESOURCES[NAMESPACED_KIND], session.namespace).catch(() => [])),
        ...(await list(RESOURCES[CLUSTER_KIND], undefined, 'caeps/').catch(() => [])),
      ];
  }
}

function nameOf(item: JsonRecord): string {
  return stringOf(recordOf(item['metadata'])['name']) ?? '';
}
