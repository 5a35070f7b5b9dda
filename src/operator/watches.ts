// What the operator watches, under which selector, and what it keeps of it.

import { LEGACY, RESOURCES } from '../api/kinds.ts';
import { NAMESPACES, objectKey, type ResourceDescriptor, SECRETS, SERVICE_ACCOUNTS } from '../api/meta.ts';
import { CLUSTER_KIND, CREDENTIALS_LABEL, MANAGED_BY_LABEL, NAMESPACED_KIND, OPERATOR_NAME } from '../api/names.ts';
import type { SeenSecret } from '../core/seen-secret.ts';
import type { KubeReader } from '../kube/client.ts';
import type { PartedStore } from '../kube/parted-store.ts';
import { createReflector, type ReflectorOptions } from '../kube/reflector.ts';
import type { ReflectorEvent } from '../kube/reflector-state.ts';
import type { Store, Stored } from '../kube/store.ts';
import type { JsonRecord } from '../lib/json.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock, Random } from '../lib/time.ts';
import type { NamedReflector } from './health.ts';
import type { HeldLogins } from './login/held-logins.ts';
import type { ClusterStores, ClusterView } from './state/cluster-view.ts';
import {
  dockerConfigOf,
  inputsOf,
  legacyOf,
  namespaceOf,
  pullSecretOf,
  type StoredNamespace,
  seenSecretOf,
  versionOf,
} from './state/reduced-objects.ts';
import { accountOf } from './state/seen-account.ts';

/** Names of the watches, in metrics and probes, by store. */
const NAMES = {
  namespaced: RESOURCES[NAMESPACED_KIND].plural,
  cluster: RESOURCES[CLUSTER_KIND].plural,
  namespaces: NAMESPACES.plural,
  credentials: 'credentials',
  legacy: LEGACY.plural,
  secrets: SECRETS.plural,
  accounts: SERVICE_ACCOUNTS.plural,
} as const;
type Name = (typeof NAMES)[keyof typeof NAMES];

/** Names of the watches for metrics. */
export function watchedNames({ scope, convertsLegacy, attaches }: Watched): readonly string[] {
  const isOff = (name: Name): boolean =>
    (name === NAMES.legacy && !convertsLegacy) || (name === NAMES.accounts && !attaches);
  const names = (scope ? PARTED : Object.values(NAMES)).filter((name) => !isOff(name));
  return scope ? names.flatMap((name) => scope.map((namespace) => nameOf(name, namespace))) : names;
}

/** What is watched beside what every operator watches. */
interface Watched {
  /** The only namespaces to watch; undefined: the whole cluster, and what belongs to no namespace. */
  readonly scope: readonly string[] | undefined;
  /** Whether the operator watches objects of the deprecated kind. */
  readonly convertsLegacy: boolean;
  /** Whether it watches ServiceAccounts. */
  readonly attaches: boolean;
}

/** What is watched in each namespace when only some are. */
const PARTED: readonly Name[] = [NAMES.namespaced, NAMES.credentials, NAMES.secrets, NAMES.accounts];

function nameOf(name: Name, namespace: string | undefined): string {
  return namespace === undefined ? name : `${name} in ${namespace}`;
}

export interface WatchesParts extends Watched {
  readonly client: Pick<KubeReader, 'list' | 'watch'>;
  readonly view: ClusterView;
  readonly stores: ClusterStores;
  readonly heldLogins: Pick<HeldLogins, 'restore'>;
  /** Is notified of each event of the watch with this name. */
  readonly onReflectorEvent: (name: string, event: ReflectorEvent) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface Watches {
  readonly objects: readonly NamedReflector[];
  /**
   * The caller starts them when the objects are known: their status proves which logins in the Secrets can be trusted.
   */
  readonly secrets: readonly NamedReflector[];
  /** Size of each store, by name. */
  readonly sizes: ReadonlyMap<string, { readonly size: number }>;
}

export function createWatches(parts: WatchesParts): Watches {
  const { client, view, stores, heldLogins, onReflectorEvent, scope, clock, random, log } = parts;

  /** Takes the logins out of a Secret before it is reduced to digests. */
  const reduceSecret = (raw: JsonRecord): SeenSecret | undefined => {
    const seen = seenSecretOf(raw);
    const owner = seen?.ownerUidLabel === undefined ? undefined : view.objectByUid(seen.ownerUidLabel);
    if (owner) heldLogins.restore(owner, dockerConfigOf(raw) ?? '', inputsOf(raw));
    return seen;
  };
  const reflect = <Item extends Stored>(
    name: Name,
    resource: ResourceDescriptor,
    store: Store<Item>,
    reduce: (raw: JsonRecord) => Item | undefined,
    over: Pick<ReflectorOptions<Item>, 'labelSelector' | 'optional' | 'namespace'> = {},
  ): NamedReflector => {
    const full = nameOf(name, over.namespace);
    const tools = { client, clock, random, log, onReflectorEvent: onReflectorEvent.bind(undefined, full) };
    return [full, createReflector({ resource, store, reduce, ...tools, ...over })];
  };
  const reflectParts = <Item extends Stored>(
    name: Name,
    resource: ResourceDescriptor,
    { parts }: PartedStore<Item>,
    reduce: (raw: JsonRecord) => Item | undefined,
    labelSelector?: string,
  ): readonly NamedReflector[] =>
    parts.map(({ namespace, store }) => {
      const selector = labelSelector === undefined ? {} : { labelSelector };
      // A namespace whose Role is missing keeps the others from nothing.
      const over = namespace === undefined ? selector : { ...selector, namespace, optional: 'right' as const };
      return reflect(name, resource, store, reduce, over);
    });
  const ofCluster = (): readonly NamedReflector[] => [
    reflect(NAMES.cluster, RESOURCES[CLUSTER_KIND], stores.cluster, (raw) => pullSecretOf(CLUSTER_KIND, raw)),
    reflect(NAMES.namespaces, NAMESPACES, stores.namespaces, namespaceOf),
    ...(parts.convertsLegacy ? [reflect(NAMES.legacy, LEGACY, stores.legacy, legacyOf, { optional: 'kind' })] : []),
  ];

  if (scope) stores.namespaces.replace(asThere(scope), '0');
  return {
    objects: [
      ...reflectParts(NAMES.namespaced, RESOURCES[NAMESPACED_KIND], stores.namespaced, (raw) => {
        const object = pullSecretOf(NAMESPACED_KIND, raw);
        return object && view.quota.reserve(object);
      }),
      ...reflectParts(NAMES.credentials, SECRETS, stores.credentials, versionOf, `${CREDENTIALS_LABEL}=true`),
      ...(parts.attaches ? reflectParts(NAMES.accounts, SERVICE_ACCOUNTS, stores.accounts, accountOf) : []),
      ...(scope ? [] : ofCluster()),
    ],
    secrets: reflectParts(NAMES.secrets, SECRETS, stores.secrets, reduceSecret, `${MANAGED_BY_LABEL}=${OPERATOR_NAME}`),
    sizes: new Map(Object.entries(NAMES).map(([store, name]) => [name, view[store as keyof typeof NAMES]])),
  };
}

/** Namespaces that the operator may not read: it takes them to be there, and learns from its writes when one is not. */
function asThere(scope: readonly string[]): ReadonlyMap<string, StoredNamespace> {
  const whole = { labels: new Map(), hasAllLabels: true, terminating: false, resourceVersion: '0' };
  return new Map(scope.map((name) => [objectKey(undefined, name), { ...whole, name }]));
}
