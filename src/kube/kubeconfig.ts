// Access by a kubeconfig file, for use outside a cluster. Loaded only then: the official client costs 35 MB of memory.

import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { Failure } from '../lib/errors.ts';
import { stringMapOf } from '../lib/json.ts';
import type { ApiServerAccess, Credentials } from './access.ts';

/**
 * @param path  a kubeconfig file, or several joined by the separator of PATH; empty for the default (`~/.kube/config`)
 * @throws Failure when it cannot be read or names no cluster
 */
export function kubeconfigAccess(path: string): ApiServerAccess {
  let config = new KubeConfig();
  try {
    if (path === '') config.loadFromDefault();
    else config.loadFromFile(path);
  } catch (cause) {
    throw new Failure({
      next: 'change',
      reason: 'BadKubeconfig',
      message: `cannot read the kubeconfig ${path || 'of this user'}`,
      cause,
    });
  }
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
  return {
    url: new URL(cluster.server),
    namespace: context?.namespace,
    credentials: () => {
      asking ??= credentialsOf(config).finally(() => {
        asking = undefined;
      });
      return asking;
    },
    invalidate() {
      config = withoutTokens(config);
    },
  };
}

/** The same file as it was read, without the tokens that its plugins have given since: they are asked again. */
function withoutTokens({ clusters, users, contexts, currentContext }: KubeConfig): KubeConfig {
  const fresh = new KubeConfig();
  fresh.loadFromOptions({ clusters, users, contexts, currentContext });
  return fresh;
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
