// Go's own reading of NO_PROXY, as a program that answers questions.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { findTool, MissingToolError, type Tool } from '../find-tool.ts';

/** One that Kubernetes is built with. */
const VERSION = '0.61.0';
const MAIN = readFileSync(new URL('./main.go', import.meta.url), 'utf8');

const GO_NO_PROXY: Tool = {
  program: 'go-no-proxy',
  title: "Go's reading of NO_PROXY",
  // A build from another text is another program.
  version: `${VERSION}-${createHash('sha256').update(MAIN).digest('hex').slice(0, 8)}`,
  variable: 'GO_NO_PROXY',
  versionArgs: ['--version'],
  complaint: (says) => (says.startsWith('golang.org/x/net') ? undefined : 'does not answer as it does'),
  source: {
    'go.mod': `module noproxy\ngo 1.25.0\nrequire golang.org/x/net v${VERSION}\n`,
    'main.go': MAIN,
  },
  linkerFlags: '',
  archive: () => undefined,
};

export interface NoProxyQuestion {
  readonly noProxy: string;
  readonly url: string;
}

/** @returns "proxy" or "direct" for each; undefined when it is not cached and there is no Go to build it */
export async function askGo(questions: readonly NoProxyQuestion[]): Promise<readonly string[] | undefined> {
  let program: string;
  try {
    program = await findTool(GO_NO_PROXY);
  } catch (error) {
    if (error instanceof MissingToolError) return undefined;
    throw error;
  }
  const input = questions.map((question) => `${JSON.stringify(question)}\n`).join('');
  const { stdout, stderr, status } = spawnSync(program, { input, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout.trimEnd().split('\n');
}
