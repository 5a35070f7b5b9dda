// How a Kubernetes object is addressed: the path of its kind, and its key.

/** The group, version and plural in the path of a request. */
export interface ResourceDescriptor {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

export const SECRETS: ResourceDescriptor = { group: '', version: 'v1', plural: 'secrets', namespaced: true };
export const SERVICE_ACCOUNTS: ResourceDescriptor = {
  group: '',
  version: 'v1',
  plural: 'serviceaccounts',
  namespaced: true,
};
export const NAMESPACES: ResourceDescriptor = { group: '', version: 'v1', plural: 'namespaces', namespaced: false };
export const EVENTS: ResourceDescriptor = { group: 'events.k8s.io', version: 'v1', plural: 'events', namespaced: true };
export const LEASES: ResourceDescriptor = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  namespaced: true,
};
export const VALIDATING_WEBHOOKS: ResourceDescriptor = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'validatingwebhookconfigurations',
  namespaced: false,
};

/** `namespace/name`, or `/name` for what has no namespace. */
export type ObjectKey = string;

export function objectKey(namespace: string | undefined, name: string): ObjectKey {
  return `${namespace ?? ''}/${name}`;
}

export function splitKey(key: ObjectKey): { readonly namespace: string | undefined; readonly name: string } {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash) || undefined, name: key.slice(slash + 1) };
}
