// Builds the programs from Go modules with the `go` command, in a folder of its own.
// It fetches only through `go`, and never touches the cache of finished programs.

import { spawn } from 'node:child_process';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { BinaryName, BinaryRequest } from './binary-request.ts';
import { runStep } from './progress.ts';

/** Lines of output kept for the message of a failed command. */
const KEPT_LINES = 20;

/** The output of `go mod edit -json` for a go.mod file, as far as it is used here. */
export interface ModuleFile {
  readonly Go: string;
  readonly Require?: readonly { readonly Path: string }[] | null;
  readonly Replace?:
    | readonly { readonly Old: { readonly Path: string }; readonly New: { readonly Path: string } }[]
    | null;
}

/** The version of the `go` command on the PATH ("go1.26.8"), or undefined when there is none. */
export async function findGo(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  return await runGo(['env', 'GOVERSION'], { cwd: '/', env }).then(
    (output) => output.trim(),
    () => undefined,
  );
}

/**
 * Builds each wanted program and puts it into `request.into`.
 * Cold, on two cores: 3 to 6 minutes for kube-apiserver, 1 to 3 for kube-controller-manager, 1 for etcd.
 * @throws Error with the last 20 lines of output when `go` fails
 */
export async function buildBinaries(request: BinaryRequest): Promise<void> {
  for (const name of request.wanted) {
    await (name === 'etcd' ? buildEtcd(request) : buildKubernetes(request, name));
  }
}

/**
 * The go.mod text of a module that can build the commands of k8s.io/kubernetes.
 * Its own go.mod names the staging modules by folder; here the same modules are taken at the release that goes with it:
 * v0.37.2 for v1.37.2. Requiring them too keeps their true versions in the program's build information; only those that
 * Kubernetes itself requires, since the others (samples) need not even be published.
 */
export function makeKubernetesModule(version: string, upstream: ModuleFile): string {
  const required = new Set(upstream.Require?.map((line) => line.Path));
  const staging = (upstream.Replace ?? [])
    .filter((line) => line.New.Path.startsWith('./staging/'))
    .map((line) => line.Old.Path);
  const at = version.replace(/^\d+\./u, 'v0.');
  return [
    'module control-plane',
    `go ${upstream.Go}`,
    `require k8s.io/kubernetes v${version}`,
    ...staging.filter((path) => required.has(path)).map((path) => `require ${path} ${at}`),
    ...staging.map((path) => `replace ${path} => ${path} ${at}`),
    '',
  ].join('\n');
}

/** The go.mod text of a module whose only command is etcd. */
export function makeEtcdModule(version: string, upstream: ModuleFile): string {
  return `module etcd\ngo ${upstream.Go}\nrequire go.etcd.io/etcd/server/v3 v${version}\n`;
}

async function buildKubernetes(request: BinaryRequest, name: BinaryName): Promise<void> {
  const { version } = request;
  await runStep(request.report, `building ${name} ${version} with go`, async (showDetail) => {
    const upstream = await fetchModuleFile(request, `k8s.io/kubernetes@v${version}`, showDetail);
    const ldflags = `-s -w -X k8s.io/component-base/version.gitVersion=v${version}`;
    await build(request, {
      files: { 'go.mod': makeKubernetesModule(version, upstream) },
      args: ['-ldflags', ldflags, '-o', name, `k8s.io/kubernetes/cmd/${name}`],
      name,
      showDetail,
    });
  });
}

async function buildEtcd(request: BinaryRequest): Promise<void> {
  const { etcdVersion } = request;
  await runStep(request.report, `building etcd ${etcdVersion} with go`, async (showDetail) => {
    const upstream = await fetchModuleFile(request, `go.etcd.io/etcd/server/v3@v${etcdVersion}`, showDetail);
    const main =
      'package main\n\nimport (\n\t"os"\n\n\t"go.etcd.io/etcd/server/v3/etcdmain"\n)\n\nfunc main() { etcdmain.Main(os.Args) }\n';
    await build(request, {
      files: { 'go.mod': makeEtcdModule(etcdVersion, upstream), 'main.go': main },
      args: ['-ldflags', '-s -w', '-o', 'etcd', '.'],
      name: 'etcd',
      showDetail,
    });
  });
}

interface BuildInput {
  readonly files: Readonly<Record<string, string>>;
  readonly args: readonly string[];
  readonly name: BinaryName;
  readonly showDetail: (detail: string) => void;
}

async function build(request: BinaryRequest, input: BuildInput): Promise<void> {
  const cwd = join(request.into, `${input.name}.module`);
  mkdirSync(cwd, { recursive: true });
  for (const [file, text] of Object.entries(input.files)) writeFileSync(join(cwd, file), text);
  let packages = 0;
  // -mod=mod: go computes go.sum and the indirect requirements. -v: one line per compiled package.
  await runGo(['build', '-mod=mod', '-trimpath', '-v', ...input.args], {
    cwd,
    env: request.env,
    onLine: (line) => {
      if (!line.includes(' ')) packages += 1;
      input.showDetail(packages > 0 ? `${packages} packages, ${line}` : line);
    },
  });
  renameSync(join(cwd, input.name), join(request.into, input.name));
}

/** The go.mod of a published module, `path@version`. */
export async function fetchModuleFile(
  request: Pick<BinaryRequest, 'into' | 'env'>,
  module: string,
  showDetail: (detail: string) => void,
): Promise<ModuleFile> {
  showDetail(`fetching ${module}`);
  const where = { cwd: request.into, env: request.env };
  const fetched = JSON.parse(await runGo(['mod', 'download', '-json', module], where)) as { readonly GoMod: string };
  return JSON.parse(await runGo(['mod', 'edit', '-json', fetched.GoMod], where)) as ModuleFile;
}

export interface GoRun {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly onLine?: (line: string) => void;
}

/**
 * Runs `go` and returns its standard output.
 * @throws Error with the last 20 lines of its output when it fails
 */
export async function runGo(args: readonly string[], run: GoRun): Promise<string> {
  // Whatever workspace, target or C compiler the caller's shell is set up for, the programs must run on this machine.
  const env: NodeJS.ProcessEnv = { ...run.env, GOWORK: 'off', CGO_ENABLED: '0' };
  delete env.GOOS;
  delete env.GOARCH;
  const child = spawn('go', args, { cwd: run.cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = (): void => void child.kill();
  process.once('exit', stop);
  const lines: string[] = [];
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  createInterface({ input: child.stderr }).on('line', (line) => {
    run.onLine?.(line);
    lines.push(line);
    if (lines.length > KEPT_LINES) lines.shift();
  });
  try {
    const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
    if (code !== 0) throw new Error(`go ${args.slice(0, 2).join(' ')} failed:\n${lines.join('\n') || output}`);
    return output;
  } finally {
    process.off('exit', stop);
  }
}
