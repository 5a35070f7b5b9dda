// From the configuration to the access to the API server: that of the pod, if any, else a kubeconfig.

import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type ApiServerAccess, podAccess } from '../kube/access.ts';
import type { Person } from '../kube/kubeconfig.ts';
import { systemClock } from '../lib/time.ts';
import type { AccessConfig } from './config.ts';

/** The API server that Kubernetes names to a pod, unless a kubeconfig names another. */
function ofPod({ kubeconfig }: Pick<AccessConfig, 'kubeconfig'>): { host: string; port: string } | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
  return kubeconfig === undefined && host && port ? { host, port } : undefined;
}

/** The account is that of the pod in which this runs. */
export function isInPod(config: Pick<AccessConfig, 'kubeconfig'>): boolean {
  return ofPod(config) !== undefined;
}

/** A person in a pod, as in a CI's runner, may work on another cluster: a kubeconfig goes before the pod's account. */
function hasKubeconfig({ context }: Person): boolean {
  return context !== undefined || Boolean(process.env['KUBECONFIG']) || existsSync(join(homedir(), '.kube', 'config'));
}

/**
 * @param person  given when a person asks, not the operator
 * @throws Failure when its files cannot be read
 */
export async function accessOf(
  { kubeconfig, serviceAccountFolder: folder }: AccessConfig,
  person?: Person,
): Promise<ApiServerAccess> {
  const pod = ofPod({ kubeconfig });
  if (pod && !(person && hasKubeconfig(person))) return await podAccess({ ...pod, folder }, systemClock);
  const [{ kubeconfigAccess }, { parse }] = await Promise.all([import('../kube/kubeconfig.ts'), import('yaml')]);
  // The client reads the variable too, but of the files that it names it shows only the first as it stands.
  return kubeconfigAccess(kubeconfig ?? process.env['KUBECONFIG'] ?? '', parse, person);
}
