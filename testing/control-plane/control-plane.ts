// A real Kubernetes API on loopback, for tests, the demo and the bench: etcd, kube-apiserver and, when wanted,
// kube-controller-manager. It never leaves a process or a temporary folder behind, however its owner ends.

import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type ControlPlaneBinaries, findControlPlaneBinaries, wantedVersion } from './binaries.ts';
import { addNode, ensureCredentials, makeKubeconfig, type NodeSide, readCertificateAuthority } from './credentials.ts';
import {
  type ControlPlaneFiles,
  etcdSocket,
  makeApiServerFlags,
  makeControllerManagerFlags,
  makeEtcdFlags,
  makeNodeFlags,
} from './flags.ts';
import { findFreePort } from './free-port.ts';
import { EarlyEndError, type Launch, launch } from './launch.ts';
import { createProcessGroup, type ProcessGroup } from './process-group.ts';
import { createReport, type Report } from './progress.ts';
import { type ApiServerAddress, askApiServer, socketAnswers } from './readiness.ts';

export interface ControlPlaneOptions {
  /** Kubernetes release, `x.y.z`; default `wantedVersion()`. A folder given by KUBEBUILDER_ASSETS wins over it. */
  readonly version?: string;
  /** Garbage collection, namespace deletion and service accounts need it; default false. */
  readonly controllerManager?: boolean;
  /** Controllers beside those of `CONTROLLERS`; none without `controllerManager`. */
  readonly moreControllers?: readonly string[];
  /** Added after the default ones, so they win: `['--feature-gates=…']`. */
  readonly apiServerFlags?: readonly string[];
  /** Nodes reach the API server; by default only this machine does. */
  readonly node?: NodeSide;
  /**
   * Called when the API server is ready, before the controller manager starts. The garbage collector knows CRDs
   * installed here from its start; later ones it discovers up to 30 s after their installation.
   */
  readonly prepare?: (address: ApiServerAddress) => Promise<void>;
  readonly etcdFlags?: readonly string[];
  /** A folder for all data and logs, made if missing, never removed; starting on it again finds the old objects. */
  readonly keepDataIn?: string;
  /** Receives progress of downloads and builds, and processes that end by themselves; default: standard error. */
  readonly report?: Report;
}

export interface ControlPlane {
  /** The version that the API server reports: `1.37.2`. */
  readonly version: string;
  /** `https://127.0.0.1:<port>`, the same over restarts. */
  readonly url: string;
  /** PEM; verifies `url` for 127.0.0.1. */
  readonly certificateAuthority: string;
  /** Of the user `admin` in `system:masters`. */
  readonly adminToken: string;
  readonly kubeconfigPath: string;
  /** The text at `kubeconfigPath`: YAML, with the admin's token. */
  readonly kubeconfig: string;
  /** Data and logs (`kube-apiserver.log`, `etcd.log`, …). */
  readonly folder: string;
  /** Process ids by program name (`kube-apiserver`, `etcd`, …, `supervisor`), of what runs now. */
  processIds(): Readonly<Record<string, number>>;
  /** Stops the API server if it runs, starts it on the same port, and waits until it is ready. Objects stay. */
  restartApiServer(): Promise<void>;
  /**
   * Graceful (SIGTERM, about a second): watches end cleanly. Settles when the process is gone.
   * `restartApiServer` starts it again.
   */
  stopApiServer(): Promise<void>;
  /** SIGKILL: connections are cut in the middle; settles when the process is gone. */
  killApiServer(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  pauseApiServer(): void;
  /** SIGCONT. */
  resumeApiServer(): void;
  /**
   * A backup of etcd: the API server and etcd stop, their data is copied, and both start again (about 5 s).
   *
   * @returns restores the copy in the same way: the cluster is then as it was, resource versions count from there again
   */
  backUp(): Promise<() => Promise<void>>;
  /** Kills everything and removes the data unless kept; settles when all is gone. More calls do no harm. */
  stop(): Promise<void>;
}

/** A graceful stop takes 1.1 s (kube-apiserver 1.37.2), or as long as the slowest request in progress. */
const STOP_GRACE_MS = 15_000;

/** Another process may take a free port before the API server does. */
const PORT_ATTEMPTS = 3;

/**
 * Starts a control plane and waits until it is ready (3 to 4 s when the programs are at hand): `/readyz` answers 200,
 * the namespace `default` exists, and with a controller manager its ServiceAccount `default` too.
 *
 * Several may run at once. It does not keep Node alive: when its owner ends, in whatever way, so does it.
 *
 * @throws Error of `findControlPlaneBinaries`; when a process ends during the start (with the last 20 lines of its
 *         log); when it is not ready after 60 s. Nothing is left running then.
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const report = options.report ?? createReport(process.stderr);
  const controllerManager = options.controllerManager ?? false;
  const binaries = await findControlPlaneBinaries(options.version ?? wantedVersion(), { report, controllerManager });
  // A short name: the path of a Unix socket has at most 103 characters on some systems.
  const temporary = mkdtempSync(join(realpathSync(tmpdir()), 'kube-'));
  const group = createProcessGroup(temporary);
  try {
    return await startIn(temporary, { binaries, group, options, report });
  } catch (error) {
    await group.end();
    throw error;
  }
}

interface StartInput {
  readonly binaries: ControlPlaneBinaries;
  readonly group: ProcessGroup;
  readonly options: ControlPlaneOptions;
  readonly report: Report;
}

async function startIn(temporary: string, input: StartInput): Promise<ControlPlane> {
  const { binaries, group, options, report } = input;
  const folder = options.keepDataIn ? resolve(options.keepDataIn) : temporary;
  const files = makeFiles(folder, temporary);
  const adminToken = ensureCredentials(files);
  if (options.node) addNode(files, options.node);
  const run = async <T>(
    name: string,
    program: string,
    args: readonly string[],
    ready: Launch<T>['ready'],
  ): Promise<T> => await launch(group, { name, program, args, log: join(folder, `${name}.log`), ready, report });

  const runEtcd = async (): Promise<boolean> =>
    await run('etcd', binaries.etcd, makeEtcdFlags(files, options.etcdFlags ?? []), async () => {
      return await socketAnswers(etcdSocket(files));
    });
  await runEtcd();

  const manage = binaries.kubeControllerManager !== undefined;
  const runApiServer = async (port: number): Promise<{ url: string; certificateAuthority: string }> => {
    const more = [...(options.node ? makeNodeFlags(options.node.address) : []), ...(options.apiServerFlags ?? [])];
    const flags = makeApiServerFlags(files, port, manage, more);
    return await run('kube-apiserver', binaries.kubeApiserver, flags, async () => {
      const certificateAuthority = readCertificateAuthority(files.certificates);
      if (!certificateAuthority) return undefined;
      const address = { url: `https://127.0.0.1:${port}`, certificateAuthority, token: adminToken };
      for (const path of ['/readyz', '/api/v1/namespaces/default']) {
        if ((await askApiServer(address, path)).status !== 200) return undefined;
      }
      return address;
    });
  };
  const { url, certificateAuthority } = await onFreePort(runApiServer);
  const address = { url, certificateAuthority, token: adminToken };
  const stopApiServer = async (): Promise<void> => await group.terminate('kube-apiserver', STOP_GRACE_MS);
  const restartApiServer = async (): Promise<void> => {
    await stopApiServer();
    await runApiServer(Number(new URL(url).port));
  };
  /** Both are down while `work` changes etcd's data. */
  const whileDown = async (work: () => void): Promise<void> => {
    await stopApiServer();
    await group.terminate('etcd', STOP_GRACE_MS);
    work();
    await runEtcd();
    await restartApiServer();
  };
  const kubeconfig = makeKubeconfig(url, certificateAuthority, adminToken);
  writeFileSync(files.kubeconfig, kubeconfig, { mode: 0o600 });

  await options.prepare?.(address);
  if (binaries.kubeControllerManager !== undefined) {
    const flags = makeControllerManagerFlags(files, options.moreControllers ?? []);
    await run('kube-controller-manager', binaries.kubeControllerManager, flags, async () => {
      const { status } = await askApiServer(address, '/api/v1/namespaces/default/serviceaccounts/default');
      return status === 200 ? true : undefined;
    });
  }

  const { gitVersion } = JSON.parse((await askApiServer(address, '/version')).body) as { readonly gitVersion: string };
  return {
    version: gitVersion.replace(/^v/u, ''),
    url,
    certificateAuthority,
    adminToken,
    kubeconfigPath: files.kubeconfig,
    kubeconfig,
    folder,
    processIds: () => ({
      supervisor: group.supervisorPid,
      ...Object.fromEntries(group.running().map(({ name, pid }) => [name, pid])),
    }),
    restartApiServer,
    stopApiServer,
    killApiServer: async () => await group.terminate('kube-apiserver', 0),
    pauseApiServer: () => group.signal('kube-apiserver', 'SIGSTOP'),
    resumeApiServer: () => group.signal('kube-apiserver', 'SIGCONT'),
    async backUp() {
      const copy = mkdtempSync(join(temporary, 'backup-'));
      await whileDown(() => cpSync(files.etcdData, copy, { recursive: true }));
      return async () =>
        await whileDown(() => {
          rmSync(files.etcdData, { recursive: true });
          cpSync(copy, files.etcdData, { recursive: true });
        });
    },
    stop: async () => await group.end(),
  };
}

/** Runs `start` on a free port, and on another one when another process was quicker to take it. */
async function onFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(await findFreePort());
    } catch (error) {
      const taken = error instanceof EarlyEndError && error.message.includes('address already in use');
      if (!taken || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

function makeFiles(folder: string, temporary: string): ControlPlaneFiles {
  const files = {
    etcdData: join(folder, 'etcd'),
    sockets: join(temporary, 'sockets'),
    certificates: join(folder, 'certificates'),
    tokens: join(folder, 'tokens.csv'),
    serviceAccountKey: join(folder, 'service-account.key'),
    serviceAccountPublicKey: join(folder, 'service-account.pub'),
    kubeconfig: join(folder, 'kubeconfig'),
  };
  // etcd refuses a data folder that other users can read.
  for (const path of [folder, files.etcdData, files.sockets]) mkdirSync(path, { recursive: true, mode: 0o700 });
  return files;
}
