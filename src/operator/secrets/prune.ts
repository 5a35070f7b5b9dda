// Before the operator deletes Secrets: a second look that does not trust the stores, as one may be behind the others.

import { RESOURCES } from '../../api/kinds.ts';
import { NAMESPACES } from '../../api/meta.ts';
import { desiredTargets, type NamespaceView } from '../../core/desired.ts';
import { needsWholeList } from '../../core/plan.ts';
import { type PullSecretObject, parseWish } from '../../core/resource.ts';
import type { SeenSecret } from '../../core/seen-secret.ts';
import type { KubeReader } from '../../kube/client.ts';
import { listInPages } from '../../kube/pages.ts';
import { Failure } from '../../lib/errors.ts';
import type { JsonRecord } from '../../lib/json.ts';
import { namespaceOf, pullSecretOf } from '../state/reduced-objects.ts';

/**
 * Reads the object and the namespaces anew and returns those of `candidates` that this view does not want either. For a
 * few candidates it reads only their own namespaces, for many all: the stores may then have lost more than one watch.
 *
 * @param owned  how many Secrets the object has
 * @returns empty when the object is gone or another one has its name: the garbage collector deletes its Secrets
 * @throws Failure when it cannot be read; then the caller must delete nothing
 */
export type ConfirmPrune = (
  object: PullSecretObject,
  candidates: readonly SeenSecret[],
  owned: number,
  signal: AbortSignal,
) => Promise<readonly SeenSecret[]>;

export function confirmingPrune(client: Pick<KubeReader, 'find' | 'list'>): ConfirmPrune {
  return async (object, candidates, owned, signal) => {
    if (candidates.length === 0) return [];
    const { kind, namespace, name } = object;
    const raw = await client.find(RESOURCES[kind], namespace, name, signal);
    const fresh = raw && pullSecretOf(kind, raw);
    const wish = fresh?.uid === object.uid ? parseWish(fresh) : undefined;
    if (wish === undefined || typeof wish === 'string') return [];
    // The only namespace that it can want a Secret in is its own, which is there while it is.
    if (wish.targets.isOwn)
      return candidates.filter((seen) => seen.name !== wish.secretName || seen.namespace !== namespace);
    const only = needsWholeList(candidates.length, owned) ? undefined : candidates.map((seen) => seen.namespace);
    const namespaces = await readNamespaces(client, only, signal);
    const { targets, undecided } = desiredTargets(wish.targets, namespaces, () => true);
    const wanted = new Set(targets.map(({ namespace }) => namespace));
    const unclear = new Set(undecided.map(({ namespace }) => namespace));
    return candidates.filter(
      ({ namespace, name }) => !unclear.has(namespace) && (name !== wish.secretName || !wanted.has(namespace)),
    );
  };
}

/** @param only  names of the namespaces to read; undefined: all */
async function readNamespaces(
  client: Pick<KubeReader, 'find' | 'list'>,
  only: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, NamespaceView>> {
  const views = new Map<string, NamespaceView>();
  const take = (raw: JsonRecord): void => {
    const view = namespaceOf(raw);
    if (view) views.set(view.name, view);
  };
  const list = (fieldSelector?: string): Promise<unknown> =>
    listInPages(client, NAMESPACES, { fieldSelector, onSkipped: giveUp }, take, signal);
  if (!only) await list();
  else for (const name of new Set(only)) await list(`metadata.name=${name}`);
  return views;
}

/** A namespace missing in the answer would look deleted. */
function giveUp(): never {
  throw new Failure({ next: 'backoff', reason: 'ListTooLarge', message: 'a namespace is too large to be listed' });
}
