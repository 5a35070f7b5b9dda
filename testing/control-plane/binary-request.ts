// A request to a source of binaries, be it a download or a build.

import type { Report } from './progress.ts';

export const BINARY_NAMES = ['kube-apiserver', 'etcd', 'kube-controller-manager'] as const;

export type BinaryName = (typeof BINARY_NAMES)[number];

/** The same for every source of binaries. */
export interface BinaryRequest {
  /** Kubernetes release, `x.y.z` without a `v`. */
  readonly version: string;
  readonly etcdVersion: string;
  readonly wanted: readonly BinaryName[];
  /** An existing folder, private to this request: finished files appear here under their names. */
  readonly into: string;
  readonly env: NodeJS.ProcessEnv;
  readonly report: Report;
}
