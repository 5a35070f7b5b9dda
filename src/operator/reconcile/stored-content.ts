// When an object wants more than a Secret can hold: the present content of its Secret, made of current logins.

import { SECRETS } from '../../api/meta.ts';
import { readDockerConfig } from '../../core/docker-config.ts';
import { isOwned, sizeProblem } from '../../core/plan.ts';
import type { PullSecretObject } from '../../core/resource.ts';
import { commonInputs, likeliestFirst, renewedAsStored } from '../../core/stored-login.ts';
import type { KubeReader } from '../../kube/client.ts';
import type { LoginsToWrite } from '../login/object-logins.ts';
import type { ClusterView } from '../state/cluster-view.ts';
import { dockerConfigOf } from '../state/reduced-objects.ts';

/** Secrets read in search of a proved one: nearly always the first is, unless another writer changes many. */
const MOST_READ = 20;

/**
 * @returns `access`, reduced to the registries and hosts of an existing Secret; undefined when the object's status
 *          proves none, or that would be too large as well
 * @throws Failure when a Secret cannot be read
 */
export type ReadStoredContent = (
  object: PullSecretObject,
  access: LoginsToWrite,
  signal: AbortSignal,
) => Promise<LoginsToWrite | undefined>;

export function readingStoredContent(
  client: Pick<KubeReader, 'find'>,
  view: Pick<ClusterView, 'wish' | 'secretsOf'>,
): ReadStoredContent {
  return async (object, access, signal) => {
    const wish = view.wish(object);
    const named = new Set(typeof wish === 'string' ? [] : wish.targets.named);
    const owned = [...view.secretsOf(object.uid)].filter((seen) => isOwned(seen, object.uid) && !seen.deleting);
    const likeliest = likeliestFirst(owned, named, access.held.map((login) => login.digest).join());
    for (const { namespace, name } of likeliest.slice(0, MOST_READ)) {
      const raw = (await client.find(SECRETS, namespace, name, signal)) ?? {};
      const entries = readDockerConfig(dockerConfigOf(raw) ?? '');
      const widened = renewedAsStored(object.status.logins ?? [], entries, access.widened);
      if (widened.length === 0 || sizeProblem(widened) !== undefined) continue;
      const registries = new Set(widened.map(({ registry }) => registry));
      const held = access.held.filter(({ registry }) => registries.has(registry));
      return { ...access, held, widened, inputs: commonInputs(likeliest) ?? access.inputs };
    }
    return undefined;
  };
}
