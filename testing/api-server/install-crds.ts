// Installs the operator's CRDs on an API server and waits until it serves them.

import crds from '../../src/api/crds.generated.json' with { type: 'json' };
import { eventually, type TestApi } from './test-api.ts';

const PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** @throws Error when the API server refuses one */
export async function installCrds(api: TestApi): Promise<void> {
  for (const crd of crds)
    await api.must(
      'PATCH',
      `${PATH}/${crd.metadata.name}?fieldManager=test&force=true`,
      crd,
      'application/apply-patch+yaml',
    );
  await Promise.all(crds.map((crd) => untilServed(api, crd)));
}

/** Waits until the kind can be listed and created: the API server answers creations with 404 for a moment longer. */
export async function untilServed(api: TestApi, { spec }: (typeof crds)[number]): Promise<void> {
  const { group, names, scope, versions } = spec;
  const apiVersion = `${group}/${versions[0]?.name}`;
  const path = `/apis/${apiVersion}/${scope === 'Namespaced' ? 'namespaces/default/' : ''}${names.plural}`;
  const probe = { apiVersion, kind: names.kind, metadata: { name: 'probe' } };
  await eventually(async () => {
    const list = await api.get(path);
    const created = list.status === 200 ? await api.send('POST', `${path}?dryRun=All`, probe) : undefined;
    return created && created.status !== 404 ? true : undefined;
  }, 30_000);
}
