// Access by a kubeconfig file, for use outside a cluster. Loaded only then: the official client costs 35 MB of memory.

import { existsSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { delimiter } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { Failure } from '../lib/errors.ts';
import { recordOf, stringMapOf, stringOf } from '../lib/json.ts';
import type { ApiServerAccess, Credentials } from './access.ts';

/**
 * @param path  a kubeconfig file, or several joined by the separator of PATH; empty for the default (`~/.kube/config`)
 * @throws Failure when it cannot be read or names no cluster
 */
export function kubeconfigAccess(path: string): ApiServerAccess {
  let config = readConfig(path);
  const cluster = config.getCurrentCluster();
  if (!cluster) {
    throw new Failure({
      next: 'change',
      reason: 'BadKubeconfig',
      message: `the kubeconfig ${path} has no current context with a cluster`,
    });
  }
  const context = config.getContextObject(config.getCurrentContext());
  /** One question at a time: a plugin may be a slow program, or open a browser. */
  let asking: Promise<Credentials> | undefined;
  const invalidate = (): void => {
    config = withoutTokens(config);
  };
  return {
    url: new URL(cluster.server),
    namespace: context?.namespace,
    credentials: () => {
      asking ??= credentialsOf(config)
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

/** @throws Failure when it cannot be read */
function readConfig(path: string): KubeConfig {
  const config = new KubeConfig();
  try {
    if (path === '') config.loadFromDefault();
    else if (existsSync(path) || !path.includes(delimiter)) config.loadFromFile(path);
    else config.loadFromOptions(joined(path.split(delimiter).filter((file) => existsSync(file))));
    return config;
  } catch (cause) {
    throw new Failure({
      next: 'change',
      reason: 'BadKubeconfig',
      message: `cannot read the kubeconfig ${path || 'of this user'}`,
      cause,
    });
  }
}

/** Several files as one. Of what several of them name, the first counts, as with kubectl; the client's own way is to refuse it. */
function joined(files: readonly string[]): Pick<KubeConfig, 'clusters' | 'users' | 'contexts' | 'currentContext'> {
  if (files.length === 0) throw new Error('none of the files is there');
  const configs = files.map((file) => {
    const config = new KubeConfig();
    config.loadFromFile(file);
    return config;
  });
  return {
    clusters: firstOfEach(configs.flatMap(({ clusters }) => clusters)),
    users: firstOfEach(configs.flatMap(({ users }) => users)),
    contexts: firstOfEach(configs.flatMap(({ contexts }) => contexts)),
    currentContext: configs.map(({ currentContext }) => currentContext).find(Boolean) ?? '',
  };
}

function firstOfEach<Item extends { readonly name: string }>(items: readonly Item[]): Item[] {
  return items.filter(({ name }, index) => items.findIndex((item) => item.name === name) === index);
}

/** The same file as it was read, without the tokens that its plugins have given since: they are asked again. */
function withoutTokens({ clusters, users, contexts, currentContext }: KubeConfig): KubeConfig {
  const fresh = new KubeConfig();
  fresh.loadFromOptions({ clusters, users, contexts, currentContext });
  return fresh;
}

/** What a plugin said of its failure is kept; what it gave is not, of which the parser's words quote some. */
function noCredentials(config: KubeConfig, thrown: unknown): Failure {
  const command = stringOf(recordOf(config.getCurrentUser()?.exec)['command']);
  return new Failure({
    next: 'backoff',
    reason: 'NoCredentials',
    message: `${command === undefined ? '' : `the plugin ${command} of `}the kubeconfig gave no credentials for the API server: does kubectl work with it?`,
    ...(thrown instanceof SyntaxError ? {} : { cause: thrown }),
  });
}

async function credentialsOf(config: KubeConfig): Promise<Credentials> {
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
