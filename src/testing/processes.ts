// The operator and the AWS stand-in as processes of their own, for the demo, the bench and tests of the process.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type JsonRecord, listOf, recordOf } from '../lib/json.ts';
import type { AwsCall } from './aws/aws-stand-in.ts';
import type { ControlPlane } from './control-plane/control-plane.ts';
import { eventually } from './test-api.ts';

const BUNDLE = fileURLToPath(new URL('../../dist/kube-ecr-secrets-operator.cjs', import.meta.url));
const STAND_IN = fileURLToPath(new URL('./aws/main.ts', import.meta.url));

/** What a memory limit of 128 Mi will set in the chart (DESIGN.md §6). */
const V8_FLAGS = '--max-old-space-size=64 --max-semi-space-size=1 --v8-pool-size=1';
/** One arena, few threads, and freed memory given back: 9 MB less at rest, measured with glibc. */
const MALLOC = { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '131072', UV_THREADPOOL_SIZE: '2' };

/** Processes that must end with us, whatever happens. */
const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

function start(args: readonly string[], env: NodeJS.ProcessEnv, onLine: (line: string) => void): ChildProcess {
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  child.on('exit', () => children.delete(child));
  for (const stream of [child.stdout, child.stderr]) if (stream) createInterface({ input: stream }).on('line', onLine);
  return child;
}

/** SIGTERM; gives the exit code. */
function stop(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  return exit;
}

function parsed(line: string): JsonRecord {
  try {
    return recordOf(JSON.parse(line));
  } catch {
    return {};
  }
}

export interface AwsProcess {
  /** Value of AWS_ENDPOINT_URL_ECR. */
  readonly url: string;
  /** Steers it; see aws/control.ts. */
  control(method: string, path: string, body?: unknown): Promise<unknown>;
  calls(): Promise<readonly AwsCall[]>;
  stop(): Promise<number | null>;
}

export interface DemoKey {
  readonly id: string;
  readonly secret: string;
  readonly account: string;
}

export async function startAwsProcess(key: DemoKey): Promise<AwsProcess> {
  let found: string | undefined;
  const child = start([STAND_IN, '--key', `${key.id}:${key.secret}:${key.account}`], {}, (line) => {
    const { url } = parsed(line);
    if (typeof url === 'string') found ??= url;
  });
  const url = await eventually(() => found);
  const control: AwsProcess['control'] = async (method, path, body) => {
    const init =
      body === undefined
        ? { method }
        : { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const reply = await fetch(`${url}/_control/${path}`, init);
    if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${await reply.text()}`);
    return (reply.headers.get('content-type') ?? '').includes('json') ? await reply.json() : undefined;
  };
  return {
    url,
    control,
    calls: async () => listOf(recordOf(await control('GET', 'requests'))['requests']) as readonly AwsCall[],
    stop: () => stop(child),
  };
}

export interface OperatorProcess {
  readonly pid: number;
  /** Milliseconds from the start of the process until every store was filled. */
  readonly readyAfter: number;
  /** Its last log lines. */
  readonly log: readonly string[];
  /** Sum of a metric's series at one scrape; of those that `counts` says yes to, if it is given. */
  metric(name: string, counts?: (series: string) => boolean): Promise<number>;
  /** Requests so far that change something, Events included. */
  writes(): Promise<number>;
  /** SIGTERM; gives the exit code. */
  stop(): Promise<number | null>;
}

export interface OperatorProcessOptions {
  readonly plane: ControlPlane;
  readonly awsUrl: string;
  /** How it finds the API server: by a kubeconfig, or as a pod does. */
  readonly access: 'kubeconfig' | 'pod';
}

/** @throws Error with its last words when it ends before it is ready, or is not ready after 20 s */
export async function startOperatorProcess({
  plane,
  awsUrl,
  access,
}: OperatorProcessOptions): Promise<OperatorProcess> {
  const begun = performance.now();
  const log: string[] = [];
  let metricsPort: unknown;
  let isReady = false;
  const pod = access === 'pod' ? makePodEnvironment(plane) : undefined;
  const where = pod ? ['--service-account-folder', pod.folder] : ['--kubeconfig', plane.kubeconfigPath];
  const args = ['run', ...where, '--metrics-bind-address', '127.0.0.1:0', '--health-probe-bind-address', '0'];
  const env = {
    ...MALLOC,
    ...pod?.env,
    KUBECONFIG: '',
    AWS_ENDPOINT_URL_ECR: awsUrl,
    NODE_OPTIONS: `${V8_FLAGS} ${process.env['OPERATOR_NODE_OPTIONS'] ?? ''}`,
  };
  const child = start([BUNDLE, ...args], env, (line) => {
    log.push(line);
    if (log.length > 20) log.shift();
    const { msg, metricsPort: port } = parsed(line);
    if (msg === 'Started') metricsPort = port;
    if (msg === 'Ready') isReady = true;
  });
  child.once('exit', () => pod && rmSync(pod.folder, { recursive: true, force: true }));
  await eventually(() => {
    if (child.exitCode !== null) throw new Error(`the operator ended: ${log.join('\n')}`);
    return metricsPort !== undefined && isReady ? true : undefined;
  }, 20_000);
  const readyAfter = performance.now() - begun;
  const metric: OperatorProcess['metric'] = async (name, counts = () => true) => {
    const text = await (await fetch(`http://127.0.0.1:${String(metricsPort)}/metrics`)).text();
    const series = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    return series.filter(counts).reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  };
  return {
    pid: child.pid ?? 0,
    readyAfter,
    log,
    metric,
    writes: () => metric('rest_client_requests_total', (series) => !series.includes('method="GET"')),
    stop: () => stop(child),
  };
}

/** The variables and files that Kubernetes gives a pod. */
function makePodEnvironment(plane: ControlPlane): { readonly folder: string; readonly env: NodeJS.ProcessEnv } {
  const folder = mkdtempSync(join(tmpdir(), 'service-account-'));
  writeFileSync(join(folder, 'token'), plane.adminToken, { mode: 0o600 });
  writeFileSync(join(folder, 'ca.crt'), plane.certificateAuthority);
  writeFileSync(join(folder, 'namespace'), 'kube-system');
  const { hostname, port } = new URL(plane.url);
  return { folder, env: { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port } };
}
