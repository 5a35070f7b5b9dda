// The commands for people, `kubectl ecr-secrets`: who calls them, and what they need of this process.

import { Agent } from 'node:https';
import { basename } from 'node:path';
import { OPERATOR_NAME } from '../api/names.ts';
import { accessOf } from './access.ts';
import { RUN_FLAGS } from './run-flags.ts';
import { PROGRAM_VERSION } from './version.ts';

/** As kubectl finds its plugins: a dash in the command is an underscore in the file's name. */
const PLUGIN_FILE = 'kubectl-ecr_secrets';

/** Each has help of its own. */
export const PEOPLE_COMMANDS: readonly { readonly name: string; readonly words: string; readonly summary: string }[] = [
  { name: 'why', words: '[POD | TYPE/NAME]', summary: 'Say why a pod does not get its image, and what to do.' },
  { name: 'status', words: '[NAME]', summary: 'Show what the objects hold, where, and what is wrong.' },
  { name: 'inspect', words: 'SECRET', summary: 'Show what a pull secret opens, until when, and whose it is.' },
  { name: 'refresh', words: 'NAME', summary: 'Have an object log in anew, and wait for it.' },
  { name: 'migrate', words: '[NAME]', summary: 'Move keys out of objects into Secrets (--apply).' },
  { name: 'lint', words: 'FILE...', summary: 'Check objects in files, without a cluster.' },
];

/** The name by which this process was started is that of the plugin. */
export function isKubectlPlugin(): boolean {
  return basename(process.argv[1] ?? '').replace(/\.[cm]?js$/, '') === PLUGIN_FILE;
}

export function isForPeople(command: string | undefined): boolean {
  return PEOPLE_COMMANDS.some(({ name }) => name === command);
}

/** @returns the exit code */
export async function runForPeople(args: readonly string[]): Promise<number> {
  const { plugin } = await import('../plugin/main.ts');
  // Who looks on closed the pipe, as `head` does: nothing is to be shown any longer.
  process.stdout.once('error', () => process.exit(0));
  const folder = RUN_FLAGS.find(({ name }) => name === 'service-account-folder')?.fallback ?? '';
  const outputTo = (stream: NodeJS.WriteStream) => ({
    write: (text: string) => void stream.write(text),
    isTerminal: stream.isTTY,
    hasColors: stream.isTTY && stream.hasColors() && !process.env['NO_COLOR'],
  });
  return await plugin(args, {
    calledAs: isKubectlPlugin() ? 'kubectl ecr-secrets' : OPERATOR_NAME,
    version: PROGRAM_VERSION,
    connect: ({ kubeconfig, context }) =>
      accessOf({ kubeconfig, serviceAccountFolder: folder }, { context, env: process.env }),
    out: outputTo(process.stdout),
    err: outputTo(process.stderr),
    agent: () => new Agent({ proxyEnv: process.env }),
    input: () => process.stdin,
  });
}
