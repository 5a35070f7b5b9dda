// The built operator as a real process: started as a user or a pod starts it, watched, and ended in every way.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, globSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ControlPlane } from '../../src/testing/control-plane/control-plane.ts';
import { eventually } from '../../src/testing/test-api.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BUILT = join(ROOT, 'dist/kube-ecr-secrets-operator.cjs');
/** What the operator reads, with no value: nothing of the machine that runs the tests gets in. */
const NO_ENVIRONMENT: NodeJS.ProcessEnv = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => /^(ECR_OPERATOR_|KUBE|AWS_)/.test(name))
    .map((name) => [name, undefined]),
);

/** Our own copy: somebody may build while the suites run. */
let bundle: string | undefined;

/** Builds the bundle unless it is newer than everything that goes into it. */
export function ensureBundle(): void {
  if (bundle !== undefined) return;
  build();
  const folder = mkdtempSync(join(tmpdir(), 'bundle-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  bundle = join(folder, 'operator.cjs');
  copyFileSync(BUILT, bundle);
}

function build(): void {
  const built = statSync(BUILT, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = globSync('src/**/*.{ts,json}', { cwd: ROOT, exclude: ['src/testing/**', '**/*.test.ts'] });
  const newest = Math.max(...['package.json', ...sources].map((file) => statSync(join(ROOT, file)).mtimeMs));
  if (built > newest) return;
  const { status, stderr } = spawnSync(process.execPath, ['scripts/build.ts'], { cwd: ROOT, encoding: 'utf8' });
  if (status !== 0) throw new Error(`the bundle could not be built:\n${stderr}`);
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command that ends by itself. */
export async function runToEnd(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Finished> {
  const child = launch(args, env);
  const output = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => void (output.stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => void (output.stderr += text));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, ...output };
}

export interface RunningProcess {
  readonly pid: number;
  /** Everything it wrote, to both streams. */
  output(): string;
  /** Undefined while it runs. */
  readonly code: number | null | undefined;
  probe(path: string): Promise<{ readonly status: number; readonly body: string }>;
  metrics(): Promise<string>;
  /** Sum of a metric's series; of those that hold `part`, if it is given. */
  metric(name: string, part?: string): Promise<number>;
  /** Requests that change something. */
  writes(): Promise<number>;
  /** Waits until /readyz answers 200. */
  ready(): Promise<void>;
  /** Sends a signal and waits for the end. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<{ readonly code: number | null; readonly tookMs: number }>;
}

export interface ProcessOptions {
  readonly plane: ControlPlane;
  readonly awsUrl: string;
  readonly access: 'kubeconfig' | 'pod';
}

/** Starts `run` and waits until it serves its probes. */
export async function startProcess({ plane, awsUrl, access }: ProcessOptions): Promise<RunningProcess> {
  const folder = access === 'pod' ? makeServiceAccount(plane) : undefined;
  const { hostname, port } = new URL(plane.url);
  const where = folder ? ['--service-account-folder', folder] : ['--kubeconfig', plane.kubeconfigPath];
  const pod = folder ? { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port } : {};
  const child = launch(
    ['run', ...where, '--metrics-bind-address', '127.0.0.1:0', '--health-probe-bind-address', '127.0.0.1:0'],
    { ...pod, AWS_ENDPOINT_URL_ECR: awsUrl },
  );
  let text = '';
  let code: number | null | undefined;
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (part: string) => void (text += part));
  const ended = new Promise<void>((resolve) => {
    child.once('close', (status) => {
      code = status;
      if (folder) rmSync(folder, { recursive: true, force: true });
      resolve();
    });
  });
  const ports = await eventually(() => {
    if (code !== undefined) throw new Error(`it ended: ${text}`);
    const line = text.split('\n').find((one) => one.includes('"msg":"Started"'));
    return line === undefined ? undefined : (JSON.parse(line) as { metricsPort: number; probePort: number });
  }, 15_000);

  const get = async (at: number, path: string): Promise<{ readonly status: number; readonly body: string }> => {
    const reply = await fetch(`http://127.0.0.1:${at}${path}`);
    return { status: reply.status, body: await reply.text() };
  };
  const metrics = async (): Promise<string> => (await get(ports.metricsPort, '/metrics')).body;
  const metric: RunningProcess['metric'] = async (name, part = '') =>
    (await metrics())
      .split('\n')
      .filter((line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && line.includes(part))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  const probe = (path: string): ReturnType<typeof get> => get(ports.probePort, path);

  return {
    pid: child.pid ?? 0,
    output: () => text,
    get code() {
      return code;
    },
    probe,
    metrics,
    metric,
    async writes() {
      const total = await metric('rest_client_requests_total');
      return total - (await metric('rest_client_requests_total', 'method="GET"'));
    },
    ready: async () =>
      void (await eventually(async () => ((await probe('/readyz')).status === 200 ? true : undefined), 20_000)),
    async end(signal) {
      const begun = performance.now();
      if (code === undefined) child.kill(signal);
      await ended;
      return { code: code ?? null, tookMs: performance.now() - begun };
    },
  };
}

const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

function launch(args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  if (bundle === undefined) throw new Error('ensureBundle comes first');
  const child = spawn(process.execPath, [bundle, ...args], {
    env: { ...process.env, ...NO_ENVIRONMENT, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

/** The folder that Kubernetes mounts into a pod. */
function makeServiceAccount(plane: ControlPlane): string {
  const folder = mkdtempSync(join(tmpdir(), 'service-account-'));
  writeFileSync(join(folder, 'token'), plane.adminToken, { mode: 0o600 });
  writeFileSync(join(folder, 'ca.crt'), plane.certificateAuthority);
  writeFileSync(join(folder, 'namespace'), 'kube-system');
  return folder;
}
