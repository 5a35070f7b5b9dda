// Metrics read from the stores at each scrape: objects, pull secrets and logins; for each object as well, up to a
// bound.

import {
  CLUSTER_KIND,
  CONDITION_READY,
  CONDITION_RECONCILING,
  CONDITION_STALLED,
  NAMESPACED_KIND,
} from '../../api/names.ts';
import { isServed } from '../../core/quota.ts';
import type { PullSecretObject } from '../../core/resource.ts';
import type { Metrics, Sample } from '../../lib/metrics.ts';
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
}

const READY = ['True', 'False', 'Unknown'] as const;
/** Conditions of other types are another writer's, and could be many. */
const CONDITIONS: ReadonlySet<string> = new Set([CONDITION_READY, CONDITION_RECONCILING, CONDITION_STALLED]);
const STATES = ['ready', 'expired', 'failing', 'pending'] as const;

export function observeStores(metrics: Metrics, { view, clock, perObject, sizes }: StoreTelemetryOptions): void {
  metrics.observe(METRIC.watchedObjects, () =>
    [...sizes].map(([resource, { size }]) => ({ labels: { resource }, value: size })),
  );
  metrics.observe(METRIC.objects, () => countObjects(view.objects()));
  metrics.observe(METRIC.secrets, () => countSecrets(view.objects(), clock.now()));
  metrics.observeOne(METRIC.tokenExpiry, () =>
    least([...view.objects()].flatMap(({ status }) => instant(status.expiresAt))),
  );
  metrics.observeOne(METRIC.tokenRefresh, () => {
    const newest = least([...view.objects()].flatMap(({ status }) => instant(status.refreshedAt)).map((at) => -at));
    return newest === undefined ? undefined : -newest;
  });
  metrics.observe(METRIC.objectTokenExpiry, () =>
    shown(view, perObject).flatMap((object) =>
      instant(object.status.expiresAt).map((value) => ({ labels: namesOf(object), value })),
    ),
  );
  metrics.observe(METRIC.objectCondition, () => shown(view, perObject).flatMap(conditionsOf));
  metrics.observeOne(
    METRIC.objectsWaiting,
    () => [...view.namespaced.entries()].filter(([, object]) => object.isWaiting && !isServed(object)).length,
  );
  metrics.observeOne(METRIC.objectsOmitted, () => {
    const { size } = view.namespaced;
    return Math.max(0, size + view.cluster.size - perObject);
  });
}

function countObjects(objects: Iterable<PullSecretObject>): readonly Sample<'kind' | 'ready'>[] {
  const counts = new Map([NAMESPACED_KIND, CLUSTER_KIND].map((kind) => [kind, new Map<string, number>()]));
  for (const object of objects) {
    const mine = counts.get(object.kind);
    const ready = readyOf(object);
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
    const failing = Math.min(Math.max(0, desired - ready), status.problems?.count ?? 0);
    counts.failing += failing;
    counts.pending += Math.max(0, desired - ready - failing);
  }
  return STATES.map((state) => ({ labels: { state }, value: counts[state] }));
}

function readyOf({ status }: PullSecretObject): (typeof READY)[number] {
  return status.conditions?.find(({ type }) => type === CONDITION_READY)?.status ?? 'Unknown';
}

/** The objects that are not ready come first: users look for these. */
function shown(view: ClusterView, most: number): readonly PullSecretObject[] {
  const chosen: PullSecretObject[] = [];
  for (const wantsReady of [false, true]) {
    for (const object of view.objects()) {
      if (chosen.length >= most) return chosen;
      if ((readyOf(object) === 'True') === wantsReady) chosen.push(object);
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

/** Seconds; empty when the text is no instant. */
function instant(text: string | undefined): readonly number[] {
  const at = parseRfc3339(text);
  return at === undefined ? [] : [at / 1_000];
}

function least(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((one, other) => Math.min(one, other));
}
