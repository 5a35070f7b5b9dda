// Before many Secrets are deleted at once: a second look that does not trust the stores.

import { NAMESPACES } from '../api/meta.ts';
import { desiredTargets, type NamespaceView } from '../core/desired.ts';
import type { SeenSecret } from '../core/plan.ts';
import { type PullSecretObject, parseWish } from '../core/resource.ts';
import type { KubeClient } from '../kube/client.ts';
import { listInPages } from '../kube/pages.ts';
import { Failure } from '../lib/errors.ts';
import type { JsonRecord } from '../lib/json.ts';
import { namespaceOf, pullSecretOf, RESOURCES } from './objects.ts';

/**
 * Reads the CR and the namespaces afresh and keeps of `candidates` only those that are not wanted by that view either.
 *
 * @returns empty when the CR is gone or is another one by now: its Secrets are the garbage collector's work
 * @throws Failure when it cannot be read; then nothing must be deleted
 */
export async function confirmPrune(
  client: KubeClient,
  object: PullSecretObject,
  candidates: readonly SeenSecret[],
  signal: AbortSignal,
): Promise<readonly SeenSecret[]> {
  const { kind, namespace, name } = object;
  const raw = await client.find(RESOURCES[kind], namespace, name, signal);
  const fresh = raw && pullSecretOf(kind, raw);
  const wish = fresh?.uid === object.uid ? parseWish(fresh) : undefined;
  if (wish === undefined || typeof wish === 'string') return [];
  const namespaces = await listNamespaces(client, signal);
  const wanted = new Set(desiredTargets(wish.targets, namespaces).targets.map(({ namespace }) => namespace));
  return candidates.filter(({ namespace, name }) => name !== wish.secretName || !wanted.has(namespace));
}

async function listNamespaces(client: KubeClient, signal: AbortSignal): Promise<ReadonlyMap<string, NamespaceView>> {
  const views = new Map<string, NamespaceView>();
  const take = (raw: JsonRecord): void => {
    const view = namespaceOf(raw);
    if (view) views.set(view.name, view);
  };
  await listInPages(client, NAMESPACES, { onSkipped: giveUp }, take, signal);
  return views;
}

/** A namespace that was left out would look as if it were gone. */
function giveUp(): never {
  throw new Failure({ next: 'backoff', reason: 'ListTooLarge', message: 'a namespace is too large to be listed' });
}
