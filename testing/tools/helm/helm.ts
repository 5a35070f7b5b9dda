// Helm as a user runs it, but without the user's own settings: no repositories, no plugins, only the given kubeconfig.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { makeTemporaryFolder } from '../../process/temporary-folder.ts';
import { findHelm, type HelmMajor } from './find-helm.ts';

export interface HelmResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Helm {
  readonly major: HelmMajor;
  /** Runs one command to its end, successful or not. */
  run(...args: readonly string[]): Promise<HelmResult>;
  /** Returns the standard output. @throws Error with the command's output unless the exit code is 0 */
  must(...args: readonly string[]): Promise<string>;
}

/**
 * @param kubeconfig  a file; undefined for commands that need no cluster
 * @throws as `findHelm`
 */
export async function createHelm(major: HelmMajor, kubeconfig?: string): Promise<Helm> {
  const program = await findHelm(major);
  const home = makeTemporaryFolder('helm');
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    HELM_CACHE_HOME: join(home, 'cache'),
    HELM_CONFIG_HOME: join(home, 'config'),
    HELM_DATA_HOME: join(home, 'data'),
    KUBECONFIG: kubeconfig ?? join(home, 'no-kubeconfig'),
  };

  const run: Helm['run'] = async (...args) => {
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const stop = (): void => void child.kill('SIGKILL');
    process.once('exit', stop);
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    try {
      const code = await new Promise<number | null>((resolve, reject) =>
        child.once('error', reject).once('close', resolve),
      );
      return { code, stdout, stderr };
    } finally {
      process.off('exit', stop);
    }
  };

  return {
    major,
    run,
    async must(...args) {
      const { code, stdout, stderr } = await run(...args);
      if (code !== 0) throw new Error(`helm ${args.join(' ')}: code ${code}\n${stderr}${stdout}`);
      return stdout;
    },
  };
}
