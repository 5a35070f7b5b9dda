// CRDs of other projects, for objects in the chart: taken out of their Go modules, kept between runs.

import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import { programCache } from '../control-plane/binaries.ts';
import { findGo, runGo } from '../control-plane/go-build.ts';
import { eventually, type TestApi } from './test-api.ts';

export interface CrdSource {
  readonly name: string;
  readonly group: string;
  readonly module: string;
  readonly version: string;
  /** Paths in the module. */
  readonly files: readonly string[];
}

export const CERT_MANAGER: CrdSource = {
  name: 'cert-manager',
  group: 'cert-manager.io',
  module: 'github.com/cert-manager/cert-manager',
  version: '1.21.2',
  // Of the chart's two kinds, and of the others that cert-manager's controllers wait for.
  files: ['certificates', 'issuers', 'certificaterequests', 'clusterissuers'].map(
    (kind) => `deploy/crds/cert-manager.io_${kind}.yaml`,
  ),
};

export const PROMETHEUS_OPERATOR: CrdSource = {
  name: 'prometheus-operator',
  group: 'monitoring.coreos.com',
  module: 'github.com/prometheus-operator/prometheus-operator',
  version: '0.85.0',
  files: ['servicemonitors', 'podmonitors', 'prometheusrules'].map(
    (kind) => `example/prometheus-operator-crd/monitoring.coreos.com_${kind}.yaml`,
  ),
};

export const ARGO_CD: CrdSource = {
  name: 'argo-cd',
  group: 'argoproj.io',
  module: 'github.com/argoproj/argo-cd/v3',
  version: '3.2.0',
  files: ['manifests/crds/application-crd.yaml'],
};

/** Flux's helm-controller, with the kind HelmRelease, is no Go module that can be fetched. */
export const FLUX_SOURCES: CrdSource = {
  name: 'flux-sources',
  group: 'source.toolkit.fluxcd.io',
  module: 'github.com/fluxcd/source-controller',
  version: '1.7.2',
  files: ['config/crd/bases/source.toolkit.fluxcd.io_ocirepositories.yaml'],
};

export const KYVERNO: CrdSource = {
  name: 'kyverno',
  group: 'policies.kyverno.io',
  module: 'github.com/kyverno/kyverno',
  version: '1.19.1',
  files: ['config/crds/policies.kyverno.io/policies.kyverno.io_imagevalidatingpolicies.yaml'],
};

const PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** The parts of a CRD that are read here. */
interface Crd {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly names: { readonly plural: string };
    readonly versions: readonly { readonly name: string }[];
  };
}

/**
 * Installs them on an API server and waits until it serves and lists them.
 *
 * @returns removes them; undefined when they are not cached and there is no Go to fetch them
 */
export async function installForeignCrds(api: TestApi, source: CrdSource): Promise<(() => Promise<void>) | undefined> {
  const crds = await findCrds(source, process.env);
  if (crds === undefined) return undefined;
  for (const crd of crds) await api.must('POST', PATH, crd);
  for (const { spec } of crds)
    await eventually(async () => {
      const version = `/apis/${spec.group}/${spec.versions[0]?.name}`;
      await api.must('GET', `${version}/${spec.names.plural}`);
      // Discovery is separate, and may be later.
      const [{ groups }, { resources }] = [await api.must('GET', '/apis'), await api.must('GET', version)];
      assert.ok(groups.some(({ name }: { name: string }) => name === spec.group));
      assert.ok(resources.some(({ name }: { name: string }) => name === spec.names.plural));
      return true;
    }, 30_000);
  return async () => {
    for (const { metadata } of crds) await api.must('DELETE', `${PATH}/${metadata.name}`);
  };
}

async function findCrds(source: CrdSource, env: NodeJS.ProcessEnv): Promise<readonly Crd[] | undefined> {
  const { name, module, version, files } = source;
  const folder = join(programCache(env), 'crds', `${name}-${version}`);
  const read = (): readonly Crd[] =>
    files.map((file) => parse(readFileSync(join(folder, basename(file)), 'utf8')) as Crd);
  try {
    return read();
  } catch {
    if (!(await findGo(env))) return undefined;
  }
  const cwd = `${folder}.fetching-${process.pid}`;
  mkdirSync(cwd, { recursive: true });
  mkdirSync(folder, { recursive: true });
  try {
    const fetched = await runGo(['mod', 'download', '-json', `${module}@v${version}`], { cwd, env });
    const { Dir } = JSON.parse(fetched) as { readonly Dir: string };
    for (const file of files) {
      copyFileSync(join(Dir, file), join(cwd, basename(file)));
      renameSync(join(cwd, basename(file)), join(folder, basename(file)));
    }
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
  return read();
}
