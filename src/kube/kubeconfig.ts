// Access by a kubeconfig file, for use outside a cluster. Loaded only then: the official client costs 35 MB of memory.

import { existsSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { delimiter } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { ActionOnInvalid } from '@kubernetes/client-node/dist/config_types.js';
import { Failure } from '../lib/errors.ts';
import { recordOf, stringMapOf, stringOf } from '../lib/json.ts';
import type { ApiCredentials, ApiServerAccess } from './access.ts';
import { type CurrentFields, currentFields, refuseFields } from './kubeconfig-fields.ts';
import { impersonation, proxyOf, tokenOfFile, withAbsoluteTokenFiles } from './kubeconfig-person.ts';

/** Reads YAML. The client does not export its own parser, and a second one would be part of what is loaded. */
export type ParseYaml = (text: string) => unknown;

/** As kubectl: entries that are not in force may be broken. */
const LENIENT = { onInvalidEntry: ActionOnInvalid.FILTER };

/** Who may name another context, act as somebody else, and go by a proxy. */
export interface Person {
  /** Undefined: the current one. */
  readonly context: string | undefined;
  /** Of the process: proxies. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

interface Read {
  readonly config: KubeConfig;
  /** Content of each file, in their order. */
  readonly contents: readonly unknown[];
}

/**
 * @param path  a kubeconfig file, or several joined by the separator of PATH; empty for the default (`~/.kube/config`)
 * @param person  given when a person uses it, not the operator
 * @throws Failure when it cannot be read, names no cluster, or has a field that the operator refuses
 *         (kubeconfig-fields.ts)
 */
export function kubeconfigAccess(path: string, parseYaml: ParseYaml, person?: Person): ApiServerAccess {
  const where = path || 'of this user';
  const { config: read, contents } = readConfig(path, parseYaml);
  if (person?.context !== undefined) choose(person.context, read, where);
  let config = read;
  const cluster = config.getCurrentCluster();
  const context = config.getContextObject(config.getCurrentContext());
  if (!cluster || (context?.user && !config.getCurrentUser())) throw incomplete(where, config);
  const fields = currentFields(contents, { cluster: cluster.name, user: config.getCurrentUser()?.name ?? '' });
  refuseFields(where, fields, person !== undefined);
  const actsAs = person ? impersonation(fields) : {};
  /** One request at a time: a plugin may be a slow program, or open a browser. */
  let asking: Promise<ApiCredentials> | undefined;
  const invalidate = (): void => {
    config = withoutTokens(config);
  };
  return {
    url: new URL(cluster.server),
    namespace: context?.namespace,
    proxyEnv: person && proxyOf(fields, new URL(cluster.server), person.env),
    credentials: () => {
      asking ??= (person ? credentialsOfPerson(config, fields, actsAs) : credentialsOf(config))
        .catch((thrown: unknown) => {
          invalidate();
          throw noCredentials(config, thrown);
        })
        .finally(() => {
          asking = undefined;
        });
      return asking;
    },
    invalidate,
  };
}

/** @throws Failure when there is no such context */
function choose(context: string, config: KubeConfig, where: string): void {
  if (!config.getContextObject(context)) {
    const names = config.contexts.map(({ name }) => `"${name}"`).slice(0, 10);
    throw new Failure({
      next: 'change',
      reason: 'BadKubeconfig',
      message: `the kubeconfig ${where} has no context "${context}"; it has ${names.join(', ') || 'none'}`,
    });
  }
  config.setCurrentContext(context);
}

/** A context that names what is not there; the client leaves out entries that lack a field. */
function incomplete(where: string, config: KubeConfig): Failure {
  const current = config.getCurrentContext();
  const context = config.getContextObject(current);
  const fail = (words: string): Failure =>
    new Failure({ next: 'change', reason: 'BadKubeconfig', message: `the kubeconfig ${where} ${words}` });
  if (config.contexts.length === 0 && config.clusters.length === 0)
    return fail('has no contexts and no clusters: is it one?');
  if (!current) return fail('has no current context: kubectl config use-context NAME sets it');
  if (!context) return fail(`has no context "${current}", which is its current one`);
  const missing = config.getCurrentCluster() ? `user "${context.user}"` : `cluster "${context.cluster}"`;
  return fail(`has no ${missing}, or only a part of it; context "${current}" names it`);
}

/** @throws Failure when it cannot be read */
function readConfig(path: string, parseYaml: ParseYaml): Read {
  try {
    if (path === '') return load(parseYaml, (config) => config.loadFromDefault(LENIENT));
    if (existsSync(path) || !path.includes(delimiter))
      return load(parseYaml, (config) => config.loadFromFile(path, LENIENT));
    return joined(
      parseYaml,
      path.split(delimiter).filter((file) => existsSync(file)),
    );
  } catch (cause) {
    // A parser's message quotes what it could not read.
    const isOfFile = cause instanceof Error && 'syscall' in cause;
    const which = path || 'of this user (KUBECONFIG, or .kube/config in the home folder)';
    const why = isOfFile ? '' : ': it is not there, empty, or no YAML';
    const help = path === '' ? '; --kubeconfig names another' : '';
    throw new Failure({
      next: 'change',
      reason: 'BadKubeconfig',
      message: `cannot read the kubeconfig ${which}${why}${help}`,
      ...(isOfFile ? { cause } : {}),
    });
  }
}

/**
 * Keeps the texts' content, of which the client leaves out what it does not know.
 *
 * @throws Error when there is none: the client would make up an API server on localhost
 */
function load(parseYaml: ParseYaml, from: (config: KubeConfig) => void): Read {
  const config = new KubeConfig();
  const contents: unknown[] = [];
  const loadFromString = config.loadFromString.bind(config);
  config.loadFromString = (text, options) => {
    contents.push(parseYaml(text));
    loadFromString(text, options);
  };
  // The client calls it with the file's folder, right after it has read the file.
  const makePathsAbsolute = config.makePathsAbsolute.bind(config);
  config.makePathsAbsolute = (folder) => {
    contents.push(withAbsoluteTokenFiles(contents.pop(), folder));
    makePathsAbsolute(folder);
  };
  from(config);
  if (contents.length === 0) throw new Error('there is no file');
  return { config, contents };
}

/**
 * Joins several files. Where several name an entry, the first counts, as with kubectl; the client itself refuses it.
 */
function joined(parseYaml: ParseYaml, files: readonly string[]): Read {
  if (files.length === 0) throw new Error('none of the files is there');
  const each = files.map((file) => load(parseYaml, (config) => config.loadFromFile(file, LENIENT)));
  const configs = each.map(({ config }) => config);
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: firstOfEach(configs.flatMap(({ clusters }) => clusters)),
    users: firstOfEach(configs.flatMap(({ users }) => users)),
    contexts: firstOfEach(configs.flatMap(({ contexts }) => contexts)),
    currentContext: configs.map(({ currentContext }) => currentContext).find(Boolean) ?? '',
  });
  return { config, contents: each.flatMap(({ contents }) => contents) };
}

function firstOfEach<Item extends { readonly name: string }>(items: readonly Item[]): Item[] {
  return items.filter(({ name }, index) => items.findIndex((item) => item.name === name) === index);
}

/** The same config as read, without the tokens of its plugins: the plugins run again. */
function withoutTokens({ clusters, users, contexts, currentContext }: KubeConfig): KubeConfig {
  const fresh = new KubeConfig();
  fresh.loadFromOptions({ clusters, users, contexts, currentContext });
  return fresh;
}

/** Keeps a plugin's own error message; its output is dropped, since a parser's message quotes some of it. */
function noCredentials(config: KubeConfig, thrown: unknown): Failure {
  const command = stringOf(recordOf(config.getCurrentUser()?.exec)['command']);
  return new Failure({
    next: 'backoff',
    reason: 'NoCredentials',
    message: `${command === undefined ? '' : `the plugin ${command} of `}the kubeconfig gave no credentials for the API server: does kubectl work with it?`,
    ...(thrown instanceof SyntaxError ? {} : { cause: thrown }),
  });
}

async function credentialsOfPerson(
  config: KubeConfig,
  fields: CurrentFields,
  actsAs: ApiCredentials['headers'],
): Promise<ApiCredentials> {
  const [found, token] = await Promise.all([credentialsOf(config), tokenOfFile(fields)]);
  const bearer = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return { ...found, headers: { ...found.headers, ...bearer, ...actsAs } };
}

async function credentialsOf(config: KubeConfig): Promise<ApiCredentials> {
  const options: RequestOptions = { headers: {} };
  await config.applyToHTTPSOptions(options);
  const text = (value: unknown): string | Buffer | undefined =>
    typeof value === 'string' || Buffer.isBuffer(value) ? value : undefined;
  const [ca, cert, key] = [text(options.ca), text(options.cert), text(options.key)];
  const authorization = stringMapOf(options.headers).get('Authorization');
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(options.servername === undefined ? {} : { servername: options.servername }),
    ...(options.rejectUnauthorized === false ? { rejectUnauthorized: false } : {}),
    headers: authorization === undefined ? {} : { authorization },
  };
}
