// The table of commands; each returns an exit code.

// Before everything else, which takes a tenth of a second to load.
import './signals.ts';
import { parseArgs } from 'node:util';
import { LEGACY_KIND, OPERATOR_NAME } from '../api/names.ts';
import { check } from './check.ts';
import { ensureHome } from './home.ts';
import { isForPeople, isKubectlPlugin, PEOPLE_COMMANDS, runForPeople } from './people.ts';
import { run } from './run.ts';
import { RUN_FLAGS } from './run-flags.ts';
import { PROGRAM_VERSION } from './version.ts';

interface Command {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  readonly act: (args: readonly string[]) => Promise<number>;
}

const COMMANDS: readonly Command[] = [
  { name: 'run', usage: 'run [flags]', summary: 'Run the operator until it is told to stop.', act: run },
  {
    name: 'check',
    usage: 'check [flags]',
    summary:
      'Say whether API server and CRDs fit, and which replica leads (--kubeconfig, --namespace, --leader-elect-resource-name).',
    act: check,
  },
  {
    name: 'crds',
    usage: 'crds [flags]',
    summary: 'Print the CustomResourceDefinitions (--format yaml or json; --legacy: the deprecated one too).',
    act: printCrds,
  },
  ...PEOPLE_COMMANDS.map(({ name, words, summary }) => ({
    name,
    usage: `${name} ${words}`,
    summary,
    act: (args: readonly string[]) => runForPeople([name, ...args]),
  })),
  { name: 'version', usage: 'version', summary: 'Print the version.', act: printVersion },
  { name: 'help', usage: 'help', summary: 'Print this text.', act: printHelp },
];

async function printCrds(args: readonly string[]): Promise<number> {
  const flags = crdFlags(args);
  if (!flags) return complain('crds takes --format yaml or --format json, and --legacy');
  const { default: all } = await import('../api/crds.generated.json', { with: { type: 'json' } });
  const crds = all.filter(({ spec }) => flags.legacy || spec.names.kind !== LEGACY_KIND);
  if (flags.format === 'json') {
    process.stdout.write(`${JSON.stringify({ apiVersion: 'v1', kind: 'List', items: crds }, undefined, 2)}\n`);
    return 0;
  }
  const { stringify } = await import('yaml');
  process.stdout.write(crds.map((crd) => stringify(crd, { lineWidth: 0 })).join('---\n'));
  return 0;
}

/** Undefined when they are wrong. */
function crdFlags(args: readonly string[]): { readonly format: string; readonly legacy: boolean } | undefined {
  try {
    const options = {
      format: { type: 'string', default: 'yaml' },
      legacy: { type: 'boolean', default: false },
    } as const;
    const { values } = parseArgs({ args: [...args], options });
    return ['yaml', 'json'].includes(values.format) ? values : undefined;
  } catch {
    return undefined;
  }
}

function printVersion(): Promise<number> {
  process.stdout.write(`${OPERATOR_NAME} ${PROGRAM_VERSION} (node ${process.versions.node})\n`);
  return Promise.resolve(0);
}

function helpText(): string {
  const commands = COMMANDS.map(({ usage, summary }) => `  ${usage.padEnd(28)}${summary}`);
  const flags = RUN_FLAGS.map(({ name, value, env, fallback, help }) => {
    const otherwise = fallback === '' ? '' : ` Default: ${fallback}.`;
    return `  --${name} ${value}\n      ${help}${otherwise} Variable: ${env}.`;
  });
  return [
    `${OPERATOR_NAME} keeps AWS ECR image pull secrets fresh.`,
    '',
    'Commands:',
    ...commands,
    '',
    'Flags of run (a flag goes before its environment variable):',
    ...flags,
    '',
    'Exit codes: 0 done, 1 failed, 2 wrong command or configuration.',
    '',
  ].join('\n');
}

function printHelp(): Promise<number> {
  process.stdout.write(helpText());
  return Promise.resolve(0);
}

function complain(message: string): number {
  process.stderr.write(`${OPERATOR_NAME}: ${message}; see ${OPERATOR_NAME} help\n`);
  return 2;
}

async function main(args: readonly string[]): Promise<number> {
  ensureHome();
  if (isKubectlPlugin()) return await runForPeople(args);
  const [name, ...rest] = args;
  if (name === '--help' || name === '-h' || (rest.includes('--help') && !isForPeople(name))) return await printHelp();
  if (name === '--version') return await printVersion();
  if (name === undefined) return complain('no command');
  const command = COMMANDS.find((one) => one.name === name);
  if (!command) return complain(`"${name}" is no command`);
  return await command.act(rest);
}

/** A pipe takes a long answer bit by bit, and an exit would cut it. */
function written(then: () => void): void {
  process.stdout.write('', () => process.stderr.write('', then));
}

// A reader may close them early, as `head` does.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
void main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
  // An open watch or timer must not keep the process alive.
  // The operator does not wait for who reads its log; a person's answer is written whole.
  if (process.argv[2] === 'run') process.exit(code);
  if (code !== 0) written(() => process.exit(code));
});
