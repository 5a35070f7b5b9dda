// Where the three programs of a control plane come from: a given folder, the cache, a download, a build; in that order.
// It never starts them, and never leaves a half-made file in the cache.

import { accessSync, constants, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { downloadBinaries, PUBLIC_RELEASES, type ReleaseSites } from './binary-download.ts';
import { BINARY_NAMES, type BinaryName, type BinaryRequest } from './binary-request.ts';
import { acquireBuildLock, isAlive } from './build-lock.ts';
import { buildBinaries, findGo } from './go-build.ts';
import { createReport, type Report } from './progress.ts';

/** The Kubernetes release used when none is named. */
export const DEFAULT_VERSION = '1.37.2';

/** Releases known to build with Go 1.26 and to start; any other x.y.z is tried all the same. */
export const SUPPORTED_VERSIONS: readonly string[] = ['1.37.2', '1.36.3', '1.35.4'];

/** The etcd built for every release. When an envtest archive is downloaded, its own etcd is used instead. */
export const ETCD_VERSION = '3.7.3';

/** The release that KUBERNETES_VERSION names, else the default one. */
export function wantedVersion(env: NodeJS.ProcessEnv = process.env): string {
  return env['KUBERNETES_VERSION'] || DEFAULT_VERSION;
}

/** Absolute paths. The controller manager is absent only when it was not requested. */
export interface ControlPlaneBinaries {
  readonly kubeApiserver: string;
  readonly etcd: string;
  readonly kubeControllerManager?: string;
}

export interface FindBinariesOptions {
  /** Receives progress of a download or a build; default: standard error. Silent when nothing is missing. */
  readonly report?: Report;
  /** Whether kube-controller-manager is wanted too (its build takes minutes); default true. */
  readonly controllerManager?: boolean;
  /** Default: `process.env`. Read: KUBEBUILDER_ASSETS, XDG_CACHE_HOME, PATH and what `go` reads. */
  readonly env?: NodeJS.ProcessEnv;
  /** Default: the public release sites. */
  readonly sites?: ReleaseSites;
}

/**
 * Finds the programs of one Kubernetes release, downloading or building what is missing.
 *
 * Order: the folder KUBEBUILDER_ASSETS (whatever release it holds); the cache; release archives (given up within 3 s
 * when there is no internet); `go build` (4 to 11 minutes on two cores, cold). Several processes may ask at once:
 * one builds, the others wait for it.
 *
 * @param version  `x.y.z`, without a `v`
 * @throws Error when `version` has another form; when a program cannot be found or made (one sentence that names the
 *         remedies; when a build failed, the last 20 lines of its output below)
 */
export async function findControlPlaneBinaries(
  version: string = DEFAULT_VERSION,
  options: FindBinariesOptions = {},
): Promise<ControlPlaneBinaries> {
  if (!/^\d+\.\d+\.\d+$/u.test(version)) throw new Error(`Kubernetes version "${version}" is not of the form 1.2.3.`);
  const env = options.env ?? process.env;
  const manage = options.controllerManager ?? true;
  const names = BINARY_NAMES.filter((name) => manage || name !== 'kube-controller-manager');

  const cache = cacheFolder(version, env);
  const folders = env.KUBEBUILDER_ASSETS ? [resolve(env.KUBEBUILDER_ASSETS), cache] : [cache];
  if (missing(names, folders).length > 0) {
    await fillCache(names, folders, {
      version,
      etcdVersion: ETCD_VERSION,
      env,
      report: options.report ?? createReport(process.stderr),
      sites: options.sites ?? PUBLIC_RELEASES,
    });
  }
  const path = (name: BinaryName): string =>
    join(folders.find((folder) => isProgram(join(folder, name))) ?? cache, name);
  return {
    kubeApiserver: path('kube-apiserver'),
    etcd: path('etcd'),
    ...(manage && { kubeControllerManager: path('kube-controller-manager') }),
  };
}

/** The folder that keeps the programs of one release between runs. */
export function cacheFolder(version: string, env: NodeJS.ProcessEnv = process.env): string {
  return join(programCache(env), 'control-plane', version);
}

/** The folder that keeps every program of tests between runs: `$XDG_CACHE_HOME` or `~/.cache`, and below. */
export function programCache(env: NodeJS.ProcessEnv): string {
  const home = env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache');
  return resolve(home, 'kube-ecr-secrets-operator');
}

/** One sentence for a missing program, and below it why an attempted build failed. */
function explainMissing(version: string, names: readonly BinaryName[], cause: unknown): string {
  return (
    `Cannot find ${names.join(', ')} for Kubernetes ${version}: set KUBEBUILDER_ASSETS to a folder that holds ` +
    'kube-apiserver and etcd, or install Go 1.25 or newer to build them, or get internet access to download them.' +
    (cause instanceof Error ? `\n${cause.message}` : '')
  );
}

type CacheRequest = Omit<BinaryRequest, 'wanted' | 'into'> & { readonly sites: ReleaseSites };

async function fillCache(
  names: readonly BinaryName[],
  folders: readonly string[],
  request: CacheRequest,
): Promise<void> {
  const cache = cacheFolder(request.version, request.env);
  mkdirSync(cache, { recursive: true });
  const release = await acquireBuildLock(`${cache}.lock`, request.report);
  const into = `${cache}.building-${process.pid}`;
  try {
    removeAbandoned(cache);
    mkdirSync(into, { recursive: true });
    const obtain = async (source: (request: BinaryRequest) => Promise<void>): Promise<readonly BinaryName[]> => {
      const wanted = missing(names, folders);
      try {
        if (wanted.length > 0) await source({ ...request, wanted, into });
      } finally {
        moveFinished(into, cache);
      }
      return missing(names, folders);
    };
    let left = await obtain(async (wanted) => await downloadBinaries(wanted, request.sites));
    if (left.length === 0) return;
    let cause: unknown;
    if (await findGo(request.env)) {
      left = await obtain(buildBinaries).catch((error: unknown) => {
        cause = error;
        return missing(names, folders);
      });
    }
    if (left.length > 0) throw new Error(explainMissing(request.version, left, cause), { cause });
  } finally {
    rmSync(into, { recursive: true, force: true });
    release();
  }
}

/** A rename is atomic, so the cache only ever holds whole programs, even if two processes get here at once. */
function moveFinished(from: string, cache: string): void {
  for (const name of readdirSync(from)) {
    const isDone = BINARY_NAMES.some((known) => known === name) && isProgram(join(from, name));
    if (isDone) renameSync(join(from, name), join(cache, name));
  }
}

/** Removes the work folders of processes that were killed while they built. */
function removeAbandoned(cache: string): void {
  const parent = resolve(cache, '..');
  for (const entry of readdirSync(parent)) {
    const pid = /\.building-(?<pid>\d+)$/u.exec(entry)?.groups?.pid;
    if (pid && !isAlive(Number(pid))) rmSync(join(parent, entry), { recursive: true, force: true });
  }
}

function missing(names: readonly BinaryName[], folders: readonly string[]): readonly BinaryName[] {
  return names.filter((name) => !folders.some((folder) => isProgram(join(folder, name))));
}

/** Whether the file exists and is executable. */
export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
