// An object as it is now, not as a watch last showed it.

import { RESOURCES } from '../../api/kinds.ts';
import type { PullSecretObject } from '../../core/resource.ts';
import type { KubeReader } from '../../kube/client.ts';
import { pullSecretOf } from './reduced-objects.ts';

/**
 * @returns the object that has this name now, perhaps another one; undefined when there is none
 * @throws Failure when it cannot be read
 */
export async function readObject(
  client: Pick<KubeReader, 'find'>,
  { kind, namespace, name }: Pick<PullSecretObject, 'kind' | 'namespace' | 'name'>,
  signal: AbortSignal,
): Promise<PullSecretObject | undefined> {
  const raw = await client.find(RESOURCES[kind], namespace, name, signal);
  return raw && pullSecretOf(kind, raw);
}
