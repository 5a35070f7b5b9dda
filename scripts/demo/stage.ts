// The real parts of the demo, each a process of its own: control plane, AWS stand-in, the built operator.

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type JsonRecord, listOf, recordOf } from '../../src/lib/json.ts';
import type { AwsCall } from '../../src/testing/aws/aws-stand-in.ts';
import { type ControlPlane, startControlPlane } from '../../src/testing/control-plane/control-plane.ts';
import { installCrds } from '../../src/testing/install-crds.ts';
import { createTestApi, eventually, type TestApi } from '../../src/testing/test-api.ts';
import { show } from './show.ts';

export const KEY = {
  id: 'AKIADEMODEMODEMO0001',
  secret: 'ThisIsADemoSecretKeyOfNoAWSAccount00000/',
  account: '111122223333',
};

const BUNDLE = fileURLToPath(new URL('../../dist/kube-ecr-secrets-operator.cjs', import.meta.url));
const STAND_IN = fileURLToPath(new URL('../../src/testing/aws/main.ts', import.meta.url));

/** What the chart will set for a memory limit of 128 Mi. */
const V8_FLAGS = '--max-old-space-size=64 --max-semi-space-size=1 --v8-pool-size=1';

export interface OperatorProcess {
  /** Milliseconds from the start of the process until every store was filled. */
  readonly readyAfter: number;
  /** Sum of a metric's series at one scrape; of those that `counts` says yes to, if it is given. */
  metric(name: string, counts?: (series: string) => boolean): Promise<number>;
  /** SIGTERM; gives the exit code. */
  stop(): Promise<number | null>;
}

export interface Stage {
  readonly api: TestApi;
  readonly plane: ControlPlane;
  /** Steers the stand-in; see src/testing/aws/control.ts. */
  aws(method: string, path: string, body?: unknown): Promise<unknown>;
  calls(): Promise<readonly AwsCall[]>;
  startOperator(): Promise<OperatorProcess>;
  /** The operator's last log lines. */
  log(): readonly string[];
  stop(): Promise<void>;
}

/** A process that must end with us, whatever happens. */
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

function parsed(line: string): JsonRecord {
  try {
    return recordOf(JSON.parse(line));
  } catch {
    return {};
  }
}

export async function setStage(): Promise<Stage> {
  show.note('a real kube-apiserver, etcd and kube-controller-manager');
  const plane = await startControlPlane({
    controllerManager: true,
    prepare: (address) => installCrds(createTestApi(address)),
  });
  const api = createTestApi({
    url: plane.url,
    certificateAuthority: plane.certificateAuthority,
    token: plane.adminToken,
  });
  show.note('a stand-in for AWS that verifies every signature');
  const aws = await startAws();
  const lines: string[] = [];
  let operator: ChildProcess | undefined;

  return {
    api,
    plane,
    aws: aws.control,
    calls: async () => listOf(recordOf(await aws.control('GET', 'requests'))['requests']) as readonly AwsCall[],
    log: () => lines.slice(-20),
    async startOperator() {
      const started = await launchOperator(plane, aws.url, lines);
      operator = started.child;
      return started;
    },
    async stop() {
      operator?.kill('SIGTERM');
      aws.child.kill('SIGTERM');
      await plane.stop();
    },
  };
}

async function startAws(): Promise<{
  readonly url: string;
  readonly child: ChildProcess;
  readonly control: Stage['aws'];
}> {
  let url: string | undefined;
  const child = start([STAND_IN, '--key', `${KEY.id}:${KEY.secret}:${KEY.account}`], {}, (line) => {
    const found = parsed(line)['url'];
    if (typeof found === 'string') url ??= found;
  });
  const base = await eventually(() => url);
  return {
    url: base,
    child,
    async control(method, path, body) {
      const init =
        body === undefined
          ? { method }
          : { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
      const reply = await fetch(`${base}/_control/${path}`, init);
      if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${await reply.text()}`);
      return (reply.headers.get('content-type') ?? '').includes('json') ? await reply.json() : undefined;
    },
  };
}

async function launchOperator(
  plane: ControlPlane,
  awsUrl: string,
  lines: string[],
): Promise<OperatorProcess & { readonly child: ChildProcess }> {
  const begun = performance.now();
  let metricsPort: unknown;
  let isReady = false;
  const args = [
    BUNDLE,
    'run',
    '--kubeconfig',
    plane.kubeconfigPath,
    '--metrics-bind-address',
    '127.0.0.1:0',
    '--health-probe-bind-address',
    '0',
  ];
  const child = start(args, { AWS_ENDPOINT_URL_ECR: awsUrl, NODE_OPTIONS: V8_FLAGS }, (line) => {
    lines.push(line);
    const { msg, metricsPort: port } = parsed(line);
    if (msg === 'Started') metricsPort = port;
    if (msg === 'Ready') isReady = true;
  });
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
  await eventually(() => {
    if (child.exitCode !== null) throw new Error(`the operator ended: ${lines.slice(-3).join('\n')}`);
    return metricsPort !== undefined && isReady ? true : undefined;
  });
  const readyAfter = performance.now() - begun;
  const metric: OperatorProcess['metric'] = async (name, counts = () => true) => {
    const text = await (await fetch(`http://127.0.0.1:${String(metricsPort)}/metrics`)).text();
    const series = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    return series.filter(counts).reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  };
  return {
    child,
    readyAfter,
    metric,
    async stop() {
      child.kill('SIGTERM');
      return await exit;
    },
  };
}

/** The parts of a docker config that may be shown: everything but what opens the registry. */
export function withoutPasswords(dockerConfig: string): string {
  const hidden = (value: unknown): string => `<${String(value).length} characters>`;
  return JSON.stringify(
    JSON.parse(dockerConfig),
    (name, value: unknown) => (name === 'password' || name === 'auth' ? hidden(value) : value),
    2,
  );
}
