// kubectl as a tool, for the commands that the documentation gives.

import { createHash } from 'node:crypto';
import { DEFAULT_VERSION } from '../control-plane/binaries.ts';
import { type FindToolOptions, findTool, MissingToolError, type Tool } from './find-tool.ts';

/** Of the module of kubectl, whose 0.37.2 is Kubernetes 1.37.2. */
const MODULE = DEFAULT_VERSION.replace(/^\d+\./u, '0.');
const MAIN = `package main

import (
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
}
`;

const KUBECTL: Tool = {
  program: 'kubectl',
  title: 'kubectl',
  // A build from another text is another program.
  version: `${DEFAULT_VERSION}-${createHash('sha256').update(MAIN).digest('hex').slice(0, 8)}`,
  variable: 'KUBECTL',
  versionArgs: ['version', '--client'],
  complaint: (says) => (says.startsWith('Client Version: v') ? undefined : 'does not answer as kubectl'),
  source: {
    'go.mod': `module kubectl\ngo 1.26.0\nrequire k8s.io/kubectl v${MODULE}\n`,
    'main.go': MAIN,
  },
  linkerFlags: `-X k8s.io/component-base/version.gitVersion=v${DEFAULT_VERSION}`,
  archive: () => undefined,
};

/**
 * As `findTool`; a build takes a minute on two cores, cold.
 *
 * @returns undefined when it is neither here nor cached, and there is no Go to build it
 */
export async function findKubectl(options: FindToolOptions = {}): Promise<string | undefined> {
  try {
    return await findTool(KUBECTL, options);
  } catch (error) {
    if (error instanceof MissingToolError) return undefined;
    throw error;
  }
}
