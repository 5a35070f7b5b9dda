// crane, a common client for registries, as a tool.

import { type FindToolOptions, findTool, type Tool } from '../find-tool.ts';

const VERSION = '0.22.1';

/** As `findTool`; a build takes half a minute on two cores, cold. */
export async function findCrane(options: FindToolOptions = {}): Promise<string> {
  return await findTool(CRANE, options);
}

const CRANE: Tool = {
  program: 'crane',
  title: 'crane',
  version: VERSION,
  variable: 'CRANE',
  versionArgs: ['version'],
  complaint: (says) => (/^v?\d+\.\d+\./u.test(says) ? undefined : 'does not answer as crane'),
  source: 'github.com/google/go-containerregistry/cmd/crane',
  linkerFlags: '',
  archive: (os, arch) => {
    const cpu = arch === 'amd64' ? 'x86_64' : arch;
    const release = `https://github.com/google/go-containerregistry/releases/download/v${VERSION}`;
    const file = `go-containerregistry_${os === 'darwin' ? 'Darwin' : 'Linux'}_${cpu}.tar.gz`;
    return { url: `${release}/${file}`, checksums: `${release}/checksums.txt`, member: 'crane' };
  },
};
