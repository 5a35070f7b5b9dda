// What the stories share: the cluster, the operator as a release, pods that pull, and what the kernel counts.

import { readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { parse } from 'yaml';
import { eventually } from '../../testing/api-server/test-api.ts';
import {
  type Cluster,
  insideOf,
  type REGIONS,
  registryOf,
  sharedCluster,
  stopSharedCluster,
} from '../../testing/kubelet/cluster.ts';

export const NAMESPACE = 'kube-ecr-secrets-operator-system';
export const NAME = 'kube-ecr-secrets-operator';
const CHART = 'charts/kube-ecr-secrets-operator';
const BUNDLE_CONFIG = 'aws-authorities';

/** Why the stories are skipped; false: they are not. */
export const SKIPPED = insideOf() ? false : 'needs a node: make e2e';

// After all suites.
after(stopSharedCluster);

export interface E2e extends Cluster {
  /** Installs or upgrades the release with these values and nothing else. @returns what Helm took, seconds */
  install(values?: object): Promise<number>;
  /** A namespace with its ServiceAccount. */
  createNamespace(labels?: Readonly<Record<string, string>>): Promise<string>;
  /** Pods of the operator that are not going. */
  operatorPods(): Promise<readonly PodObject[]>;
}

export interface PodObject {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly status: {
    readonly phase?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly {
      readonly restartCount: number;
      readonly containerID?: string;
      readonly state: {
        readonly running?: object;
        readonly waiting?: { readonly reason?: string; readonly message?: string };
      };
      readonly lastState?: { readonly terminated?: { readonly reason?: string } };
    }[];
  };
}

/** Registers the hooks of a suite; its tests use the result. */
export function useE2e(): () => E2e {
  let e2e: E2e | undefined;
  before(async () => {
    const inside = insideOf();
    if (!inside) return;
    const { appVersion } = parse(readFileSync(join(CHART, 'Chart.yaml'), 'utf8')) as { readonly appVersion: string };
    e2e = open(await sharedCluster(inside, appVersion));
  });
  return () => {
    if (!e2e) throw new Error('there is no node');
    return e2e;
  };
}

function open(cluster: Cluster): E2e {
  const { api, helm, inside, authority, proxyUrl } = cluster;
  return {
    ...cluster,
    async install(values = {}) {
      await api.send('POST', '/api/v1/namespaces', {
        metadata: { name: NAMESPACE, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
      });
      const data = { 'ca.crt': authority };
      await api.send('POST', `/api/v1/namespaces/${NAMESPACE}/configmaps`, { metadata: { name: BUNDLE_CONFIG }, data });
      const file = join(inside.state, 'values.json');
      const toAws = { proxy: { httpsProxy: proxyUrl }, awsCABundle: { configMap: BUNDLE_CONFIG, key: 'ca.crt' } };
      writeFileSync(file, JSON.stringify({ ...toAws, crds: { enabled: false }, ...values }));
      const begun = performance.now();
      const how = ['--namespace', NAMESPACE, '--wait', '--timeout', '120s', '--reset-values', '--values', file];
      await helm.must('upgrade', '--install', NAME, CHART, ...how);
      return (performance.now() - begun) / 1_000;
    },
    async createNamespace(labels) {
      const namespace = await api.createNamespace(labels, 'shop');
      await eventually(async () => {
        const { status } = await api.get(`/api/v1/namespaces/${namespace}/serviceaccounts/default`);
        return status === 200 ? true : undefined;
      });
      return namespace;
    },
    async operatorPods() {
      const selector = 'app.kubernetes.io%2Fcomponent%3Doperator';
      const { items } = await api.must('GET', `/api/v1/namespaces/${NAMESPACE}/pods?labelSelector=${selector}`);
      return (items as readonly PodObject[]).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    },
  };
}

export interface PodOptions {
  readonly name: string;
  readonly region?: (typeof REGIONS)[number];
  /** Of the image: each is the same image under a name of its own. */
  readonly tag?: string;
  readonly pullPolicy?: 'Always' | 'IfNotPresent';
  readonly repository?: string;
  /** In place of region, repository and tag. */
  readonly image?: string;
  /** Names of pull Secrets; default: `ecr-login`. */
  readonly pullSecrets?: readonly string[];
}

export async function createPod({ api }: E2e, namespace: string, options: PodOptions): Promise<void> {
  const { name, region = 'eu-west-1', tag = name, pullPolicy = 'Always', pullSecrets = ['ecr-login'] } = options;
  const { repository = 'shop/app', image = `${registryOf(region)}/${repository}:${tag}` } = options;
  await api.must('POST', `/api/v1/namespaces/${namespace}/pods`, {
    metadata: { name },
    spec: {
      imagePullSecrets: pullSecrets.map((one) => ({ name: one })),
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      dnsPolicy: 'Default',
      containers: [{ name: 'app', image, imagePullPolicy: pullPolicy }],
    },
  });
}

export function podPath(namespace: string, name: string): string {
  return `/api/v1/namespaces/${namespace}/pods/${name}`;
}

/** Waits until it runs. @returns milliseconds */
export async function untilRunning({ api }: E2e, namespace: string, name: string, within = 30_000): Promise<number> {
  const begun = performance.now();
  await eventually(async () => {
    const { status } = (await api.must('GET', podPath(namespace, name))) as PodObject;
    const state = status.containerStatuses?.[0]?.state;
    if (state?.running) return true;
    throw new Error(JSON.stringify(state ?? status));
  }, within);
  return performance.now() - begun;
}

/** What `kubectl get` prints of a collection: the API server makes the table. */
export async function tableOf({ plane }: E2e, path: string): Promise<string> {
  const table = await new Promise<Table>((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${plane.adminToken}`,
      accept: 'application/json;as=Table;g=meta.k8s.io;v=v1',
    };
    get(`${plane.url}${path}`, { headers, ca: plane.certificateAuthority }, (answer) => {
      answer
        .setEncoding('utf8')
        .toArray()
        .then((parts) => resolve(JSON.parse(parts.join(''))), reject);
    }).on('error', reject);
  });
  const shown = table.columnDefinitions.flatMap(({ priority }, index) => (priority === 0 ? index : []));
  const head = shown.map((index) => table.columnDefinitions[index]?.name.toUpperCase() ?? '');
  const lines = [head, ...table.rows.map(({ cells }) => shown.map((index) => String(cells[index])))];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd((widths[column] ?? 0) + 3))
        .join('')
        .trimEnd(),
    )
    .join('\n');
}

interface Table {
  readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[];
  readonly rows: readonly { readonly cells: readonly unknown[] }[];
}

/** The messages of the Events about a pod, by reason. */
export async function wordsAbout({ api }: E2e, namespace: string, name: string): Promise<readonly string[]> {
  const { items } = await api.must('GET', `/api/v1/namespaces/${namespace}/events`);
  const events = items as readonly {
    readonly involvedObject: { readonly name: string };
    readonly reason: string;
    readonly message: string;
  }[];
  const about = events.filter(({ involvedObject }) => involvedObject.name === name);
  return about.map(({ reason, message }) => `${reason}: ${message}`);
}
