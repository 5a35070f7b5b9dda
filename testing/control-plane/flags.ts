// The command lines of etcd, kube-apiserver and kube-controller-manager. Pure: paths and ports in, arguments out.
// Everything listens on loopback or on a Unix socket, never anywhere else.

import { join } from 'node:path';

/** The files of one control plane. `sockets` is kept apart because a socket's path must stay short. */
export interface ControlPlaneFiles {
  /** Folder of etcd's data. */
  readonly etcdData: string;
  /** Folder of etcd's two Unix sockets. */
  readonly sockets: string;
  /** Folder in which kube-apiserver makes its serving certificate; see `readCertificateAuthority`. */
  readonly certificates: string;
  /** Lines of `token,user,uid,"group"`. */
  readonly tokens: string;
  /** PEM, PKCS #8: signs service account tokens. */
  readonly serviceAccountKey: string;
  /** PEM, SPKI: verifies them. */
  readonly serviceAccountPublicKey: string;
  readonly kubeconfig: string;
}

/** The socket on which etcd serves clients. */
export function etcdSocket(files: ControlPlaneFiles): string {
  return join(files.sockets, 'etcd');
}

/** Arguments of a single etcd that answers on Unix sockets only. */
export function makeEtcdFlags(files: ControlPlaneFiles, more: readonly string[]): string[] {
  const client = `unix://${etcdSocket(files)}`;
  const peer = `unix://${join(files.sockets, 'peer')}`;
  return [
    `--data-dir=${files.etcdData}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    // Only a crash of the machine could lose data by this, and it makes every write faster.
    '--unsafe-no-fsync',
    // The bench writes gigabytes in minutes, and etcd frees none of them before it is told to.
    `--quota-backend-bytes=${8 * 1024 ** 3}`,
    '--log-level=warn',
    ...more,
  ];
}

/**
 * Arguments of kube-apiserver, the caller's last so that they win.
 * Without a controller manager nothing creates the ServiceAccount `default`, which the admission plugin needs for a
 * pod.
 */
export function makeApiServerFlags(
  files: ControlPlaneFiles,
  port: number,
  controllerManager: boolean,
  more: readonly string[],
): string[] {
  return [
    `--etcd-servers=unix://${etcdSocket(files)}`,
    '--bind-address=127.0.0.1',
    // Otherwise kube-apiserver looks for a default route, which a machine without a network lacks.
    '--advertise-address=127.0.0.1',
    `--secure-port=${port}`,
    `--cert-dir=${files.certificates}`,
    '--authorization-mode=RBAC',
    `--token-auth-file=${files.tokens}`,
    '--service-cluster-ip-range=10.0.0.0/24',
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${files.serviceAccountPublicKey}`,
    `--service-account-signing-key-file=${files.serviceAccountKey}`,
    // Kubernetes refuses a loopback address as an endpoint, so the reconciler would only fill the log.
    '--endpoint-reconciler-type=none',
    // Otherwise a graceful stop waits for open watches.
    '--shutdown-watch-termination-grace-period=1s',
    '--profiling=false',
    ...(controllerManager ? [] : ['--disable-admission-plugins=ServiceAccount']),
    ...more,
  ];
}

/** Names as of Kubernetes 1.37 (cmd/kube-controller-manager/names); the same in 1.35 and 1.36. */
export const CONTROLLERS: readonly string[] = [
  'garbage-collector-controller',
  'namespace-controller',
  'serviceaccount-controller',
  'serviceaccount-token-controller',
  'clusterrole-aggregation-controller',
];

/** Arguments of kube-controller-manager: a few controllers, no port, no leader election. */
export function makeControllerManagerFlags(files: ControlPlaneFiles, moreControllers: readonly string[]): string[] {
  return [
    `--kubeconfig=${files.kubeconfig}`,
    `--controllers=${[...CONTROLLERS, ...moreControllers].join(',')}`,
    `--service-account-private-key-file=${files.serviceAccountKey}`,
    '--use-service-account-credentials=false',
    '--leader-elect=false',
    '--secure-port=0',
    '--profiling=false',
  ];
}

/** Added to those of kube-apiserver when nodes and pods reach it at this address. */
export function makeNodeFlags(address: string): string[] {
  return [
    '--bind-address=0.0.0.0',
    `--advertise-address=${address}`,
    // Makes the endpoint of the Service `kubernetes`.
    '--endpoint-reconciler-type=lease',
    // Given twice it adds up.
    '--authorization-mode=Node',
    '--enable-admission-plugins=NodeRestriction',
    '--kubelet-preferred-address-types=InternalIP',
  ];
}
