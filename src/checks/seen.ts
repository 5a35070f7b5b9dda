// What a caller with few rights gets to see of a cluster.

import type { ResourceDescriptor } from '../api/meta.ts';
import type { Unseen } from '../core/pull-facts.ts';
import { isForbidden } from '../kube/api-error.ts';
import type { KubeReader } from '../kube/client.ts';
import { listInPages, type PagesOptions } from '../kube/pages.ts';
import type { JsonRecord } from '../lib/json.ts';

/** What was asked for, or `unseen`. @throws Failure for everything but a missing right */
export async function orUnseen<Answer>(asked: Promise<Answer>): Promise<Answer | Unseen> {
  try {
    return await asked;
  } catch (thrown) {
    if (isForbidden(thrown)) return 'unseen';
    throw thrown;
  }
}

/**
 * The objects of a list; one that is too large to be read is left out.
 *
 * @param keep  what is kept of an object; undefined: nothing
 * @param most  objects that are kept
 * @throws Failure, also for a missing right
 */
export async function listKept<Kept>(
  client: Pick<KubeReader, 'list'>,
  resource: ResourceDescriptor,
  selection: Omit<PagesOptions, 'onSkipped' | 'onTurn'>,
  { keep, most }: { readonly keep: (raw: JsonRecord) => Kept | undefined; readonly most: number },
  signal: AbortSignal,
): Promise<readonly Kept[]> {
  const all: Kept[] = [];
  const take = (raw: JsonRecord): void => {
    const kept = all.length < most ? keep(raw) : undefined;
    if (kept !== undefined) all.push(kept);
  };
  await listInPages(client, resource, { ...selection, onSkipped: () => {} }, take, signal);
  return all;
}
