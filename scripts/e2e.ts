// The stories of test/e2e on a real node: kubelet, containerd and kube-proxy in namespaces of their own, tests included.
// Needs Linux and root; nothing of the machine is changed, and SIGKILL of `unshare` ends all of it.
//   node scripts/e2e.ts [FILE...]

import { spawn } from 'node:child_process';
import {
  existsSync,
  globSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findControlPlaneBinaries } from '../testing/control-plane/binaries.ts';
import { isAlive } from '../testing/control-plane/build-lock.ts';
import { createReport } from '../testing/control-plane/progress.ts';
import { type Inside, REGIONS, registryOf } from '../testing/kubelet/cluster.ts';
import { findNodePrograms, missingPackages } from '../testing/kubelet/programs.ts';
import { findHelm } from '../testing/tools/helm/find-helm.ts';

const STORIES = 'test/e2e/*.test.ts';
/** Beginnings of names: what is left of a killed run is known by them. */
const STATE = 'ecr-e2e-';
const CGROUP = 'ecr-e2e-';
const ADDRESS = '10.77.0.1';
const CGROUPS = '/sys/fs/cgroup';
const BUNDLE = resolve('dist/kube-ecr-secrets-operator.cjs');

function refusal(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'make e2e needs Linux and root: kubelet and containerd mount file systems and make cgroups';
  const missing = missingPackages();
  if (missing.length === 0) return undefined;
  return `make e2e needs programs that are missing: apt-get install --no-install-recommends ${missing.join(' ')}`;
}

/** Removes what runs that were killed have left: their folders, and the empty cgroups of their pods. */
export function removeRemains(): void {
  for (const name of readdirSync(tmpdir()).filter((one) => one.startsWith(STATE))) {
    const folder = join(tmpdir(), name);
    const owner = Number(existsSync(join(folder, 'owner')) ? readFileSync(join(folder, 'owner'), 'utf8') : 0);
    if (owner === 0 || !isAlive(owner)) rmSync(folder, { recursive: true, force: true });
  }
  const hierarchies = [CGROUPS, ...readdirSync(CGROUPS).map((name) => join(CGROUPS, name))];
  for (const hierarchy of hierarchies) {
    const groups = listing(hierarchy).filter(
      (name) => name.startsWith(CGROUP) && !isAlive(Number(name.split('-').at(-1))),
    );
    for (const group of groups) removeCgroup(join(hierarchy, group));
  }
}

function listing(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? entry.name : []));
  } catch {
    return [];
  }
}

/** Its files go with it; a cgroup that still has processes stays. */
function removeCgroup(folder: string): void {
  for (const inner of listing(folder)) removeCgroup(join(folder, inner));
  try {
    rmdirSync(folder);
  } catch {
    // Its processes are not reaped yet; the next run removes it.
  }
}

async function main(files: readonly string[]): Promise<number> {
  const refused = refusal();
  if (refused !== undefined) {
    console.error(refused);
    return 2;
  }
  removeRemains();
  const report = createReport(process.stderr);
  await findControlPlaneBinaries(undefined, { report, controllerManager: true });
  await findNodePrograms(report);
  await findHelm(4, { report });

  const state = mkdtempSync(join(realpathSync(tmpdir()), STATE));
  writeFileSync(join(state, 'owner'), String(process.pid));
  const inside: Inside = { state, cgroup: `${CGROUP}${process.pid}`, address: ADDRESS, bundle: BUNDLE };
  const registries = REGIONS.map(registryOf).join(' ');
  const tests = ['node', 'scripts/test.ts', ...(files.length > 0 ? files : globSync(STORIES).toSorted())];
  const namespaces = ['--mount', '--net', '--pid', '--uts', '--ipc', '--fork', '--kill-child', '--mount-proc'];
  const command = ['bash', 'testing/kubelet/process-one.sh', state, inside.cgroup, ADDRESS, registries, ...tests];
  const child = spawn('unshare', [...namespaces, ...command], {
    stdio: 'inherit',
    env: { ...process.env, E2E_INSIDE: JSON.stringify(inside) },
  });
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => child.kill('SIGKILL'));
  const code = await new Promise<number>((resolve) => {
    child.on('error', () => resolve(1));
    child.on('exit', (status) => resolve(status ?? 1));
  });
  if (code === 0) rmSync(state, { recursive: true, force: true });
  else console.error(`logs of kubelet, containerd and the API server: ${state} (the next run removes them)`);
  rmSync(join(state, 'owner'), { force: true });
  await settled(inside.cgroup);
  return code;
}

/** Cgroups can be removed once the processes of the pods are reaped. */
async function settled(cgroup: string): Promise<void> {
  for (let look = 0; look < 100; look += 1) {
    const places = [CGROUPS, ...listing(CGROUPS).map((name) => join(CGROUPS, name))].map((one) => join(one, cgroup));
    for (const place of places.filter((one) => existsSync(one))) removeCgroup(place);
    if (!places.some((one) => existsSync(one))) return;
    await new Promise((resolve) => void setTimeout(resolve, 50));
  }
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
