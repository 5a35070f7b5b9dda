// Helm 4 and Helm 3 as tools.

import { type FindToolOptions, findTool, type Tool } from '../find-tool.ts';

export type HelmMajor = 3 | 4;

/** Releases known to build with Go 1.26, and the variables that name another program. */
const HELMS: Readonly<Record<HelmMajor, { readonly version: string; readonly variable: string }>> = {
  4: { version: '4.3.1', variable: 'HELM' },
  3: { version: '3.22.0', variable: 'HELM3' },
};

/** As `findTool`; a build takes 2 to 5 minutes on two cores, cold. */
export async function findHelm(major: HelmMajor, options: FindToolOptions = {}): Promise<string> {
  return await findTool(helm(major), options);
}

function helm(major: HelmMajor): Tool {
  const { version, variable } = HELMS[major];
  const module = `helm.sh/helm/v${major}`;
  return {
    program: 'helm',
    title: `Helm ${major}`,
    version,
    variable,
    versionArgs: ['version', '--short'],
    complaint(says) {
      const found = /^v(\d+)\./u.exec(says)?.[1];
      if (found === undefined) return 'does not answer as Helm';
      return Number(found) === major ? undefined : `is Helm ${found}`;
    },
    source: `${module}/cmd/helm`,
    // Embeds its version, which `go install` alone does not.
    linkerFlags: `-X ${module}/internal/version.version=v${version}`,
    // helm.sh/docs/intro/install
    archive: (os, arch) => {
      const url = `https://get.helm.sh/helm-v${version}-${os}-${arch}.tar.gz`;
      return { url, checksums: `${url}.sha256sum`, member: `${os}-${arch}/helm` };
    },
  };
}
