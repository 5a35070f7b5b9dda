// Wish and existing namespaces -> where a Secret is wanted now. Pure.

import { MAX_SELECTABLE_LABELS, REASON } from '../api/names.ts';
import { isNamespaceName, type Targets } from './resource.ts';
import { type Labels, type Match, match } from './selector.ts';

export interface NamespaceView {
  readonly name: string;
  readonly labels: Labels;
  /** `labels` are all its labels, not only the first of them. */
  readonly hasAllLabels: boolean;
  readonly terminating: boolean;
}

export interface Target {
  readonly namespace: string;
  /** Named by the object, not only matched by its selector: only a failure in such a namespace ends its Ready. */
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
  /**
   * Namespaces with too many labels to decide whether the selector matches: such a namespace gains no Secret and loses
   * none. One that has a Secret already is among the targets too.
   */
  readonly undecided: readonly Problem[];
}

/**
 * Where the Secret is wanted: named namespaces and selected ones, minus the excluded.
 *
 * A terminating namespace takes no new Secret and needs none; it counts as not wanted, named or not.
 *
 * @param hasSecret  whether a Secret of this object is in a namespace
 */
export function desiredTargets(
  wish: Targets,
  namespaces: ReadonlyMap<string, NamespaceView>,
  hasSecret: (namespace: string) => boolean,
): Desired {
  const targets = new Map<string, Target>();
  const problems: Problem[] = [];
  const undecided: Problem[] = [];
  for (const namespace of wish.named) {
    if (wish.excluded.has(namespace)) continue;
    const view = namespaces.get(namespace);
    // Watches deliver an object and its namespace in any order.
    const isThere = view ? !view.terminating : wish.isOwn;
    if (isThere) targets.set(namespace, { namespace, named: true });
    else if (!view) problems.push(missingNamespace(namespace, true));
  }
  if (wish.selector) {
    for (const view of namespaces.values()) {
      if (targets.has(view.name)) continue;
      const selected = selection(wish, view);
      if (selected === 'undecided') undecided.push(tooManyLabels(view.name));
      if (selected === 'yes' || (selected === 'undecided' && hasSecret(view.name)))
        targets.set(view.name, { namespace: view.name, named: false });
    }
  }
  const sorted = [...targets.values()].sort((one, other) => (one.namespace < other.namespace ? -1 : 1));
  return { targets: sorted, problems, undecided };
}

/** Nothing can be written there yet. */
export function missingNamespace(namespace: string, named: boolean): Problem {
  const message = isNamespaceName(namespace)
    ? `namespace ${namespace} does not exist; the Secret is created as soon as it does`
    : 'no namespace can have this name';
  return { namespace, named, reason: REASON.namespaceNotFound, message };
}

function tooManyLabels(namespace: string): Problem {
  const message =
    `namespace ${namespace} has more than ${MAX_SELECTABLE_LABELS} labels, and what the selector asks for is not among the first ` +
    'of them: it is given no Secret, and keeps the one it has';
  return { namespace, named: false, reason: REASON.tooManyLabels, message };
}

/** Whether the selector alone makes this namespace a target. */
function selection({ selector, excluded }: Targets, view: NamespaceView): Match {
  if (selector === undefined || view.terminating || excluded.has(view.name)) return 'no';
  return match(selector, view.labels, view.hasAllLabels);
}

/** Whether an existing namespace is certain to be a target, by its name or its labels. */
export function isTarget(wish: Targets, view: NamespaceView): boolean {
  if (view.terminating || wish.excluded.has(view.name)) return false;
  return wish.named.includes(view.name) || selection(wish, view) === 'yes';
}

/** Whether a change of one namespace can change the targets of a wish; `undefined` is a missing namespace. */
export function concerns(wish: Targets, before: NamespaceView | undefined, after: NamespaceView | undefined): boolean {
  const name = (after ?? before)?.name;
  if (name === undefined || wish.excluded.has(name)) return false;
  const isNamed = wish.named.includes(name);
  const answer = (view: NamespaceView | undefined): Match => {
    if (view === undefined || view.terminating) return 'no';
    return isNamed ? 'yes' : selection(wish, view);
  };
  return answer(before) !== answer(after) || (isNamed && (before === undefined) !== (after === undefined));
}
