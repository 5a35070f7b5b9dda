// What the operator watches, under which selector, and what it keeps of it.

import { LEGACY, RESOURCES } from '../api/kinds.ts';
import { NAMESPACES, type ResourceDescriptor, SECRETS } from '../api/meta.ts';
import { CLUSTER_KIND, CREDENTIALS_LABEL, MANAGED_BY_LABEL, NAMESPACED_KIND, OPERATOR_NAME } from '../api/names.ts';
import type { SeenSecret } from '../core/plan.ts';
import type { KubeReader } from '../kube/client.ts';
import { createReflector, type ReflectorOptions } from '../kube/reflector.ts';
import type { ReflectorEvent } from '../kube/reflector-state.ts';
import type { Store, Stored } from '../kube/store.ts';
import type { JsonRecord } from '../lib/json.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock, Random } from '../lib/time.ts';
import type { NamedReflector } from './health.ts';
import type { LoginBook } from './login/login-book.ts';
import type { ClusterStores, ClusterView } from './state/cluster-view.ts';
import {
  dockerConfigOf,
  inputsOf,
  legacyOf,
  namespaceOf,
  pullSecretOf,
  seenSecretOf,
  versionOf,
} from './state/reduced-objects.ts';

/** Names of the watches, in metrics and probes, by store. */
const NAMES = {
  namespaced: RESOURCES[NAMESPACED_KIND].plural,
  cluster: RESOURCES[CLUSTER_KIND].plural,
  namespaces: NAMESPACES.plural,
  credentials: 'credentials',
  legacy: LEGACY.plural,
  secrets: SECRETS.plural,
} as const;
type Name = (typeof NAMES)[keyof typeof NAMES];

/** For metrics. */
export const WATCHED: readonly string[] = Object.values(NAMES);

export interface WatchesParts {
  readonly client: Pick<KubeReader, 'list' | 'watch'>;
  readonly view: ClusterView;
  readonly stores: ClusterStores;
  readonly logins: LoginBook;
  /** Whether the operator watches objects of the deprecated kind. */
  readonly convertsLegacy: boolean;
  /** Is notified of each event of the watch with this name. */
  readonly onReflectorEvent: (name: string, event: ReflectorEvent) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface Watches {
  readonly objects: readonly NamedReflector[];
  /**
   * The caller starts it when the objects are known: their status proves which logins in the Secrets can be trusted.
   */
  readonly secrets: NamedReflector;
  /** Size of each store, by name. */
  readonly sizes: ReadonlyMap<string, { readonly size: number }>;
}

export function createWatches(parts: WatchesParts): Watches {
  const { client, view, stores, logins, onReflectorEvent, clock, random, log } = parts;

  /** Takes the logins out of a Secret before it is reduced to digests. */
  const reduceSecret = (raw: JsonRecord): SeenSecret | undefined => {
    const seen = seenSecretOf(raw);
    const owner = seen?.ownerUidLabel === undefined ? undefined : view.objectByUid(seen.ownerUidLabel);
    if (owner) logins.restore(owner, dockerConfigOf(raw) ?? '', inputsOf(raw));
    return seen;
  };
  const reflect = <Item extends Stored>(
    name: Name,
    resource: ResourceDescriptor,
    store: Store<Item>,
    reduce: (raw: JsonRecord) => Item | undefined,
    over: Pick<ReflectorOptions<Item>, 'labelSelector' | 'optional'> = {},
  ): NamedReflector => {
    const tools = { client, clock, random, log, onReflectorEvent: onReflectorEvent.bind(undefined, name) };
    return [name, createReflector({ resource, store, reduce, ...tools, ...over })];
  };

  return {
    objects: [
      reflect(NAMES.namespaced, RESOURCES[NAMESPACED_KIND], stores.namespaced, (raw) => {
        const object = pullSecretOf(NAMESPACED_KIND, raw);
        return object && view.quota.reserve(object);
      }),
      reflect(NAMES.cluster, RESOURCES[CLUSTER_KIND], stores.cluster, (raw) => pullSecretOf(CLUSTER_KIND, raw)),
      reflect(NAMES.namespaces, NAMESPACES, stores.namespaces, namespaceOf),
      reflect(NAMES.credentials, SECRETS, stores.credentials, versionOf, {
        labelSelector: `${CREDENTIALS_LABEL}=true`,
      }),
      ...(parts.convertsLegacy ? [reflect(NAMES.legacy, LEGACY, stores.legacy, legacyOf, { optional: true })] : []),
    ],
    secrets: reflect(NAMES.secrets, SECRETS, stores.secrets, reduceSecret, {
      labelSelector: `${MANAGED_BY_LABEL}=${OPERATOR_NAME}`,
    }),
    sizes: new Map(Object.entries(NAMES).map(([store, name]) => [name, view[store as keyof typeof NAMES]])),
  };
}
