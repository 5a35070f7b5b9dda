// Where the API server serves the operator's kinds.

import type { ResourceDescriptor } from './meta.ts';
import { CLUSTER_KIND, GROUP, LEGACY_VERSION, NAMESPACED_KIND, type PullSecretKind, VERSION } from './names.ts';

export const RESOURCES: Readonly<Record<PullSecretKind, ResourceDescriptor>> = {
  [NAMESPACED_KIND]: { group: GROUP, version: VERSION, plural: 'awsecrimagepullsecrets', namespaced: true },
  [CLUSTER_KIND]: { group: GROUP, version: VERSION, plural: 'clusterawsecrimagepullsecrets', namespaced: false },
};

/** The deprecated kind of the Go project. */
export const LEGACY: ResourceDescriptor = {
  group: GROUP,
  version: LEGACY_VERSION,
  plural: 'awsecrcredentials',
  namespaced: false,
};
