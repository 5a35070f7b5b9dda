// Where Helm comes from: a variable, the path, the cache, a build from its Go module; in that order.

import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isProgram, programCache } from '../control-plane/binaries.ts';
import { acquireBuildLock } from '../control-plane/build-lock.ts';
import { findGo, runGo } from '../control-plane/go-build.ts';
import { createReport, type Report, runStep } from '../control-plane/progress.ts';

export type HelmMajor = 3 | 4;

/** Releases known to build with Go 1.26, and the variables that name another program. */
const HELMS: Readonly<Record<HelmMajor, { readonly version: string; readonly variable: string }>> = {
  4: { version: '4.3.1', variable: 'HELM' },
  3: { version: '3.22.0', variable: 'HELM3' },
};

export interface FindHelmOptions {
  /** Where progress of a build goes; default: standard error. Silent when all is at hand. */
  readonly report?: Report;
  /** Default: `process.env`. Read: HELM, HELM3, XDG_CACHE_HOME, PATH and what `go` reads. */
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Finds Helm of one major version, building it when it is missing (2 to 5 minutes on two cores, cold). Several processes
 * may ask at once: one builds, the others wait for it.
 *
 * @returns its path, or a name to be looked up on the PATH
 * @throws Error when a variable names something else than that Helm; when there is neither a Helm nor Go, in one sentence
 *         that names the ways out; when the build fails
 */
export async function findHelm(major: HelmMajor, options: FindHelmOptions = {}): Promise<string> {
  const env = options.env ?? process.env;
  const { version, variable } = HELMS[major];
  const named = env[variable];
  if (named) {
    const found = majorOf(named, env);
    if (found === major) return named;
    const what = found === undefined ? 'does not answer as Helm' : `is Helm ${found}`;
    throw new Error(`${variable}=${named} ${what}; name a program of Helm ${major} or unset it.`);
  }
  if (majorOf('helm', env) === major) return 'helm';
  const cached = join(programCache(env), 'helm', version, 'helm');
  if (!isProgram(cached)) await build(major, cached, env, options.report ?? createReport(process.stderr));
  return cached;
}

/** The major version that a program says it is; undefined when it is no Helm, or is not there. */
function majorOf(program: string, env: NodeJS.ProcessEnv): number | undefined {
  const { stdout } = spawnSync(program, ['version', '--short'], { env, encoding: 'utf8' });
  const major = /^v(\d+)\./u.exec(stdout ?? '')?.[1];
  return major === undefined ? undefined : Number(major);
}

async function build(major: HelmMajor, into: string, env: NodeJS.ProcessEnv, report: Report): Promise<void> {
  const { version, variable } = HELMS[major];
  if (!(await findGo(env))) {
    throw new Error(
      `Cannot find Helm ${major}: put it on the path, or name it in ${variable}, or install Go 1.25 or newer to build it.`,
    );
  }
  const folder = join(into, '..');
  mkdirSync(folder, { recursive: true });
  const release = await acquireBuildLock(`${folder}.lock`, report);
  const work = `${folder}.building-${process.pid}`;
  try {
    if (isProgram(into)) return;
    mkdirSync(work, { recursive: true });
    await runStep(report, `building helm ${version} with go`, async (showDetail) => {
      const module = `helm.sh/helm/v${major}`;
      let packages = 0;
      // -v: one line per package that is compiled.
      await runGo(
        ['install', '-trimpath', '-v', '-ldflags', linkerFlags(module, version), `${module}/cmd/helm@v${version}`],
        {
          cwd: work,
          env: { ...env, GOBIN: work },
          onLine: (line) => {
            if (!line.includes(' ')) packages += 1;
            showDetail(`${packages} packages, ${line}`);
          },
        },
      );
    });
    renameSync(join(work, 'helm'), into);
  } finally {
    rmSync(work, { recursive: true, force: true });
    release();
  }
}

/** Without symbols it is a third smaller, and it says its version, which `go install` alone does not make it do. */
function linkerFlags(module: string, version: string): string {
  return `-s -w -X ${module}/internal/version.version=v${version}`;
}
