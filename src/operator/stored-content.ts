// When what an object wants is more than a Secret can hold: what its Secret holds already, made of the logins of today.

import { SECRETS } from '../api/meta.ts';
import { INPUTS_ANNOTATION } from '../api/names.ts';
import { readDockerConfig } from '../core/docker-config.ts';
import { isOwned, sizeProblem } from '../core/plan.ts';
import type { PullSecretObject } from '../core/resource.ts';
import { renewedAsStored } from '../core/stored-login.ts';
import type { KubeClient } from '../kube/client.ts';
import { recordOf, stringMapOf } from '../lib/json.ts';
import type { ClusterView } from './cluster-view.ts';
import { dockerConfigOf } from './objects.ts';
import type { Widened } from './secrets-round.ts';

/** Secrets read at a time: they hold the same, unless a renewal is on its way, or somebody meddles with one. */
const MOST_READ = 3;

/**
 * @returns `access`, reduced to the registries and hosts of the Secret that is there; undefined when there is none that the status
 *          of the object proves, or it would be too large as well
 * @throws Failure when a Secret cannot be read
 */
export async function readStoredContent(
  client: KubeClient,
  view: ClusterView,
  object: PullSecretObject,
  access: Widened,
  signal: AbortSignal,
): Promise<Widened | undefined> {
  const owned = [...view.secretsOf(object.uid)].filter((seen) => isOwned(seen, object.uid) && !seen.deleting);
  for (const { namespace, name } of owned.slice(0, MOST_READ)) {
    const raw = (await client.find(SECRETS, namespace, name, signal)) ?? {};
    const entries = readDockerConfig(dockerConfigOf(raw) ?? '');
    const widened = renewedAsStored(object.status.logins ?? [], entries, access.widened);
    if (widened.length === 0 || sizeProblem(widened) !== undefined) continue;
    const registries = new Set(widened.map(({ registry }) => registry));
    const held = access.held.filter(({ registry }) => registries.has(registry));
    const inputs = stringMapOf(recordOf(raw['metadata'])['annotations']).get(INPUTS_ANNOTATION) ?? access.inputs;
    return { ...access, held, widened, inputs };
  }
  return undefined;
}
