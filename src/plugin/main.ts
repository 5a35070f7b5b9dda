// `kubectl ecr-secrets`: the commands for people, with the rights of who calls them.

import { Command, CommanderError, Option } from 'commander';
import type { ApiServerAccess } from '../kube/access.ts';
import { failureFrom } from '../lib/errors.ts';
import { type Clock, systemClock } from '../lib/time.ts';
import { parseSubject } from './kinds.ts';
import { openSession, type Session } from './session.ts';
import { type Output, plain } from './terminal.ts';
import { askWhy, printAnswers } from './why.ts';

/** How the API server is found. */
export interface Connection {
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
}

export interface PluginOptions {
  /** How the program was called, such as `kubectl ecr-secrets`; help and errors say so. */
  readonly calledAs: string;
  readonly version: string;
  /** @throws Failure */
  readonly connect: (connection: Connection) => Promise<ApiServerAccess>;
  readonly out: Output;
  readonly err: Output;
  readonly clock?: Clock;
}

const FORMATS = ['table', 'json', 'yaml'] as const;

/** What every command takes. */
interface Common {
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
  readonly context?: string;
  readonly kubeconfig?: string;
  readonly output: (typeof FORMATS)[number];
}

/**
 * Runs one command line.
 *
 * @returns 0 when all is well, 1 when something is not or could not be read, 2 for a wrong command line
 */
export async function plugin(args: readonly string[], options: PluginOptions): Promise<number> {
  let code = 0;
  const { program, common } = createProgram(options);

  common('why', '[POD | TYPE/NAME]')
    .argument('[subject...]', 'a pod, or what makes pods: deployment/api, job/nightly')
    .summary('say why a pod does not get its image')
    .description(
      'Says why pods wait for their image: which pull secrets they name, whether those open the registry and are good, which object should write them, and what to do. Without a name: all pods of the namespace that wait.',
    )
    .action(async (words: readonly string[], given: Common) => {
      const subject = parseSubject(words);
      if (typeof subject === 'string') throw new CommanderError(2, 'usage', subject);
      code = await within(options, given, async (session) => {
        const answers = await askWhy(session, subject);
        const where = session.namespace === undefined ? 'in any namespace' : `in namespace ${session.namespace}`;
        if (given.output === 'table') return printAnswers(answers, options.out, where);
        await print(answers, given.output, options.out);
        return answers.answers.length > 0 ? 1 : 0;
      });
    });

  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (thrown) {
    return complaint(thrown, options);
  }
  return code;
}

function createProgram({ calledAs, version, out, err }: PluginOptions) {
  const program = new Command(calledAs)
    .description('Explains and looks after the pull secrets of kube-ecr-secrets-operator.')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: out.write,
      writeErr: err.write,
      getOutHasColors: () => out.hasColors,
      getErrHasColors: () => err.hasColors,
    })
    .showHelpAfterError(`(${calledAs} --help says more)`);
  /** A command with the flags that kubectl's own have. */
  const common = (name: string, words: string): Command =>
    program
      .command(name)
      .usage(`${words} [flags]`)
      .option('-n, --namespace <name>', 'namespace; by default that of the context')
      .option('-A, --all-namespaces', 'all namespaces')
      .option('--context <name>', 'context of the kubeconfig')
      .option('--kubeconfig <path>', 'path of a kubeconfig; by default $KUBECONFIG, else ~/.kube/config')
      .addOption(new Option('-o, --output <format>', 'form of the answer').choices(FORMATS).default('table'));
  return { program, common };
}

/** Runs a command with a connection, and closes it. */
async function within(
  { connect, version, clock = systemClock }: PluginOptions,
  { kubeconfig, context, namespace, allNamespaces }: Common,
  act: (session: Session) => Promise<number>,
): Promise<number> {
  if (namespace !== undefined && allNamespaces)
    throw new CommanderError(2, 'usage', '-n and -A exclude each other: leave one out');
  const access = await connect({ kubeconfig, context });
  const where = allNamespaces ? undefined : (namespace ?? (access.namespace || 'default'));
  const session = openSession(access, where, { clock, version });
  try {
    return await act(session);
  } finally {
    session.close();
  }
}

async function print(value: unknown, format: 'json' | 'yaml', out: Output): Promise<void> {
  if (format === 'json') return out.write(`${JSON.stringify(value, undefined, 2)}\n`);
  const { stringify } = await import('yaml');
  out.write(stringify(value, { lineWidth: 0 }));
}

function complaint(thrown: unknown, { calledAs, err }: PluginOptions): number {
  if (thrown instanceof CommanderError) {
    // Commander has printed its own words; those of ours come with this code.
    if (thrown.code === 'usage') err.write(`error: ${plain(thrown.message)}\n(${calledAs} --help says more)\n`);
    return thrown.exitCode === 0 ? 0 : 2;
  }
  const { reason, message } = failureFrom(thrown);
  err.write(`error: ${plain(message)}\n`);
  return reason === 'Usage' ? 2 : 1;
}
