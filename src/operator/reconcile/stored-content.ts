// When an object wants more than a Secret can hold: the present content of its Secret, made of current logins.

import { SECRETS } from '../../api/meta.ts';
import { readDockerConfig } from '../../core/docker-config.ts';
import { sizeProblem } from '../../core/plan.ts';
import type { PullSecretObject } from '../../core/resource.ts';
import { commonInputs, renewedAsStored } from '../../core/stored-login.ts';
import type { KubeReader } from '../../kube/client.ts';
import type { LoginsToWrite } from '../login/object-logins.ts';
import type { ClusterView } from '../state/cluster-view.ts';
import { dockerConfigOf } from '../state/reduced-objects.ts';
import { likeliestSecrets } from './likeliest-secrets.ts';

/** Secrets read in search of a proved one: nearly always the first is, unless another writer changes many. */
const MOST_READ = 20;

/**
 * @returns `logins`, reduced to the registries and hosts of an existing Secret; undefined when the object's status
 *          proves none, or that would be too large as well
 * @throws Failure when a Secret cannot be read
 */
export async function readStoredContent(
  client: Pick<KubeReader, 'find'>,
  view: Pick<ClusterView, 'wish' | 'secretsOf'>,
  object: PullSecretObject,
  logins: LoginsToWrite,
  signal: AbortSignal,
): Promise<LoginsToWrite | undefined> {
  const likeliest = likeliestSecrets(view, object, logins.held);
  for (const { namespace, name } of likeliest.slice(0, MOST_READ)) {
    const raw = (await client.find(SECRETS, namespace, name, signal)) ?? {};
    const entries = readDockerConfig(dockerConfigOf(raw) ?? '');
    const widened = renewedAsStored(object.status.logins ?? [], entries, logins.widened);
    if (widened.length === 0 || sizeProblem(widened) !== undefined) continue;
    const registries = new Set(widened.map(({ registry }) => registry));
    const held = logins.held.filter(({ registry }) => registries.has(registry));
    return { ...logins, held, widened, inputs: commonInputs(likeliest) ?? logins.inputs };
  }
  return undefined;
}
