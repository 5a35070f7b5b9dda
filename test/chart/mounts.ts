// The volumes of a pod that runs as a process: each is a folder, and the paths in its arguments name that one instead.

import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestApi } from '../../testing/api-server/test-api.ts';

export interface Volume {
  readonly name: string;
  readonly secret?: { readonly secretName: string };
}

export interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
}

export interface Mounts {
  /** A text of the pod's, with the folders that are really there. */
  readonly locate: (text: string) => string;
  /** Writes what has changed in the cluster, as a kubelet does from time to time. */
  refresh(): Promise<void>;
  remove(): void;
}

/** @throws Error while one of the Secrets is not there: the pod cannot start yet */
export async function makeMounts(
  api: TestApi,
  namespace: string,
  mounts: readonly VolumeMount[],
  volumes: readonly Volume[],
): Promise<Mounts> {
  const made = mounts.flatMap(({ name, mountPath }) => {
    const secret = volumes.find((volume) => volume.name === name)?.secret?.secretName;
    return secret === undefined
      ? []
      : [{ secret, mountPath, folder: mkdtempSync(join(tmpdir(), 'mount-')), version: '' }];
  });
  const remove = (): void => {
    for (const { folder } of made) rmSync(folder, { recursive: true, force: true });
  };
  const refresh = async (): Promise<void> => {
    for (const one of made) {
      const { status, body } = await api.get(`/api/v1/namespaces/${namespace}/secrets/${one.secret}`);
      // What was there stays when the Secret goes.
      if (status !== 200 && one.version !== '') continue;
      if (status !== 200) throw new Error(`secret ${one.secret} is not there yet`);
      const { metadata, data } = body;
      if (metadata.resourceVersion === one.version) continue;
      for (const [key, value] of Object.entries((data ?? {}) as Record<string, string>)) {
        // Never half a file.
        const part = join(one.folder, `.${key}.part`);
        writeFileSync(part, Buffer.from(value, 'base64'), { mode: 0o600 });
        renameSync(part, join(one.folder, key));
      }
      one.version = metadata.resourceVersion;
    }
  };
  try {
    await refresh();
  } catch (error) {
    remove();
    throw error;
  }
  return {
    locate: (text) => made.reduce((found, { mountPath, folder }) => found.replaceAll(mountPath, folder), text),
    refresh,
    remove,
  };
}
