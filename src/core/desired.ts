// A wish and the namespaces there are -> where a Secret is wanted now. Pure.

import { REASON } from '../api/names.ts';
import { isNamespaceName, type Targets } from './resource.ts';
import { type Labels, matches } from './selector.ts';

export interface NamespaceView {
  readonly name: string;
  readonly labels: Labels;
  readonly terminating: boolean;
}

export interface Target {
  readonly namespace: string;
  /** Named by the CR, rather than come by its selector: only a failure in such a namespace makes the CR not Ready. */
  readonly named: boolean;
}

export interface Problem {
  readonly namespace: string;
  readonly named: boolean;
  readonly reason: string;
  readonly message: string;
}

export interface Desired {
  /** Sorted by namespace, no repeats. */
  readonly targets: readonly Target[];
  /** Named namespaces in which nothing can be wanted yet. */
  readonly problems: readonly Problem[];
}

/**
 * Where the Secret is wanted: named namespaces and selected ones, minus the excluded.
 *
 * A terminating namespace takes no new Secret and needs none; it counts as not wanted, named or not.
 */
export function desiredTargets(wish: Targets, namespaces: ReadonlyMap<string, NamespaceView>): Desired {
  const targets = new Map<string, Target>();
  const problems: Problem[] = [];
  for (const namespace of wish.named) {
    if (wish.excluded.has(namespace)) continue;
    const view = namespaces.get(namespace);
    // Watches bring an object and its namespace in any order.
    const isThere = view ? !view.terminating : wish.isOwn;
    if (isThere) targets.set(namespace, { namespace, named: true });
    else if (!view) problems.push(missingNamespace(namespace, true));
  }
  if (wish.selector) {
    for (const view of namespaces.values()) {
      if (targets.has(view.name) || !isSelected(wish, view)) continue;
      targets.set(view.name, { namespace: view.name, named: false });
    }
  }
  return { targets: [...targets.values()].sort((one, other) => (one.namespace < other.namespace ? -1 : 1)), problems };
}

/** Nothing can be written there yet. */
export function missingNamespace(namespace: string, named: boolean): Problem {
  const message = isNamespaceName(namespace)
    ? `namespace ${namespace} does not exist; the Secret is created as soon as it does`
    : 'no namespace can have this name';
  return { namespace, named, reason: REASON.namespaceNotFound, message };
}

/** Whether the selector alone makes this namespace a target. */
function isSelected({ selector, excluded }: Targets, view: NamespaceView): boolean {
  return selector !== undefined && !view.terminating && !excluded.has(view.name) && matches(selector, view.labels);
}

/** Whether a change of one namespace can change what a wish means; `undefined` is a namespace that is not there. */
export function concerns(wish: Targets, before: NamespaceView | undefined, after: NamespaceView | undefined): boolean {
  const name = (after ?? before)?.name;
  if (name === undefined || wish.excluded.has(name)) return false;
  const wants = (view: NamespaceView | undefined): boolean =>
    view !== undefined && !view.terminating && (wish.named.includes(name) || isSelected(wish, view));
  return (
    wants(before) !== wants(after) || (wish.named.includes(name) && (before === undefined) !== (after === undefined))
  );
}
