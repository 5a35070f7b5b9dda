// One node of a cluster, inside of the namespaces that process-one.sh has set up: containerd, kubelet, kube-scheduler
// and kube-proxy. Everything ends with process 1.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { adminOf } from '../api-server/test-api.ts';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import { makeKubeconfig } from '../control-plane/credentials.ts';
import { launch } from '../control-plane/launch.ts';
import { createProcessGroup } from '../control-plane/process-group.ts';
import type { Report } from '../control-plane/progress.ts';
import { waitFor } from '../control-plane/readiness.ts';
import { archiveOf, type Image } from '../registry/oci-image.ts';
import type { NodePrograms } from './programs.ts';

export const NODE_NAME = 'node-1';
/** The pause container of every pod; the name is that of no registry, so it is never pulled. */
export const PAUSE_IMAGE = 'registry.k8s.io/pause:e2e';

export interface NodeOptions {
  readonly plane: ControlPlane;
  readonly programs: NodePrograms;
  /** Of the node. */
  readonly address: string;
  /** Of the kubelet. */
  readonly token: string;
  /** Name of the cgroup of all pods. */
  readonly cgroup: string;
  /** For data and logs. */
  readonly state: string;
  /** On the node from the start, by full name. */
  readonly images: ReadonlyMap<string, Image>;
  /** An archive of one more image, whatever its name in there, and the name that it gets. */
  readonly given?: { readonly archive: string; readonly name: string };
  readonly report: Report;
}

/** @returns when the node is Ready and takes pods; about two seconds */
export async function startNode(options: NodeOptions): Promise<void> {
  const { plane, programs, address, state, images, report } = options;
  const group = createProcessGroup(join(state, 'group'));
  mkdirSync(join(state, 'group'), { recursive: true });
  const run = async (name: string, args: readonly string[], ready: () => Promise<boolean>): Promise<void> => {
    const found = async (): Promise<true | undefined> => ((await ready()) ? true : undefined);
    const log = join(state, `${name}.log`);
    await launch(group, { name, program: join(programs.folder, name), args, log, ready: found, report });
  };
  const put = (name: string, content: string): string => {
    const file = join(state, name);
    writeFileSync(file, content, { mode: 0o600 });
    return file;
  };
  const api = adminOf(plane);

  const config = put('containerd.toml', containerdConfig(programs, state));
  await run('containerd', ['--config', config], async () => existsSync('/run/containerd/containerd.sock'));
  const archive = join(state, 'images.tar');
  writeFileSync(archive, archiveOf(images));
  importImages(programs, archive);
  if (options.given) importAs(programs, options.given);

  const kubeconfig = put('kubelet.kubeconfig', makeKubeconfig(plane.url, plane.certificateAuthority, options.token));
  const kubelet = put('kubelet.json', JSON.stringify(kubeletConfig(options)));
  await run(
    'kubelet',
    [`--config=${kubelet}`, `--kubeconfig=${kubeconfig}`, `--hostname-override=${NODE_NAME}`, `--node-ip=${address}`],
    async () => (await api.get(`/api/v1/nodes/${NODE_NAME}`)).status === 200,
  );
  const secure = ['--leader-elect=false', '--secure-port=0', '--authorization-always-allow-paths=*'];
  await run('kube-scheduler', [`--kubeconfig=${plane.kubeconfigPath}`, ...secure], async () => true);
  const proxy = put('kube-proxy.json', JSON.stringify(proxyConfig(options)));
  await run('kube-proxy', [`--config=${proxy}`], async () =>
    fetch(`http://127.0.0.1:${PROXY_HEALTH}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  await waitFor(
    READY_LIMIT_MS,
    async () => {
      const { body } = await api.get(`/api/v1/nodes/${NODE_NAME}`);
      const ready = body.status?.conditions?.find(({ type }: { type: string }) => type === 'Ready');
      return ready?.status === 'True' && !body.spec.taints ? true : undefined;
    },
    () => `the node is not Ready after ${READY_LIMIT_MS / 1_000} s; see ${state}/kubelet.log`,
  );
}

function ctr({ folder }: NodePrograms, ...args: readonly string[]): string {
  return execFileSync(join(folder, 'ctr'), ['-n', 'k8s.io', 'images', ...args], { encoding: 'utf8' });
}

function importImages(programs: NodePrograms, archive: string): void {
  ctr(programs, 'import', '--local', archive);
}

function importAs(programs: NodePrograms, { archive, name }: NonNullable<NodeOptions['given']>): void {
  const list = (): readonly string[] => ctr(programs, 'ls', '-q').trim().split('\n');
  const before = list();
  importImages(programs, archive);
  const [imported] = list().filter((one) => !before.includes(one));
  if (imported === undefined) throw new Error(`${archive} holds no image with a name`);
  if (imported !== name) ctr(programs, 'tag', imported, name);
}

const PROXY_HEALTH = 10_256;
const READY_LIMIT_MS = 60_000;

function containerdConfig({ runc, cni }: NodePrograms, state: string): string {
  const snapshotters = ['btrfs', 'devmapper', 'zfs', 'erofs', 'blockfile'];
  return `version = 3
disabled_plugins = [${snapshotters.map((name) => `"io.containerd.snapshotter.v1.${name}"`).join(', ')}]
[plugins.'io.containerd.internal.v1.opt']
  path = "${state}/opt"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "${PAUSE_IMAGE}"
[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = "/etc/containerd/certs.d"
[plugins.'io.containerd.cri.v1.runtime']
  # Without CAP_SYS_RESOURCE nobody may be made less likely to be killed.
  restrict_oom_score_adj = true
  # Its profile would stay in the kernel.
  disable_apparmor = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["${cni}"]
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = "${runc}"
  SystemdCgroup = false
`;
}

function kubeletConfig({ address, cgroup, state }: NodeOptions): object {
  const signals = [
    'memory.available',
    'nodefs.available',
    'nodefs.inodesFree',
    'imagefs.available',
    'imagefs.inodesFree',
  ];
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address,
    healthzBindAddress: '127.0.0.1',
    readOnlyPort: 0,
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cgroup}`,
    failCgroupV1: false,
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    resolvConf: join(state, 'resolv.conf'),
    volumePluginDir: join(state, 'volume-plugins'),
    // The machine's disk is not this node's.
    evictionHard: Object.fromEntries(signals.map((signal) => [signal, '0%'])),
    imageGCHighThresholdPercent: 100,
    // The hard limit of a machine without CAP_SYS_RESOURCE.
    maxOpenFiles: 20_000,
    maxPods: 250,
    serializeImagePulls: false,
    registryPullQPS: 0,
    nodeStatusUpdateFrequency: '5s',
    shutdownGracePeriod: '0s',
  };
}

function proxyConfig({ plane, address }: NodeOptions): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    clientConnection: { kubeconfig: plane.kubeconfigPath },
    clusterCIDR: '10.244.0.0/22',
    hostnameOverride: NODE_NAME,
    bindAddress: address,
    healthzBindAddress: `127.0.0.1:${PROXY_HEALTH}`,
    metricsBindAddress: '127.0.0.1:10249',
    // That sysctl is the machine's.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  };
}
