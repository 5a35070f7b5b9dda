// Metrics read from the stores at each scrape: objects, pull secrets and logins; for each object as well, up to a
// bound.

import {
  CLUSTER_KIND,
  CONDITION_READY,
  CONDITION_RECONCILING,
  CONDITION_STALLED,
  NAMESPACED_KIND,
} from '../../api/names.ts';
import type { PullSecretStatus } from '../../api/schema.ts';
import { isServed } from '../../core/quota.ts';
import type { PullSecretObject } from '../../core/resource.ts';
import { SIDE_CONDITIONS } from '../../core/side-condition.ts';
import type { Definition, Metrics, Sample } from '../../lib/metrics.ts';
import { type Clock, type EpochMs, parseRfc3339 } from '../../lib/time.ts';
import type { ClusterView } from '../state/cluster-view.ts';
import { METRIC } from './metric-catalogue.ts';

export interface StoreTelemetryOptions {
  readonly view: ClusterView;
  readonly clock: Clock;
  /** Objects that have series of their own; 0: none. */
  readonly perObject: number;
  /** Size of each store, by the name of its reflector. */
  readonly sizes: ReadonlyMap<string, { readonly size: number }>;
  /**
   * Whether this replica shows what is known of objects: all replicas see the same, and sums over them would count it
   * twice.
   */
  readonly isShown: () => boolean;
}

const READY = ['True', 'False', 'Unknown'] as const;
/** Conditions of other types are another writer's, and could be many. */
const CONDITIONS: ReadonlySet<string> = new Set([
  CONDITION_READY,
  CONDITION_RECONCILING,
  CONDITION_STALLED,
  ...SIDE_CONDITIONS,
]);
const STATES = ['ready', 'expired', 'failing', 'pending'] as const;
const TROUBLES = [CONDITION_RECONCILING, CONDITION_STALLED] as const;

export function observeStores(metrics: Metrics, options: StoreTelemetryOptions): void {
  const { view, clock, perObject, sizes, isShown } = options;
  metrics.observe(METRIC.watchedObjects, () =>
    [...sizes].map(([resource, { size }]) => ({ labels: { resource }, value: size })),
  );
  const observe = <Label extends string>(of: Definition<Label>, samples: () => readonly Sample<Label>[]): void =>
    metrics.observe(of, () => (isShown() ? samples() : []));
  const observeOne = (of: Definition<never>, value: () => number | undefined): void =>
    metrics.observeOne(of, () => (isShown() ? value() : undefined));

  observe(METRIC.objects, () => countObjects(view.objects()));
  observe(METRIC.objectsByCondition, () => {
    const objects = [...view.objects()];
    return TROUBLES.map((type) => ({ labels: { type }, value: objects.filter((one) => isTrue(one, type)).length }));
  });
  observe(METRIC.secrets, () => countSecrets(view.objects(), clock.now()));
  observeOne(METRIC.tokenExpiry, () => least([...view.objects()].flatMap(({ status }) => instant(status.expiresAt))));
  observeOne(METRIC.tokenRefresh, () => {
    const newest = least([...view.objects()].flatMap(({ status }) => instant(status.refreshedAt)).map((at) => -at));
    return newest === undefined ? undefined : -newest;
  });
  observe(METRIC.objectTokenExpiry, () =>
    shown(view, perObject).flatMap((object) =>
      instant(object.status.expiresAt).map((value) => ({ labels: namesOf(object), value })),
    ),
  );
  observe(METRIC.objectCondition, () => shown(view, perObject).flatMap(conditionsOf));
  observe(METRIC.objectSecrets, () => shown(view, perObject).flatMap(secretsOf));
  observeOne(
    METRIC.objectsWaiting,
    () => [...view.namespaced.entries()].filter(([, object]) => object.isWaiting && !isServed(object)).length,
  );
  observeOne(METRIC.objectsOmitted, () => {
    const { size } = view.namespaced;
    return Math.max(0, size + view.cluster.size - perObject);
  });
}

function countObjects(objects: Iterable<PullSecretObject>): readonly Sample<'kind' | 'ready'>[] {
  const counts = new Map([NAMESPACED_KIND, CLUSTER_KIND].map((kind) => [kind, new Map<string, number>()]));
  for (const object of objects) {
    const mine = counts.get(object.kind);
    const ready = statusOf(object, CONDITION_READY);
    mine?.set(ready, (mine.get(ready) ?? 0) + 1);
  }
  return [...counts].flatMap(([kind, mine]) =>
    READY.map((ready) => ({ labels: { kind, ready }, value: mine.get(ready) ?? 0 })),
  );
}

function countSecrets(objects: Iterable<PullSecretObject>, now: EpochMs): readonly Sample<'state'>[] {
  const counts = { ready: 0, expired: 0, failing: 0, pending: 0 };
  for (const { status } of objects) {
    const { desired = 0, ready = 0 } = status.secrets ?? {};
    const [ends] = instant(status.expiresAt);
    counts[ends !== undefined && ends * 1_000 <= now ? 'expired' : 'ready'] += ready;
    const failing = failingOf(status);
    counts.failing += failing;
    counts.pending += Math.max(0, desired - ready - failing);
  }
  return STATES.map((state) => ({ labels: { state }, value: counts[state] }));
}

/** Secrets that are wanted, not in place, and listed in problems. */
function failingOf({ secrets, problems }: PullSecretStatus): number {
  const { desired = 0, ready = 0 } = secrets ?? {};
  return Math.min(Math.max(0, desired - ready), problems?.count ?? 0);
}

/** A condition that is not there is Unknown. */
function statusOf({ status }: PullSecretObject, type: string): (typeof READY)[number] {
  return status.conditions?.find((condition) => condition.type === type)?.status ?? 'Unknown';
}

function isTrue(object: PullSecretObject, type: string): boolean {
  return statusOf(object, type) === 'True';
}

/** The objects that are not ready, or stalled, come first: users and alerts look for these. */
function shown(view: ClusterView, most: number): readonly PullSecretObject[] {
  const chosen: PullSecretObject[] = [];
  for (const wantsWell of [false, true]) {
    for (const object of view.objects()) {
      if (chosen.length >= most) return chosen;
      const isWell = isTrue(object, CONDITION_READY) && !isTrue(object, CONDITION_STALLED);
      if (isWell === wantsWell) chosen.push(object);
    }
  }
  return chosen;
}

function namesOf({ kind, namespace = '', name }: PullSecretObject): Sample<'kind' | 'namespace' | 'name'>['labels'] {
  return { kind, namespace, name };
}

type ConditionLabel = 'kind' | 'namespace' | 'name' | 'type' | 'status';

function conditionsOf(object: PullSecretObject): readonly Sample<ConditionLabel>[] {
  const names = namesOf(object);
  return (object.status.conditions ?? [])
    .filter(({ type }) => CONDITIONS.has(type))
    .map(({ type, status }) => ({ labels: { ...names, type, status }, value: 1 }));
}

function secretsOf(object: PullSecretObject): readonly Sample<'kind' | 'namespace' | 'name' | 'state'>[] {
  const { status } = object;
  if (!status.secrets) return [];
  const { desired, ready } = status.secrets;
  const counts = { desired, ready, failing: failingOf(status) };
  return Object.entries(counts).map(([state, value]) => ({ labels: { ...namesOf(object), state }, value }));
}

/** Seconds; empty when the text is no instant. */
function instant(text: string | undefined): readonly number[] {
  const at = parseRfc3339(text);
  return at === undefined ? [] : [at / 1_000];
}

function least(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((one, other) => Math.min(one, other));
}
