// What `kubectl apply --server-side` does with objects of any known kind: no force, and no unknown field.

import { eventually, type TestApi } from './test-api.ts';

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly generation?: number;
    readonly resourceVersion?: string;
  };
}

/**
 * Applies them in their order.
 *
 * @returns them as the API server has them now
 * @throws Error with the API server's words for the first one that it refuses
 */
export async function applyObjects(api: TestApi, objects: readonly Manifest[]): Promise<readonly Manifest[]> {
  const query = '?fieldManager=kubectl&fieldValidation=Strict';
  const applied: Manifest[] = [];
  for (const object of objects) {
    // The API server serves a kind a moment after its CRD.
    const path = await eventually(async () => await pathOf(api, object));
    applied.push(await api.must('PATCH', `${path}${query}`, object, 'application/apply-patch+yaml'));
  }
  return applied;
}

/** @returns undefined when the API server does not know the kind */
async function pathOf(api: TestApi, { apiVersion, kind, metadata }: Manifest): Promise<string | undefined> {
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const { status, body } = await api.get(group);
  if (status !== 200) return undefined;
  const resources = body.resources as readonly { name: string; kind: string; namespaced: boolean }[];
  const resource = resources.find((one) => one.kind === kind && !one.name.includes('/'));
  if (!resource) return undefined;
  const within = resource.namespaced ? `/namespaces/${metadata.namespace ?? 'default'}` : '';
  return `${group}${within}/${resource.name}/${metadata.name}`;
}
