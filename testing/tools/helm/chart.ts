// The operator's chart, rendered by Helm.

import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { DEFAULT_VERSION } from '../../control-plane/binaries.ts';
import type { Helm } from './helm.ts';

export const CHART = fileURLToPath(new URL('../../../charts/kube-ecr-secrets-operator', import.meta.url));

/** An object of the chart; tests look into many kinds. */
export interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  // oxlint-disable-next-line typescript/no-explicit-any -- see the line above
  readonly [field: string]: any;
}

/**
 * The output of `helm template`, in its order.
 *
 * @param flags  such as `--set`, `replicas=0`
 * @throws Error with Helm's words when it refuses
 */
export async function renderChart(
  helm: Helm,
  release: { readonly name: string; readonly namespace: string },
  ...flags: readonly string[]
): Promise<readonly Rendered[]> {
  const where = ['--namespace', release.namespace, '--kube-version', DEFAULT_VERSION];
  const text = await helm.must('template', release.name, CHART, ...where, ...flags);
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Rendered | null)
    .filter((object) => object !== null);
}
