// Flags and environment variables -> Config, read once; all mistakes are reported together.

import { parseArgs } from 'node:util';
import { NAMESPACE_MAX_LENGTH, NAMESPACE_PATTERN } from '../api/names.ts';
import type { BindAddress } from '../http/server.ts';
import type { LogFormat, LogLevel } from '../lib/log.ts';
import type { ElectionOptions } from '../operator/run.ts';
import type { WebhookOptions } from '../operator/webhook/server.ts';
import { electionOptions } from './election-flags.ts';
import {
  AMBIENT,
  CHECK_FLAGS,
  type Flag,
  FORMATS,
  LEVELS,
  MOST_NAMESPACES,
  MOST_OBJECTS_WITH_METRICS,
  RUN_FLAGS,
  YES_OR_NO,
} from './run-flags.ts';
import { type Given, isObjectName, webhookOptions } from './webhook-flags.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** How the API server is found. */
export interface AccessConfig {
  /** Path of a kubeconfig; undefined: from inside a pod, else the user's default. */
  readonly kubeconfig: string | undefined;
  readonly serviceAccountFolder: string;
}

export interface Config extends AccessConfig {
  readonly metricsAddress: BindAddress | undefined;
  readonly probeAddress: BindAddress | undefined;
  /** The operator's own namespace; undefined: that of the pod, else the one of the documentation. */
  readonly namespace: string | undefined;
  readonly renewalsPerSecond: number;
  readonly objectsPerNamespace: number;
  /** Which objects may use the operator's own AWS identity. */
  readonly ambientCredentials: (typeof AMBIENT)[number];
  readonly convertsLegacy: boolean;
  /** Whether the operator changes ServiceAccounts. */
  readonly attaches: boolean;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  /** The number of objects with metrics of their own. */
  readonly perObjectMetrics: number;
  /** The only namespaces to work in; undefined: the whole cluster. */
  readonly scope: readonly string[] | undefined;
  /** Undefined: no webhook. */
  readonly webhook: WebhookOptions | undefined;
  /** Undefined: no leader election. */
  readonly election: Omit<ElectionOptions, 'identity'> | undefined;
}

export type Parsed =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly mistakes: readonly string[] };

/**
 * @param args  after the command's name
 * @param env   of the process; a flag takes precedence over its variable
 */
export function parseRunConfig(args: readonly string[], env: Environment): Parsed {
  const { read, mistakes } = createReader('run', RUN_FLAGS, args, env);
  const oneOf = <Value extends string>(name: string, values: readonly Value[], otherwise: Value): Value => {
    const { text, from } = read(name);
    const found = values.find((value) => value === text);
    if (found === undefined) mistakes.push(`${from}: "${text}" is not one of ${values.join(', ')}`);
    return found ?? otherwise;
  };
  const having = (name: string, isGood: (text: string) => boolean, what: string): string => {
    const { text, from } = read(name);
    if (!isGood(text)) mistakes.push(`${from}: "${text}" is not ${what}`);
    return text;
  };
  const address = (name: string): BindAddress | undefined => {
    const { text, from } = read(name);
    if (text === '0') return undefined;
    const parsed = parseAddress(text);
    if (!parsed) mistakes.push(`${from}: "${text}" is not an address; give HOST:PORT, :PORT, or 0 for none`);
    return parsed;
  };
  const config: Config = {
    renewalsPerSecond: Number(having('renewals-per-second', isCount(1, 99_999), 'a whole number from 1 to 99999')),
    metricsAddress: address('metrics-bind-address'),
    probeAddress: address('health-probe-bind-address'),
    kubeconfig: read('kubeconfig').text || undefined,
    namespace: having('namespace', isNamespaceOrNone, 'a name a namespace can have') || undefined,
    serviceAccountFolder: read('service-account-folder').text,
    convertsLegacy: oneOf('convert-legacy', YES_OR_NO, 'true') === 'true',
    attaches: oneOf('attach-to-service-accounts', YES_OR_NO, 'false') === 'true',
    ambientCredentials: oneOf('ambient-credentials', AMBIENT, 'none'),
    logLevel: oneOf('log-level', LEVELS, 'info'),
    logFormat: oneOf('log-format', FORMATS, 'json'),
    perObjectMetrics: Number(
      having(
        'per-object-metrics',
        isCount(0, MOST_OBJECTS_WITH_METRICS),
        `a whole number from 0 to ${MOST_OBJECTS_WITH_METRICS}`,
      ),
    ),
    objectsPerNamespace: Number(having('objects-per-namespace', isCount(1, 99_999), 'a whole number from 1 to 99999')),
    scope: scopeOf(read('namespaces'), mistakes),
    webhook: webhookOptions(read, address, mistakes),
    election: electionOptions(read, oneOf('leader-elect', YES_OR_NO, 'false') === 'true', mistakes),
  };
  complainOfScope(config, mistakes);
  complainOfSameAddress(config, mistakes);
  return mistakes.length > 0 ? { ok: false, mistakes } : { ok: true, config };
}

export interface CheckConfig extends AccessConfig {
  /** The operator's own namespace; undefined: as of `Config`. */
  readonly namespace: string | undefined;
  /** Name of its Lease. */
  readonly lease: string;
  /** Whoever names the Lease expects that a replica holds it. */
  readonly isLeaseExpected: boolean;
  /** As of `Config`: what the operator's rights depend on. */
  readonly scope: readonly string[] | undefined;
  readonly attaches: boolean;
}

export type ParsedCheck =
  | { readonly ok: true; readonly config: CheckConfig }
  | { readonly ok: false; readonly mistakes: readonly string[] };

/** As `parseRunConfig`, for `check`. */
export function parseCheckConfig(args: readonly string[], env: Environment): ParsedCheck {
  const { read, mistakes } = createReader('check', CHECK_FLAGS, args, env);
  const [namespace, lease] = [read('namespace'), read('leader-elect-resource-name')];
  const attaches = read('attach-to-service-accounts');
  const config = {
    kubeconfig: read('kubeconfig').text || undefined,
    serviceAccountFolder: read('service-account-folder').text,
    namespace: namespace.text || undefined,
    lease: lease.text,
    isLeaseExpected: args.some((one) => one.startsWith('--leader-elect-resource-name')),
    scope: scopeOf(read('namespaces'), mistakes),
    attaches: attaches.text === 'true',
  };
  if (!isNamespaceOrNone(namespace.text))
    mistakes.push(`${namespace.from}: "${namespace.text}" is not a name a namespace can have`);
  if (!YES_OR_NO.some((value) => value === attaches.text))
    mistakes.push(`${attaches.from}: "${attaches.text}" is not one of ${YES_OR_NO.join(', ')}`);
  if (!isObjectName(lease.text)) mistakes.push(`${lease.from}: "${lease.text}" is not a name a Lease can have`);
  return mistakes.length > 0 ? { ok: false, mistakes } : { ok: true, config };
}

interface Reader {
  /** The text of a flag, else of its variable, else its default; and its origin. */
  readonly read: (name: string) => Given;
  /** What is wrong with the flags; each reader of a flag adds to it. */
  readonly mistakes: string[];
}

function createReader(command: string, all: readonly Flag[], args: readonly string[], env: Environment): Reader {
  const mistakes: string[] = [];
  const flags = readFlags(command, all, args, mistakes);
  return {
    mistakes,
    read(name) {
      const flag = all.find((one) => one.name === name);
      const given = flags.get(name);
      if (given !== undefined) return { text: given, from: `--${name}` };
      const variable = flag ? env[flag.env] : undefined;
      if (flag && variable !== undefined && variable !== '') return { text: variable, from: flag.env };
      return { text: flag?.fallback ?? '', from: `--${name}` };
    },
  };
}

/** @returns sorted, no repeats */
function scopeOf({ text, from }: Given, mistakes: string[]): readonly string[] | undefined {
  if (text === '') return undefined;
  const names = [...new Set(text.split(',').map((name) => name.trim()))].filter((name) => name !== '').sort();
  const bad = names.find((name) => !isNamespaceOrNone(name));
  if (bad !== undefined) mistakes.push(`${from}: "${bad}" is not a name a namespace can have`);
  if (names.length === 0) mistakes.push(`${from}: "${text}" names no namespace`);
  if (names.length > MOST_NAMESPACES)
    mistakes.push(`${from}: ${names.length} namespaces are more than ${MOST_NAMESPACES}; leave it out to work in all`);
  return names;
}

/** What needs a right to the whole cluster. */
function complainOfScope({ scope, webhook }: Config, mistakes: string[]): void {
  if (scope && webhook && webhook.certificate.op !== 'files')
    mistakes.push(
      "--namespaces: the operator then has no right to write the webhook's configuration; give it a certificate (--webhook-certificate-folder), or turn the webhook off (--webhook-bind-address=0)",
    );
}

function complainOfSameAddress({ metricsAddress, probeAddress, webhook }: Config, mistakes: string[]): void {
  const taken = new Map<string, string>();
  for (const [flag, address] of [
    ['--metrics-bind-address', metricsAddress],
    ['--health-probe-bind-address', probeAddress],
    ['--webhook-bind-address', webhook?.address],
  ] as const) {
    if (!address || address.port === 0) continue;
    const text = `${address.host}:${address.port}`;
    const other = taken.get(text);
    if (other !== undefined) mistakes.push(`${other} and ${flag} are the same: ${text}`);
    taken.set(text, flag);
  }
}

function isNamespaceOrNone(text: string): boolean {
  return text === '' || (text.length <= NAMESPACE_MAX_LENGTH && new RegExp(NAMESPACE_PATTERN).test(text));
}

function isCount(least: number, most: number): (text: string) => boolean {
  return (text) => /^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most;
}

/** The given flags by name; it adds what is wrong with them to `mistakes`. */
function readFlags(
  command: string,
  all: readonly Flag[],
  args: readonly string[],
  mistakes: string[],
): ReadonlyMap<string, string> {
  const options = Object.fromEntries(all.map(({ name }) => [name, { type: 'string' as const }]));
  const result = new Map<string, string>();
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });
  for (const token of tokens) {
    if (token.kind === 'positional') mistakes.push(`"${token.value}" is no flag`);
    if (token.kind !== 'option') continue;
    const flag = all.find(({ name }) => name === token.name);
    if (!flag) mistakes.push(`${token.rawName} is not a flag of ${command} (see kube-ecr-secrets-operator help)`);
    else if (token.value === undefined || token.value.startsWith('--'))
      mistakes.push(`--${token.name} needs a value: ${flag.value}`);
    else result.set(token.name, token.value);
  }
  return result;
}

/** `HOST:PORT`, `:PORT` or `[IPv6]:PORT`; undefined for anything else. */
function parseAddress(text: string): BindAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) return undefined;
  return { host: match[1] ?? match[2] ?? '', port };
}
