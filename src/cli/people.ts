// The commands for people, `kubectl ecr-secrets`: who calls them, and what they need of this process.

import { basename } from 'node:path';
import { OPERATOR_NAME } from '../api/names.ts';
import { accessOf } from './access.ts';
import { RUN_FLAGS } from './run-flags.ts';
import { PROGRAM_VERSION } from './version.ts';

/** As kubectl finds its plugins: a dash in the command is an underscore in the file's name. */
const PLUGIN_FILE = 'kubectl-ecr_secrets';
const COMMANDS: ReadonlySet<string> = new Set(['why']);

/** The name by which this process was started is that of the plugin. */
export function isKubectlPlugin(): boolean {
  return basename(process.argv[1] ?? '').replace(/\.[cm]?js$/, '') === PLUGIN_FILE;
}

export function isForPeople(command: string | undefined): boolean {
  return command !== undefined && COMMANDS.has(command);
}

/** @returns the exit code */
export async function runForPeople(args: readonly string[]): Promise<number> {
  const { plugin } = await import('../plugin/main.ts');
  const folder = RUN_FLAGS.find(({ name }) => name === 'service-account-folder')?.fallback ?? '';
  const outputTo = (stream: NodeJS.WriteStream) => ({
    write: (text: string) => void stream.write(text),
    hasColors: stream.isTTY && stream.hasColors() && !process.env['NO_COLOR'],
  });
  return await plugin(args, {
    calledAs: isKubectlPlugin() ? 'kubectl ecr-secrets' : OPERATOR_NAME,
    version: PROGRAM_VERSION,
    connect: ({ kubeconfig, context }) => accessOf({ kubeconfig, serviceAccountFolder: folder }, context),
    out: outputTo(process.stdout),
    err: outputTo(process.stderr),
  });
}
