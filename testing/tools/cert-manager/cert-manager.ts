// cert-manager on a control plane: its CRDs, and its controllers as a process with the rights of an administrator.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { CERT_MANAGER, installForeignCrds } from '../../api-server/foreign-crds.ts';
import { adminOf } from '../../api-server/test-api.ts';
import type { ControlPlane } from '../../control-plane/control-plane.ts';
import { findCertManager } from './find-cert-manager.ts';

export interface CertManager {
  /** Everything it wrote. */
  output(): string;
  /** Ends it and removes its CRDs. */
  stop(): Promise<void>;
}

/** @returns undefined when it is unavailable: it is built with Go */
export async function startCertManager(plane: ControlPlane): Promise<CertManager | undefined> {
  const program = await findCertManager();
  if (program === undefined) return undefined;
  const removeCrds = await installForeignCrds(adminOf(plane), CERT_MANAGER);
  if (removeCrds === undefined) return undefined;
  const child = spawn(program, ['--kubeconfig', plane.kubeconfigPath], { stdio: ['ignore', 'pipe', 'pipe'] });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  return {
    output: () => output,
    async stop() {
      const ended = once(child, 'exit');
      if (child.exitCode === null && child.kill()) await ended;
      process.off('exit', kill);
      await removeCrds();
    },
  };
}
