// Fetches release builds of the programs and verifies their checksums; nothing unverified is ever left behind.
// Being offline is not an error here: it costs three seconds at most, and nothing is fetched.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, createWriteStream, renameSync, rmSync } from 'node:fs';
import { arch as machineArch, platform as machinePlatform } from 'node:os';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parse as parseYaml } from 'yaml';
import type { BinaryName, BinaryRequest } from './binary-request.ts';
import { type Report, runStep } from './progress.ts';

/** URLs of the releases; without a slash at the end. Tests name a server on loopback. */
export interface ReleaseSites {
  /** The index of envtest archives with their checksums. */
  readonly envtestIndex: string;
  readonly kubernetes: string;
  readonly etcd: string;
}

/** Sources: book.kubebuilder.io (envtest), kubernetes.io/releases/download, github.com/etcd-io/etcd/releases. */
export const PUBLIC_RELEASES: ReleaseSites = {
  envtestIndex: 'https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml',
  kubernetes: 'https://dl.k8s.io/release',
  etcd: 'https://github.com/etcd-io/etcd/releases/download',
};

/** The first answer must come within this, else the machine counts as offline. */
export const FIRST_ANSWER_MS = 3_000;

/** Time for the headers of a later answer, redirects included. */
const ANSWER_MS = 15_000;

/** An archive of 100 MB at 3 Mbit/s takes 5 minutes; beyond that, a build is no slower. */
const BODY_MS = 300_000;

/** One file to fetch. */
export interface Download {
  readonly url: string;
  readonly algorithm: 'sha256' | 'sha512';
  /** Lower-case hexadecimal. */
  readonly checksum: string;
}

/**
 * Downloads what it can of the wanted programs into `request.into`; the others are absent afterwards.
 *
 * kube-apiserver and etcd: the envtest archive of the release, when there is one (not every patch release has one);
 * else, on Linux, the Kubernetes and etcd releases. kube-controller-manager: the Kubernetes release, on Linux.
 * A mismatched checksum is reported, and the file deleted.
 */
export async function downloadBinaries(request: BinaryRequest, sites: ReleaseSites): Promise<void> {
  let index: string | undefined;
  try {
    index = await fetchText(sites.envtestIndex, FIRST_ANSWER_MS);
  } catch {
    return;
  }
  const target = { os: machinePlatform(), arch: goArch(machineArch()) };
  const left = new Set(request.wanted);
  const attempt = async (step: () => Promise<readonly BinaryName[]>): Promise<void> => {
    try {
      for (const name of await step()) left.delete(name);
    } catch (error) {
      request.report({ state: 'note', text: `Download given up: ${describe(error)}`, elapsedMs: 0 });
    }
  };
  const envtest = index === undefined ? undefined : findEnvtestArchive(index, request.version, target);
  if (envtest && (left.has('kube-apiserver') || left.has('etcd'))) {
    await attempt(async () => await unpackEnvtest(request, envtest, [...left]));
  }
  if (target.os !== 'linux') return;
  for (const name of left) {
    await attempt(async () => {
      const done =
        name === 'etcd' ? fetchEtcd(request, sites, target.arch) : fetchKubernetes(request, sites, name, target.arch);
      return (await done) ? [name] : [];
    });
  }
}

/**
 * Finds the archive for one release and machine in the text of envtest-releases.yaml
 * (`releases: {v1.2.3: {<archive>: {hash, selfLink}}}`, hash: SHA-512); undefined when there is none.
 */
export function findEnvtestArchive(
  index: string,
  version: string,
  target: { readonly os: string; readonly arch: string },
): Download | undefined {
  type Index = { releases?: Record<string, Record<string, { hash?: string; selfLink?: string }>> };
  const release = (parseYaml(index) as Index | null)?.releases?.[`v${version}`];
  const entry = release?.[`envtest-v${version}-${target.os}-${target.arch}.tar.gz`];
  if (!entry?.hash || !entry.selfLink) return undefined;
  return { url: entry.selfLink, algorithm: 'sha512', checksum: entry.hash.toLowerCase() };
}

/**
 * Reads a checksum file: either a bare checksum, or lines of `<checksum>  <file>`.
 * @returns lower-case hexadecimal, or undefined when `file` is not in it
 */
export function parseChecksum(text: string, file: string): string | undefined {
  for (const line of text.split('\n')) {
    const [checksum, name] = line.trim().split(/\s+\*?/u);
    if (checksum && /^[0-9a-f]{64,128}$/iu.test(checksum) && (name === undefined || name === file)) {
      return checksum.toLowerCase();
    }
  }
  return undefined;
}

async function unpackEnvtest(
  request: BinaryRequest,
  archive: Download,
  left: readonly BinaryName[],
): Promise<readonly BinaryName[]> {
  const names = left.filter((name) => name !== 'kube-controller-manager');
  const file = join(request.into, 'envtest.tar.gz');
  await fetchFile(archive, file, request.report);
  // Inside, everything is under controller-tools/envtest/.
  const members = names.map((name) => `controller-tools/envtest/${name}`);
  await unpack(file, request.into, { strip: 2, members });
  return names;
}

async function fetchKubernetes(
  request: BinaryRequest,
  sites: ReleaseSites,
  name: BinaryName,
  arch: string,
): Promise<boolean> {
  const url = `${sites.kubernetes}/v${request.version}/bin/linux/${arch}/${name}`;
  const checksum = parseChecksum((await fetchText(`${url}.sha512`, ANSWER_MS)) ?? '', name);
  if (!checksum) return false;
  // Executable last: a program only counts once it is.
  const part = join(request.into, `${name}.part`);
  await fetchFile({ url, algorithm: 'sha512', checksum }, part, request.report);
  chmodSync(part, 0o755);
  renameSync(part, join(request.into, name));
  return true;
}

async function fetchEtcd(request: BinaryRequest, sites: ReleaseSites, arch: string): Promise<boolean> {
  const folder = `etcd-v${request.etcdVersion}-linux-${arch}`;
  const release = `${sites.etcd}/v${request.etcdVersion}`;
  const checksum = parseChecksum((await fetchText(`${release}/SHA256SUMS`, ANSWER_MS)) ?? '', `${folder}.tar.gz`);
  if (!checksum) return false;
  const file = join(request.into, 'etcd.tar.gz');
  await fetchFile({ url: `${release}/${folder}.tar.gz`, algorithm: 'sha256', checksum }, file, request.report);
  await unpack(file, request.into, { strip: 1, members: [`${folder}/etcd`] });
  return true;
}

/** The body of a page, or undefined when the server says that there is none. Throws when no server answers in time. */
export async function fetchText(url: string, timeLimitMs: number): Promise<string | undefined> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeLimitMs) });
  const text = await response.text();
  return response.ok ? text : undefined;
}

/** @throws Error when it is unavailable, or its checksum does not match; then there is no file */
export async function fetchFile(download: Download, file: string, report: Report): Promise<void> {
  await runStep(report, `downloading ${download.url}`, async (showDetail) => {
    const response = await fetch(download.url, { signal: AbortSignal.timeout(BODY_MS) });
    if (!response.ok || !response.body) throw new Error(`${download.url} answered ${response.status}.`);
    const total = Number(response.headers.get('content-length') ?? 0);
    const hash = createHash(download.algorithm);
    let received = 0;
    const meter = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        received += chunk.length;
        showDetail(`${formatMegabytes(received)}${total > 0 ? ` of ${formatMegabytes(total)}` : ''} MB`);
        done(null, chunk);
      },
    });
    await pipeline(Readable.fromWeb(response.body), meter, createWriteStream(file));
    if (hash.digest('hex') !== download.checksum) {
      rmSync(file, { force: true });
      throw new Error(`the ${download.algorithm} checksum of ${download.url} does not fit.`);
    }
  });
}

/** Extracts `members` from a .tar.gz file, which is removed. */
export async function unpack(
  file: string,
  into: string,
  what: { readonly strip: number; readonly members: readonly string[] },
): Promise<void> {
  const args = ['-xzf', file, '-C', into, `--strip-components=${what.strip}`, ...what.members];
  const child = spawn('tar', args, { stdio: 'ignore' });
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  rmSync(file, { force: true });
  if (code !== 0) throw new Error(`tar could not unpack ${file}.`);
}

/** Node's name of a processor -> Go's. */
export function goArch(arch: string): string {
  return arch === 'x64' ? 'amd64' : arch;
}

function formatMegabytes(bytes: number): string {
  return String(Math.round(bytes / 1e6));
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
