// Runs a command in namespaces of its own, as on a node: mount, network, PID, UTS and IPC. One SIGKILL ends all of it.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { missingPackages } from './programs.ts';
import { cgroupOf, makeState, removeCgroups } from './remains.ts';

const PROCESS_ONE = fileURLToPath(new URL('process-one.sh', import.meta.url));
const NAMESPACES = ['--mount', '--net', '--pid', '--uts', '--ipc', '--fork', '--kill-child', '--mount-proc'];

/** Why there can be no node here, in one sentence; undefined: there can. */
export async function refusal(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'a node needs Linux and root: kubelet and containerd mount file systems and make cgroups';
  const missing = missingPackages();
  if (missing.length > 0)
    return `a node needs programs that are missing: apt-get install --no-install-recommends ${missing.join(' ')}`;
  const words = await whyNoNamespaces();
  if (words === undefined) return undefined;
  return `a node needs namespaces and cgroups of its own, which this machine does not let root make: ${words}`;
}

/** Sets a node up as ever, and ends it at once; nothing is left. @returns the last words of what failed */
async function whyNoNamespaces(): Promise<string | undefined> {
  const state = makeState();
  const cgroup = cgroupOf(process.pid);
  const options = { state, cgroup, address: '10.77.0.1', registries: [], env: process.env };
  try {
    // kube-proxy needs nftables.
    const [program, args] = commandOf(['nft', 'add', 'table', 'ip', 'e2e'], options);
    const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
    if (status === 0) return undefined;
    return (error?.message ?? stderr).trim().split('\n').at(-1) ?? '';
  } finally {
    await removeCgroups(cgroup);
    rmSync(state, { recursive: true, force: true });
  }
}

export interface NamespacesOptions {
  /** An empty folder. */
  readonly state: string;
  /** Name of the cgroup of all pods. */
  readonly cgroup: string;
  /** Of the node. */
  readonly address: string;
  /** Host names of its registries. */
  readonly registries: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** @returns `unshare`: its exit code is that of the command */
export function runInNamespaces(command: readonly string[], options: NamespacesOptions): ChildProcess {
  const [program, args] = commandOf(command, options);
  return spawn(program, args, { stdio: 'inherit', env: options.env });
}

/** It ends with this process, however that ends. */
function commandOf(
  command: readonly string[],
  { state, cgroup, address, registries }: NamespacesOptions,
): readonly [program: string, args: readonly string[]] {
  const args = [PROCESS_ONE, state, cgroup, address, registries.join(' '), ...command];
  return ['setpriv', ['--pdeathsig', 'KILL', 'unshare', ...NAMESPACES, 'bash', ...args]];
}
