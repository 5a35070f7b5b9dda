// promtool as a tool: Prometheus's own check of rules, and their results.

import { type FindToolOptions, findTool, type Tool } from './find-tool.ts';

/** Of the Go module, whose 0.316 is Prometheus 3.16. */
const VERSION = '0.316.0';
const RELEASE = VERSION.replace(/^0\.(\d)(\d+)\./u, '$1.$2.');

const PROMTOOL: Tool = {
  program: 'promtool',
  title: 'promtool',
  version: VERSION,
  variable: 'PROMTOOL',
  versionArgs: ['--version'],
  complaint: (says) => (says.startsWith('promtool, version') ? undefined : 'does not answer as promtool'),
  source: 'github.com/prometheus/prometheus/cmd/promtool',
  linkerFlags: '',
  archive: (os, arch) => {
    const release = `https://github.com/prometheus/prometheus/releases/download/v${RELEASE}`;
    const folder = `prometheus-${RELEASE}.${os}-${arch}`;
    return {
      url: `${release}/${folder}.tar.gz`,
      checksums: `${release}/sha256sums.txt`,
      member: `${folder}/promtool`,
    };
  },
};

/** As `findTool`; a build takes 5 to 7 minutes on two cores, cold. */
export async function findPromtool(options: FindToolOptions = {}): Promise<string> {
  return await findTool(PROMTOOL, options);
}
