// Kustomize, a common renderer of manifests, as a tool.

import { spawnSync } from 'node:child_process';
import { findTool, type Tool } from '../find-tool.ts';

/** A release known to build with Go 1.26. */
const VERSION = '5.8.2';

const KUSTOMIZE: Tool = {
  program: 'kustomize',
  title: 'Kustomize 5',
  version: VERSION,
  variable: 'KUSTOMIZE',
  versionArgs: ['version'],
  complaint: (says) => (/^(\{?kustomize\/)?v5\./u.test(says) ? undefined : 'does not answer as Kustomize 5'),
  source: 'sigs.k8s.io/kustomize/kustomize/v5',
  linkerFlags: '',
  archive: (os, arch) => {
    const release = `https://github.com/kubernetes-sigs/kustomize/releases/download/kustomize%2Fv${VERSION}`;
    return {
      url: `${release}/kustomize_v${VERSION}_${os}_${arch}.tar.gz`,
      checksums: `${release}/checksums.txt`,
      member: 'kustomize',
    };
  },
};

/**
 * What `kustomize build` prints.
 *
 * @throws Error with its words when it fails; as `findTool`
 */
export async function kustomizeBuild(folder: string): Promise<string> {
  const program = await findTool(KUSTOMIZE);
  const { status, stdout, stderr } = spawnSync(program, ['build', folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`kustomize build: code ${status}\n${stderr}`);
  return stdout;
}
