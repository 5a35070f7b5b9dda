// Puts our CRDs on an API server and waits until it serves them.

import crds from '../api/crds.generated.json' with { type: 'json' };
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
  for (const crd of crds) {
    const [version] = crd.spec.versions;
    await eventually(async () => {
      const list = await api.get(`/apis/${crd.spec.group}/${version?.name}/${crd.spec.names.plural}`);
      return list.status === 200 ? true : undefined;
    }, 30_000);
  }
}
