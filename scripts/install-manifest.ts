// install.yaml of a release: the chart with its default values and its namespace, for `kubectl apply --server-side -f`.
// Usage: node scripts/install-manifest.ts > install.yaml

import { stringify } from 'yaml';
import { CHART } from '../testing/tools/helm/chart.ts';
import { createHelm, type Helm } from '../testing/tools/helm/helm.ts';

const NAME = 'kube-ecr-secrets-operator';
const NAMESPACE = `${NAME}-system`;

/** What the pod needs fits the strictest of the Pod Security Standards. */
const NAMESPACE_OBJECT = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: NAMESPACE, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
};

/**
 * @param flags  of `helm template`; a release has none
 * @returns YAML: first the namespace, then Helm's order, in which CRDs and accounts go before what needs them
 */
export async function makeInstallManifest(helm: Helm, ...flags: readonly string[]): Promise<string> {
  // The pod of `helm test` is left out, and the oldest supported Kubernetes is asked for.
  const where = ['--namespace', NAMESPACE, '--no-hooks', '--kube-version', '1.33.0'];
  const rendered = await helm.must('template', NAME, CHART, ...where, ...flags);
  return `${stringify(NAMESPACE_OBJECT)}${rendered}`;
}

if (import.meta.main) process.stdout.write(await makeInstallManifest(await createHelm(4)));
