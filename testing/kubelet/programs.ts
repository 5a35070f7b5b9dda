// The programs of a node: from the cache, or built from their Go modules; runc, the CNI plugins and nftables are the
// system's.

import { accessSync, constants, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_VERSION, isProgram, programCache } from '../control-plane/binaries.ts';
import { acquireBuildLock } from '../control-plane/build-lock.ts';
import { fetchModuleFile, findGo, makeKubernetesModule, runGo } from '../control-plane/go-build.ts';
import { type Report, runStep } from '../control-plane/progress.ts';

/** A release known to build with Go 1.26, and to work with runc 1.1. */
export const CONTAINERD_VERSION = '2.4.2';

const KUBERNETES = ['kubelet', 'kube-scheduler', 'kube-proxy'] as const;
const CONTAINERD = ['containerd', 'containerd-shim-runc-v2', 'ctr'] as const;
const WAIT = 'wait';
const ALL = [...KUBERNETES, ...CONTAINERD, WAIT] as const;
type NodeProgram = (typeof ALL)[number];

/** What must be on the machine, and the package of Debian and Ubuntu that has it. */
const OF_THE_SYSTEM: Readonly<Record<string, readonly string[]>> = {
  runc: ['/usr/sbin/runc', '/usr/bin/runc'],
  'containernetworking-plugins': ['/usr/lib/cni/bridge', '/opt/cni/bin/bridge'],
  nftables: ['/usr/sbin/nft', '/sbin/nft'],
  iproute2: ['/usr/sbin/ip', '/sbin/ip', '/usr/bin/ip'],
  'util-linux': ['/usr/bin/unshare'],
};

export interface NodePrograms {
  /** Folder that holds kubelet, containerd and the others, under their names. */
  readonly folder: string;
  readonly runc: string;
  /** Folder of the CNI plugins. */
  readonly cni: string;
}

/** Names of the system's packages that are missing; empty when all is there. */
export function missingPackages(): readonly string[] {
  return Object.entries(OF_THE_SYSTEM)
    .filter(([, places]) => placeOf(places) === undefined)
    .map(([name]) => name);
}

function placeOf(places: readonly string[]): string | undefined {
  return places.find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Finds or builds them. Cold, on two cores: 4 to 7 minutes, or 2 to 5 where the control plane was built before, since
 * the module file is the same. Several processes may ask at once: one builds, the others wait.
 *
 * @throws Error when there is no Go, or a build fails (with the last 20 lines of its output)
 */
export async function findNodePrograms(report: Report, env: NodeJS.ProcessEnv = process.env): Promise<NodePrograms> {
  const folder = join(programCache(env), 'node', `${DEFAULT_VERSION}-${CONTAINERD_VERSION}`);
  const isThere = (name: NodeProgram): boolean => isProgram(join(folder, name));
  if (!ALL.every(isThere)) {
    mkdirSync(folder, { recursive: true });
    const release = await acquireBuildLock(`${folder}.lock`, report);
    const work = `${folder}.building-${process.pid}`;
    try {
      mkdirSync(work, { recursive: true });
      for (const name of ALL) if (!isThere(name)) await build(name, { work, folder, env, report });
    } finally {
      rmSync(work, { recursive: true, force: true });
      release();
    }
  }
  const plugin = placeOf(OF_THE_SYSTEM['containernetworking-plugins'] ?? []) ?? '';
  return { folder, runc: placeOf(OF_THE_SYSTEM['runc'] ?? []) ?? '', cni: join(plugin, '..') };
}

interface Build {
  readonly work: string;
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly report: Report;
}

/** Puts the program into `folder` once it is whole. */
async function build(name: NodeProgram, { work, folder, env, report }: Build): Promise<void> {
  if (!(await findGo(env)))
    throw new Error(`Cannot build ${name}: install Go 1.25 or newer, or put the programs of a node into ${folder}.`);
  await runStep(report, `building ${name} with go`, async (showDetail) => {
    const cwd = join(work, name);
    mkdirSync(cwd, { recursive: true });
    const { files, source, flags } = await recipeOf(name, { env, into: work }, showDetail);
    for (const [file, text] of Object.entries(files)) writeFileSync(join(cwd, file), text);
    let packages = 0;
    await runGo(['build', '-mod=mod', '-trimpath', '-v', ...flags, '-o', 'program', source], {
      cwd,
      env,
      onLine(line) {
        if (!line.includes(' ')) packages += 1;
        showDetail(packages > 0 ? `${packages} packages, ${line}` : line);
      },
    });
    renameSync(join(cwd, 'program'), join(folder, name));
  });
}

interface Recipe {
  readonly files: Readonly<Record<string, string>>;
  /** The package to build. */
  readonly source: string;
  readonly flags: readonly string[];
}

async function recipeOf(
  name: NodeProgram,
  where: { readonly env: NodeJS.ProcessEnv; readonly into: string },
  showDetail: (detail: string) => void,
): Promise<Recipe> {
  if (name === WAIT) {
    const main = readFileSync(new URL('wait.go', import.meta.url), 'utf8');
    return {
      files: { 'go.mod': 'module wait\ngo 1.25\n', 'main.go': main },
      source: '.',
      flags: ['-ldflags', '-s -w'],
    };
  }
  const isKubernetes = KUBERNETES.some((one) => one === name);
  const module = isKubernetes ? 'k8s.io/kubernetes' : 'github.com/containerd/containerd/v2';
  const version = isKubernetes ? DEFAULT_VERSION : CONTAINERD_VERSION;
  const upstream = await fetchModuleFile(where, `${module}@v${version}`, showDetail);
  const goMod = isKubernetes
    ? makeKubernetesModule(version, upstream)
    : `module containerd\ngo ${upstream.Go}\nrequire ${module} v${version}\n`;
  const variable = isKubernetes ? 'k8s.io/component-base/version.gitVersion' : `${module}/version.Version`;
  // Snapshotters of file systems that need libraries, or that nobody has here.
  const tags = isKubernetes ? [] : ['-tags', 'no_btrfs no_devmapper no_zfs'];
  const flags = [...tags, '-ldflags', `-s -w -X ${variable}=v${version}`];
  return { files: { 'go.mod': goMod }, source: `${module}/cmd/${name}`, flags };
}
