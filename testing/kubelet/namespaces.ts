// Runs a command in namespaces of its own, as on a node: mount, network, PID, UTS and IPC. One SIGKILL ends all of it.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { missingPackages } from './programs.ts';
import { cgroupOf } from './remains.ts';

const PROCESS_ONE = fileURLToPath(new URL('process-one.sh', import.meta.url));
const NAMESPACES = ['--mount', '--net', '--pid', '--uts', '--ipc', '--fork', '--kill-child', '--mount-proc'];

/** Why there can be no node here, in one sentence; undefined: there can. */
export function refusal(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'a node needs Linux and root: kubelet and containerd mount file systems and make cgroups';
  const missing = missingPackages();
  if (missing.length > 0)
    return `a node needs programs that are missing: apt-get install --no-install-recommends ${missing.join(' ')}`;
  // What process-one.sh and the programs of a node do first; of the cgroup nothing is left.
  const cgroup = cgroupOf(process.pid);
  const script = [
    'set -e',
    'mount --make-rshared /',
    'ip link add e2e0 type veth peer name e2e1',
    'nft add table ip e2e',
    `for one in /sys/fs/cgroup/*/; do [ -f /sys/fs/cgroup/cgroup.controllers ] || { mkdir "$one"${cgroup}; rmdir "$one"${cgroup}; }; done`,
    `[ ! -f /sys/fs/cgroup/cgroup.controllers ] || { mkdir /sys/fs/cgroup/${cgroup}; rmdir /sys/fs/cgroup/${cgroup}; }`,
  ].join('\n');
  const tried = spawnSync('unshare', [...NAMESPACES, 'sh', '-c', script], { encoding: 'utf8' });
  if (tried.status === 0) return undefined;
  const words = tried.stderr.trim().split('\n').at(-1) ?? '';
  return `a node needs namespaces and cgroups of its own, which this machine does not let root make: ${words}`;
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
  const { state, cgroup, address, registries, env } = options;
  const args = [PROCESS_ONE, state, cgroup, address, registries.join(' '), ...command];
  // It ends with this process, however that ends.
  return spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', ...NAMESPACES, 'bash', ...args], {
    stdio: 'inherit',
    env,
  });
}
