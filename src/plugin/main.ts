// `kubectl ecr-secrets`: the commands for people, with the rights of who calls them.

import type { Agent } from 'node:https';
import { Command, CommanderError, Option } from 'commander';
import { failureWords } from '../checks/failure-words.ts';
import type { ApiServerAccess } from '../kube/access.ts';
import { failureFrom } from '../lib/errors.ts';
import { type Clock, systemClock } from '../lib/time.ts';
import { createRegistryClient } from '../registry/client.ts';
import { checkCommand } from './check.ts';
import { type Context, FORMATS, type Format, type Given, type PeopleCommand } from './command.ts';
import { complete } from './complete.ts';
import { inspectCommand } from './inspect.ts';
import { lintCommand } from './lint.ts';
import { migrateCommand } from './migrate.ts';
import { refreshCommand } from './refresh.ts';
import { openSession, type Session, userAgent } from './session.ts';
import { statusCommand } from './status.ts';
import { type Output, plain } from './terminal.ts';
import { isUsage, usage } from './usage.ts';
import { whyCommand } from './why.ts';

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
  /** For registries: proxies and authorities of this machine. */
  readonly agent: () => Agent;
  /** Standard input. */
  readonly input: () => AsyncIterable<Buffer>;
  readonly clock?: Clock;
}

const COMMANDS: readonly PeopleCommand[] = [
  whyCommand,
  statusCommand,
  inspectCommand,
  refreshCommand,
  checkCommand,
  migrateCommand,
  lintCommand,
];

/**
 * Runs one command line.
 *
 * @returns 0 when all is well, 1 when something is not or could not be read, 2 for a wrong command line
 */
export async function plugin(args: readonly string[], options: PluginOptions): Promise<number> {
  let code = 0;
  const program = createProgram(options);
  for (const one of COMMANDS) {
    addCommand(program, one).action(async (words: string | readonly string[] | undefined, given: Given) => {
      code = await run(one, [words ?? []].flat(), given, options);
    });
  }
  if (args[0] === COMPLETE) {
    options.out.write(await completed(args.slice(1), options));
    return 0;
  }
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (thrown) {
    return complaint(thrown, options);
  }
}

/** As kubectl calls `kubectl_complete-ecr_secrets`, through a script of that name. */
const COMPLETE = '__complete';

/** Flags before the cursor decide where names are looked for. */
async function completed(words: readonly string[], options: PluginOptions): Promise<string> {
  const after = (...flags: readonly string[]): string | undefined =>
    words.find((_, at) => at > 0 && at < words.length - 1 && flags.includes(words[at - 1] ?? ''));
  const given = {
    namespace: after('-n', '--namespace'),
    context: after('--context'),
    kubeconfig: after('--kubeconfig'),
    allNamespaces: words.includes('-A') || words.includes('--all-namespaces'),
  };
  return await withSession(given, options, (session) => complete(words, COMMANDS, session));
}

function createProgram({ calledAs, version, out, err }: PluginOptions): Command {
  return new Command(calledAs)
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
}

/** With the flags that kubectl's own commands have. */
function addCommand(program: Command, { name, usage: words, summary, description, ...rest }: PeopleCommand): Command {
  const command = program
    .command(name)
    .usage(`${words} [flags]`)
    .summary(summary)
    .description(description)
    .argument(...rest.argument);
  for (const [flags, help, fallback] of rest.options ?? []) command.option(flags, help, fallback);
  return command
    .option('-n, --namespace <name>', 'namespace; by default that of the context')
    .option('-A, --all-namespaces', 'all namespaces')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--kubeconfig <path>', 'path of a kubeconfig; by default $KUBECONFIG, else ~/.kube/config')
    .addOption(new Option('-o, --output <format>', 'form of the answer').choices(FORMATS).default('table'));
}

async function run(
  command: PeopleCommand,
  words: readonly string[],
  given: Given,
  options: PluginOptions,
): Promise<number> {
  if (given['namespace'] !== undefined && given['allNamespaces'])
    throw usage('-n and -A exclude each other: leave one out');
  const { out, err, input, agent, version, clock = systemClock } = options;
  const format = FORMATS.find((one) => one === given['output']) ?? 'table';
  return await withSession(given, options, (session) => {
    const registry = () => createRegistryClient({ agentFor: agent, clock, userAgent: userAgent(version) });
    const context: Context = {
      session,
      format,
      out,
      err,
      input,
      registry,
      print: (value, to = out) => print(value, format, to),
    };
    return command.act(context, words, given);
  });
}

/** Gives `act` a way to the one connection of this run, and closes that if it was opened. */
async function withSession<Result>(
  given: Given,
  options: PluginOptions,
  act: (session: () => Promise<Session>) => Promise<Result>,
): Promise<Result> {
  let opened: Promise<Session> | undefined;
  try {
    return await act(() => (opened ??= connected(given, options)));
  } finally {
    await opened?.then((session) => session.close()).catch(() => {});
  }
}

async function connected(given: Given, { connect, version, clock = systemClock }: PluginOptions): Promise<Session> {
  const text = (name: string): string | undefined => (typeof given[name] === 'string' ? given[name] : undefined);
  const access = await connect({ kubeconfig: text('kubeconfig'), context: text('context') });
  const namespace = given['allNamespaces'] ? undefined : (text('namespace') ?? (access.namespace || 'default'));
  return openSession(access, namespace, { clock, version });
}

async function print(value: unknown, format: Format, out: Output): Promise<void> {
  if (format === 'json') return out.write(`${JSON.stringify(value, undefined, 2)}\n`);
  const { stringify } = await import('yaml');
  out.write(stringify(value, { lineWidth: 0 }));
}

function complaint(thrown: unknown, { calledAs, err }: PluginOptions): number {
  // Commander has printed its own words.
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2;
  const failure = failureFrom(thrown);
  err.write(`error: ${plain(failureWords(failure, undefined))}\n`);
  if (!isUsage(failure)) return 1;
  err.write(`(${calledAs} --help says more)\n`);
  return 2;
}
