// Finds a program that tests or the demo run: a variable, the path, the cache, its release, a build from its Go module;
// in that order. Nothing unverified and nothing incomplete ever gets into the cache.

import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { arch as machineArch, platform as machinePlatform } from 'node:os';
import { join } from 'node:path';
import { isProgram, programCache } from '../control-plane/binaries.ts';
import {
  FIRST_ANSWER_MS,
  fetchFile,
  fetchText,
  goArch,
  parseChecksum,
  unpack,
} from '../control-plane/binary-download.ts';
import { acquireBuildLock } from '../control-plane/build-lock.ts';
import { findGo, runGo } from '../control-plane/go-build.ts';
import { createReport, type Report, runStep } from '../control-plane/progress.ts';

/** A release as a .tar.gz file beside a list of SHA-256 checksums. */
export interface ReleaseArchive {
  readonly url: string;
  /** URL of its checksum: alone, or in lines of `<checksum>  <file>`. */
  readonly checksums: string;
  /** Path of the program inside. */
  readonly member: string;
}

export interface Tool {
  /** Name of the program. */
  readonly program: string;
  /** Its name in sentences. */
  readonly title: string;
  /** A release known to build with Go 1.26. */
  readonly version: string;
  /** Variable that names another program. */
  readonly variable: string;
  /**
   * Arguments that print its version, and what is wrong with that version, to follow its name; undefined for nothing.
   */
  readonly versionArgs: readonly string[];
  readonly complaint: (says: string) => string | undefined;
  /** A published package, or the files of a module of this repository, by name. */
  readonly source: string | Readonly<Record<string, string>>;
  readonly linkerFlags: string;
  /** @param os, arch  in Go's words; undefined when there is no release for them */
  readonly archive: (os: string, arch: string) => ReleaseArchive | undefined;
}

export interface FindToolOptions {
  /** Receives progress of a download or a build; default: standard error. Silent when nothing is missing. */
  readonly report?: Report;
  /** Default: `process.env`. Read: the tool's variable, XDG_CACHE_HOME, PATH and what `go` reads. */
  readonly env?: NodeJS.ProcessEnv;
}

/** A tool cannot be found or made; the message names the remedies. */
export class MissingToolError extends Error {
  override readonly name = 'MissingToolError';
}

/**
 * Finds a tool. Several processes may ask at once: one obtains it, the others wait.
 *
 * @returns its path, or a name to be looked up on the PATH
 * @throws MissingToolError when it cannot be had; Error when the variable names something else, or the build fails
 */
export async function findTool(tool: Tool, options: FindToolOptions = {}): Promise<string> {
  const env = options.env ?? process.env;
  const named = env[tool.variable];
  if (named) {
    const complaint = tool.complaint(sayingOf(tool, named, env));
    if (complaint === undefined) return named;
    throw new Error(`${tool.variable}=${named} ${complaint}; name a program of ${tool.title} or unset it.`);
  }
  if (tool.complaint(sayingOf(tool, tool.program, env)) === undefined) return tool.program;
  const cached = join(programCache(env), tool.program, tool.version, tool.program);
  if (!isProgram(cached)) await obtain(tool, cached, env, options.report ?? createReport(process.stderr));
  return cached;
}

/** A program's version output; empty when there is none, or no program. */
function sayingOf({ versionArgs }: Tool, program: string, env: NodeJS.ProcessEnv): string {
  return spawnSync(program, versionArgs, { env, encoding: 'utf8' }).stdout ?? '';
}

async function obtain(tool: Tool, into: string, env: NodeJS.ProcessEnv, report: Report): Promise<void> {
  const folder = join(into, '..');
  mkdirSync(folder, { recursive: true });
  const release = await acquireBuildLock(`${folder}.lock`, report);
  const work = `${folder}.building-${process.pid}`;
  try {
    if (isProgram(into)) return;
    mkdirSync(work, { recursive: true });
    if (!(await download(tool, work, report))) await build(tool, work, env, report);
    renameSync(join(work, tool.program), into);
  } finally {
    rmSync(work, { recursive: true, force: true });
    release();
  }
}

/** @returns false when nothing usable is available: no internet, no such release, a checksum that does not match */
async function download({ program, archive }: Tool, work: string, report: Report): Promise<boolean> {
  const found = archive(machinePlatform(), goArch(machineArch()));
  if (!found) return false;
  try {
    const text = await fetchText(found.checksums, FIRST_ANSWER_MS);
    const checksum = parseChecksum(text ?? '', found.url.split('/').at(-1) ?? '');
    if (checksum === undefined) return false;
    const file = join(work, 'archive.tar.gz');
    await fetchFile({ url: found.url, algorithm: 'sha256', checksum }, file, report);
    await unpack(file, work, { strip: found.member.split('/').length - 1, members: [found.member] });
    return isProgram(join(work, program));
  } catch {
    return false;
  }
}

async function build(tool: Tool, work: string, env: NodeJS.ProcessEnv, report: Report): Promise<void> {
  const { title, program, version, variable, linkerFlags, source } = tool;
  if (!(await findGo(env))) {
    throw new MissingToolError(
      `Cannot find ${title}: put ${program} on the path, or name it in ${variable}, or install Go 1.25 or newer to build it, or get internet access to download it.`,
    );
  }
  await runStep(report, `building ${program} ${version} with go`, async (showDetail) => {
    let packages = 0;
    // -v: one line per compiled package.
    const flags = ['-trimpath', '-v', '-ldflags', `-s -w ${linkerFlags}`];
    if (typeof source !== 'string')
      for (const [file, text] of Object.entries(source)) writeFileSync(join(work, file), text);
    // -mod=mod: go computes go.sum and the indirect requirements.
    const args =
      typeof source === 'string'
        ? ['install', ...flags, `${source}@v${version}`]
        : ['build', '-mod=mod', ...flags, '-o', program, '.'];
    await runGo(args, {
      cwd: work,
      env: { ...env, GOBIN: work },
      onLine: (line) => {
        if (!line.includes(' ')) packages += 1;
        showDetail(`${packages} packages, ${line}`);
      },
    });
  });
}
