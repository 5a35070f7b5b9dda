// The built operator as a separate process: started as by a user or in a pod, observed, and ended in every way.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '../api-server/test-api.ts';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import { endNode, startNode } from '../process/node-process.ts';

/** The output of `make build`. */
export const BUNDLE = fileURLToPath(new URL('../../dist/kube-ecr-secrets-operator.cjs', import.meta.url));

/** Clears every variable that the operator reads, so that those of the machine have no effect. */
export const NO_ENVIRONMENT: NodeJS.ProcessEnv = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => /^(ECR_OPERATOR_|KUBE|AWS_|NODE_EXTRA_CA_CERTS$)/.test(name))
    .map((name) => [name, undefined]),
);

/**
 * The chart's settings, with its memory limit of 128 Mi: one arena, threads for host names, and freed memory returned,
 * that of chunks of 8 KiB and more at once, each of which is mapped separately (glibc; savings:
 * docs/design/performance.md).
 */
export const FOOTPRINT: NodeJS.ProcessEnv = {
  NODE_OPTIONS: '--max-old-space-size=64 --max-semi-space-size=1 --v8-pool-size=1',
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '8192',
  MALLOC_TRIM_THRESHOLD_: '65536',
  MALLOC_TOP_PAD_: '0',
  UV_THREADPOOL_SIZE: '32',
};

export interface OperatorProcess {
  readonly pid: number;
  /** Everything it wrote, to both streams. */
  output(): string;
  /** Stops reading its output. @returns resumes, with what was written meanwhile */
  holdOutput(): () => void;
  /** Undefined while it runs. */
  readonly code: number | null | undefined;
  probe(path: string): Promise<{ readonly status: number; readonly body: string }>;
  metrics(): Promise<string>;
  /** Sum of a metric's series at one scrape; only of those that `counts` accepts, if it is given. */
  metric(name: string, counts?: (series: string) => boolean): Promise<number>;
  /** Mutating requests so far, Events included. */
  writes(): Promise<number>;
  /** Waits until every store has been filled; returns the milliseconds from the process's start to its "Ready". */
  ready(): Promise<number>;
  /** Sends a signal and waits for the end. */
  end(signal?: 'SIGTERM' | 'SIGKILL'): Promise<{ readonly code: number | null }>;
}

export interface OperatorProcessOptions {
  readonly plane: ControlPlane;
  /** Value of AWS_ENDPOINT_URL_ECR; undefined: AWS under its own names. */
  readonly awsUrl: string | undefined;
  /** How the operator finds the API server. */
  readonly access: 'kubeconfig' | 'pod';
  /** Another file than the built one. */
  readonly bundle?: string;
  /** Further variables of its environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** A command that execs the operator. */
  readonly within?: readonly string[];
}

/**
 * Starts `run` and waits until it serves its probes.
 *
 * @throws Error with its output when it ends before that, or takes over 15 s
 */
export async function startOperatorProcess({
  plane,
  awsUrl,
  access,
  bundle = BUNDLE,
  env = {},
  within = [],
}: OperatorProcessOptions): Promise<OperatorProcess> {
  const folder = access === 'pod' ? makeServiceAccount(plane) : undefined;
  const { hostname, port } = new URL(plane.url);
  const where = folder ? ['--service-account-folder', folder] : ['--kubeconfig', plane.kubeconfigPath];
  const pod = folder ? { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port } : {};
  const args = ['run', ...where, '--metrics-bind-address', '127.0.0.1:0', '--health-probe-bind-address', '127.0.0.1:0'];
  const begun = performance.now();
  const aws = { AWS_ENDPOINT_URL_ECR: awsUrl };
  const child = startNode([bundle, ...args], { ...NO_ENVIRONMENT, ...FOOTPRINT, ...pod, ...aws, ...env }, within);
  let text = '';
  let readyAfter: number | undefined;
  let code: number | null | undefined;
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (part: string) => {
      text += part;
      if (readyAfter === undefined && text.includes('"msg":"Ready"')) readyAfter = performance.now() - begun;
    });
  }
  child.once('close', (status) => {
    code = status;
    if (folder) rmSync(folder, { recursive: true, force: true });
  });
  const ports = await eventually(() => {
    if (code !== undefined) throw new Error(`it ended: ${text}`);
    const line = text.split('\n').find((one) => one.includes('"msg":"Started"'));
    return line === undefined ? undefined : (JSON.parse(line) as { metricsPort: number; probePort: number });
  }, 15_000);

  const get = async (at: number, path: string): Promise<{ readonly status: number; readonly body: string }> => {
    // A new connection each time, as the kubelet does: during a flood the operator closes an idle one first.
    const reply = await fetch(`http://127.0.0.1:${at}${path}`, { headers: { connection: 'close' } });
    return { status: reply.status, body: await reply.text() };
  };
  const metrics = async (): Promise<string> => (await get(ports.metricsPort, '/metrics')).body;
  const metric: OperatorProcess['metric'] = async (name, counts = () => true) =>
    (await metrics())
      .split('\n')
      .filter((line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && counts(line))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);

  return {
    pid: child.pid ?? 0,
    output: () => text,
    holdOutput() {
      for (const stream of [child.stdout, child.stderr]) stream?.pause();
      return () => {
        for (const stream of [child.stdout, child.stderr]) stream?.resume();
      };
    },
    get code() {
      return code;
    },
    probe: (path) => get(ports.probePort, path),
    metrics,
    metric,
    writes: () => metric('rest_client_requests_total', (series) => !series.includes('method="GET"')),
    ready: () => eventually(() => readyAfter, 20_000),
    end: async (signal) => ({ code: await endNode(child, signal) }),
  };
}

/** The folder that Kubernetes mounts into a pod. */
function makeServiceAccount(plane: ControlPlane): string {
  const folder = mkdtempSync(join(tmpdir(), 'service-account-'));
  writeFileSync(join(folder, 'token'), plane.adminToken, { mode: 0o600 });
  writeFileSync(join(folder, 'ca.crt'), plane.certificateAuthority);
  writeFileSync(join(folder, 'namespace'), 'kube-system');
  return folder;
}
