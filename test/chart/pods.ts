// Runs the pods of one namespace as processes, since there is no kubelet here: arguments, environment, ServiceAccount
// and probes are those of the pod, as the chart rendered them and the real controllers made it.

import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestApi } from '../../testing/api-server/test-api.ts';
import type { ControlPlane } from '../../testing/control-plane/control-plane.ts';
import { requestToken } from '../../testing/operator/operator-account.ts';
import { NO_ENVIRONMENT } from '../../testing/operator/operator-process.ts';
import { endNode, startNode } from '../../testing/process/node-process.ts';
import { ensureBundle } from '../process/bundle.ts';
import { type Mounts, makeMounts, type Volume, type VolumeMount } from './mounts.ts';
import { ORIGINAL_IMAGE } from './original-release.ts';

export interface PodsOptions {
  readonly plane: ControlPlane;
  readonly api: TestApi;
  readonly namespace: string;
  /** Variables that stand for what is outside of the cluster, such as AWS_ENDPOINT_URL_ECR. */
  readonly env: NodeJS.ProcessEnv;
}

export interface Pods {
  /** Everything that all of them wrote. */
  output(): string;
  /** The loopback address that the pod with this address listens on, at its own ports; undefined: no such pod. */
  readonly loopbackOf: (address: string) => string | undefined;
  /** Process ids of those that run. */
  readonly processes: () => readonly number[];
  stop(): Promise<void>;
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts?: readonly VolumeMount[];
  readonly readinessProbe?: { readonly httpGet: { readonly path: string; readonly port: string } };
}

interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly spec: {
    readonly nodeName?: string;
    readonly serviceAccountName: string;
    readonly restartPolicy: string;
    readonly containers: readonly [Container];
    readonly volumes?: readonly Volume[];
  };
}

interface Running {
  readonly pod: Pod;
  readonly child: ChildProcess;
  readonly mounts: Mounts;
  /** One that nobody has; loopback addresses are refused as endpoints of a Service. */
  readonly address: string;
  /** Where it listens: each pod has its own, since all of them listen on the same ports. */
  readonly loopback: string;
  phase: string;
  ready: boolean;
}

const LOOK_EVERY_MS = 50;
const PROBE_LIMIT_MS = 2_000;
/** What runs for pods of the Go project; all others run ours. */
export const ORIGINAL_PROGRAM = fileURLToPath(new URL('../../testing/original/main.ts', import.meta.url));
/** For documentation (RFC 5737). */
const POD_NETWORK = '192.0.2';
const LOOPBACK_NETWORK = '127.64.0';
/** The Go project's stand-in listens here. */
const LOOPBACK = '127.0.0.1';
/** The name under which pods run; the cluster must have it. */
export const NODE_NAME = 'here';

export function runPods({ plane, api, namespace, env }: PodsOptions): Pods {
  const path = (name = '', rest = ''): string => `/api/v1/namespaces/${namespace}/pods${name && `/${name}`}${rest}`;
  const running = new Map<string, Running>();
  let output = '';
  let started = 0;
  const stopping = new AbortController();

  /** The folder that Kubernetes mounts into a pod. */
  const makeServiceAccount = async (account: string): Promise<string> => {
    const folder = mkdtempSync(join(tmpdir(), 'pod-'));
    writeFileSync(join(folder, 'token'), await requestToken(api, namespace, account), { mode: 0o600 });
    writeFileSync(join(folder, 'ca.crt'), plane.certificateAuthority);
    writeFileSync(join(folder, 'namespace'), namespace);
    return folder;
  };

  const start = async (pod: Pod): Promise<void> => {
    const [container] = pod.spec.containers;
    const { name } = pod.metadata;
    const target = { apiVersion: 'v1', kind: 'Node', name: NODE_NAME };
    const mounts = await makeMounts(api, namespace, container.volumeMounts ?? [], pod.spec.volumes ?? []);
    if (pod.spec.nodeName === undefined) await api.must('POST', path(name, '/binding'), { metadata: { name }, target });
    const folder = await makeServiceAccount(pod.spec.serviceAccountName);
    const { hostname, port } = new URL(plane.url);
    const isOriginal = container.image === ORIGINAL_IMAGE;
    started += 1;
    const number = 1 + (started % 250);
    const loopback = isOriginal ? LOOPBACK : `${LOOPBACK_NETWORK}.${number}`;
    const args = (container.args ?? []).map((text) =>
      mounts.locate(text).replace(/-address=:(?=\d)/, `-address=${loopback}:`),
    );
    const child = startNode([isOriginal ? ORIGINAL_PROGRAM : ensureBundle(), ...args], {
      ...NO_ENVIRONMENT,
      ...Object.fromEntries((container.env ?? []).map((variable) => [variable.name, mounts.locate(variable.value)])),
      ...env,
      KUBERNETES_SERVICE_HOST: hostname,
      KUBERNETES_SERVICE_PORT: port,
      ECR_OPERATOR_SERVICE_ACCOUNT_FOLDER: folder,
    });
    const address = `${POD_NETWORK}.${number}`;
    const one: Running = { pod, child, mounts, address, loopback, phase: 'Running', ready: false };
    running.set(pod.metadata.uid, one);
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text: string) => (output += text));
    child.once('close', (code) => {
      rmSync(folder, { recursive: true, force: true });
      mounts.remove();
      one.phase = code === 0 ? 'Succeeded' : 'Failed';
      one.ready = false;
    });
    await tell(one);
  };

  /** What a kubelet tells of it. */
  const tell = async ({ pod, address, phase, ready }: Running): Promise<void> => {
    const [{ name, image }] = pod.spec.containers;
    const status = ready ? 'True' : 'False';
    const body = {
      status: {
        phase,
        podIP: address,
        podIPs: [{ ip: address }],
        conditions: ['Ready', 'ContainersReady', 'Initialized', 'PodScheduled'].map((type) => ({ type, status })),
        containerStatuses: [{ name, ready, restartCount: 0, image, imageID: '' }],
      },
    };
    await api.send('PATCH', path(pod.metadata.name, '/status'), body, 'application/strategic-merge-patch+json');
  };

  const probe = async ({ pod, child, loopback }: Running): Promise<boolean> => {
    const [{ readinessProbe, ports }] = pod.spec.containers;
    if (child.exitCode !== null || !readinessProbe) return false;
    const port = ports?.find(({ name }) => name === readinessProbe.httpGet.port)?.containerPort;
    // Somebody else may listen there, and say nothing.
    const signal = AbortSignal.timeout(PROBE_LIMIT_MS);
    const reply = await fetch(`http://${loopback}:${port}${readinessProbe.httpGet.path}`, { signal }).catch(
      () => undefined,
    );
    return reply?.status === 200;
  };

  const look = async (): Promise<void> => {
    const { items } = (await api.must('GET', path())) as { readonly items: readonly Pod[] };
    for (const pod of items) {
      const known = running.get(pod.metadata.uid);
      if (pod.metadata.deletionTimestamp !== undefined) {
        if (known) await endNode(known.child);
        running.delete(pod.metadata.uid);
        await api.send('DELETE', path(pod.metadata.name), { gracePeriodSeconds: 0 });
      } else if (!known) await start(pod);
      else {
        const before = `${known.phase} ${known.ready}`;
        if (known.phase === 'Running') await known.mounts.refresh();
        known.ready = await probe(known);
        if (`${known.phase} ${known.ready}` !== before || known.phase !== 'Running') await tell(known);
      }
    }
  };

  const loop = (async () => {
    while (!stopping.signal.aborted) {
      // A pod that goes while it is looked at; what lasts shows as a pod that does not get ready.
      await look().catch((error: unknown) => (output += `looking at the pods: ${String(error)}\n`));
      await new Promise((resolve) => void setTimeout(resolve, LOOK_EVERY_MS));
    }
    for (const { child } of running.values()) await endNode(child, 'SIGKILL');
  })();

  return {
    output: () => output,
    loopbackOf: (address) =>
      [...running.values()].find((one) => one.address === address && one.phase === 'Running')?.loopback,
    processes: () => [...running.values()].flatMap(({ child }) => (child.exitCode === null && child.pid) || []),
    async stop() {
      stopping.abort();
      await loop;
    },
  };
}
