// The controllers of cert-manager as a program for tests.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { CERT_MANAGER } from '../../api-server/foreign-crds.ts';
import { type FindToolOptions, findTool, MissingToolError, type Tool } from '../find-tool.ts';

const { module, version } = CERT_MANAGER;
const MAIN = readFileSync(new URL('./main.go', import.meta.url), 'utf8');

const CONTROLLERS: Tool = {
  program: 'cert-manager-controllers',
  title: 'the controllers of cert-manager',
  // A build from another text is another program.
  version: `${version}-${createHash('sha256').update(MAIN).digest('hex').slice(0, 8)}`,
  variable: 'CERT_MANAGER_CONTROLLERS',
  versionArgs: ['--version'],
  complaint: (says) => (says.startsWith('controllers of cert-manager') ? undefined : 'does not answer as they do'),
  source: {
    'go.mod': `module controllers\ngo 1.26.0\nrequire ${module} v${version}\n`,
    'main.go': MAIN,
  },
  linkerFlags: `-X main.version=${version}`,
  archive: () => undefined,
};

/**
 * As `findTool`; a build takes 2 to 3 minutes on two cores, cold.
 *
 * @returns undefined when it is not cached and there is no Go to build it
 */
export async function findCertManager(options: FindToolOptions = {}): Promise<string | undefined> {
  try {
    return await findTool(CONTROLLERS, options);
  } catch (error) {
    if (error instanceof MissingToolError) return undefined;
    throw error;
  }
}
