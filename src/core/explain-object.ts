// Why an object of the operator has no good Secret in one namespace. Pure.

import { CONDITION_READY, CONDITION_RECONCILING, CONDITION_STALLED, REASON } from '../api/names.ts';
import type { PullSecretStatus } from '../api/schema.ts';
import type { NamespaceView } from './desired.ts';
import type { PullSecretObject, Targets } from './resource.ts';
import { match, type Requirement } from './selector.ts';

/** One answer to "why". */
export interface Explanation {
  /** CamelCase word that names the cause. */
  readonly cause: string;
  /** What is so, in sentences. */
  readonly what: string;
  /** What to do next, in one sentence. */
  readonly next: string;
}

const SHORT_NAMES = { AWSECRImagePullSecret: 'aeps', ClusterAWSECRImagePullSecret: 'caeps' } as const;

/** How kubectl is told of an object, such as `aeps/login -n shop`. */
export function kubectlName({ kind, namespace, name }: Pick<PullSecretObject, 'kind' | 'namespace' | 'name'>): string {
  return `${SHORT_NAMES[kind]}/${name}${namespace === undefined ? '' : ` -n ${namespace}`}`;
}

/**
 * Why the wish of a cluster object leaves a namespace out.
 *
 * @param areLabelsSeen  `labels` of the namespace are known
 */
export function whyNotSelected(
  object: PullSecretObject,
  { named, selector, excluded }: Targets,
  { name: namespace, labels, hasAllLabels }: NamespaceView,
  areLabelsSeen: boolean,
): Explanation {
  const who = `${object.kind} ${object.name}`;
  if (excluded.has(namespace))
    return {
      cause: 'NamespaceExcluded',
      what: `${who} leaves namespace ${namespace} out by its spec.excludeNamespaces.`,
      next: `Take ${namespace} out of that list: kubectl edit ${kubectlName(object)}`,
    };
  const lacking = selector?.filter((one) => match([one], labels, hasAllLabels) !== 'yes') ?? [];
  const [first] = lacking;
  if (!first) {
    const how = selector ? 'is being deleted' : `is not among the ${named.length} in its spec.namespaces`;
    return {
      cause: 'NamespaceNotSelected',
      what: `${who} does not serve namespace ${namespace}: it ${how}.`,
      next: `Add ${namespace} to spec.namespaces: kubectl edit ${kubectlName(object)}`,
    };
  }
  const what = areLabelsSeen
    ? lacking.map((one) => wordsOf(one, labels.get(one.label))).join('; ')
    : `you may not see its labels (${wordsOf(first, undefined)}?)`;
  const inList = `name the namespace in spec.namespaces: kubectl edit ${kubectlName(object)}`;
  const command = lacking.length === 1 ? labelling(namespace, first, labels.get(first.label)) : undefined;
  return {
    cause: 'NamespaceNotSelected',
    what: `${who} does not select namespace ${namespace}: ${what}.`,
    next:
      command === undefined
        ? `${inList.replace('name', 'Name')} (others may select by the labels that it has)`
        : `${command}, or ${inList}`,
  };
}

function wordsOf({ label, operator, values }: Requirement, present: string | undefined): string {
  const list = [...values].join(' or ');
  switch (operator) {
    case 'In':
      return present === undefined
        ? `the label ${label}=${list} is missing`
        : `the label ${label} is ${present}, and not ${list}`;
    case 'Exists':
      return `the label ${label} is missing`;
    case 'NotIn':
      return `the label ${label} is ${list}`;
    case 'DoesNotExist':
      return `it has the label ${label}`;
  }
}

/** Only what changes nothing for others: a label that the namespace does not have yet. */
function labelling(
  namespace: string,
  { label, operator, values }: Requirement,
  present: string | undefined,
): string | undefined {
  const [value = 'true'] = values;
  const isAdded = present === undefined && (operator === 'In' || operator === 'Exists');
  return isAdded ? `Run kubectl label namespace ${namespace} ${label}=${value}` : undefined;
}

/** What helps, by the reason of a problem or a condition. */
const HELP: ReadonlyMap<string, string> = new Map(
  Object.entries({
    [REASON.secretConflict]:
      'Create the object again with another secretName, which takes nothing from anybody; or, when nobody needs that Secret, do as the message says',
    [REASON.secretContested]: 'Find out who else writes the Secret (its managedFields), and stop that',
    [REASON.secretTerminating]: 'See who holds the Secret by its finalizers, and let it go',
    [REASON.namespaceNotFound]: 'Create the namespace',
    [REASON.createSecretError]:
      'Change the quota or the policy that the message names; the operator tries again by itself',
    [REASON.updateSecretError]: 'Change the policy that the message names; the operator tries again by itself',
    [REASON.loginFailed]: 'Mend the AWS identity of the object; a changed key is tried at once',
    [REASON.tokenExpired]: 'Mend what keeps the login from being renewed',
    [REASON.retrying]:
      'Wait, or see whether the service that the message names can be reached; the operator tries again by itself',
    [REASON.invalidSpec]: 'Change the field that the message names',
    [REASON.secretTooLarge]: 'Name fewer regions, accounts or hosts in spec.registries',
    [REASON.quotaExceeded]: 'Delete objects of this namespace, or have --objects-per-namespace raised',
  }),
);

/** What the status says is wrong with the Secret of one namespace; undefined when it says nothing. */
export function faultOf(object: PullSecretObject, namespace: string): Explanation | undefined {
  const found = problemIn(object.status, namespace) ?? conditionWrong(object.status);
  if (!found) return undefined;
  const see = `kubectl describe ${kubectlName(object)}`;
  return {
    cause: found.reason,
    what: `${object.kind} ${object.name} reports ${found.reason}: ${found.message}`,
    next: `${HELP.get(found.reason) ?? 'Do as the message says'} (${see})`,
  };
}

interface Reported {
  readonly reason: string;
  readonly message: string;
}

export function problemIn({ problems }: PullSecretStatus, namespace: string): Reported | undefined {
  return problems?.items.find((problem) => problem.namespace === namespace);
}

/** Ready may stand for other namespaces, and is then no word about this one. */
function conditionWrong({ conditions = [] }: PullSecretStatus): Reported | undefined {
  const of = (type: string) => conditions.find((condition) => condition.type === type);
  const ready = of(CONDITION_READY);
  const others: ReadonlySet<string> = new Set([REASON.partiallyReady, REASON.noNamespaces]);
  const notReady = ready && ready.status !== 'True' && !others.has(ready.reason) ? ready : undefined;
  // A login that fails by itself is tried again; one that is denied waits for a change.
  return of(CONDITION_STALLED) ?? of(CONDITION_RECONCILING) ?? notReady;
}

/** The operator has seen the present spec of the object. */
export function isObserved({ generation, status }: PullSecretObject): boolean {
  return (status.conditions ?? []).length > 0 && status.observedGeneration === generation;
}
