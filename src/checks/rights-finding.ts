// Whether the account that asks has the rights that the operator needs, by the API server's own answer.

import { GROUP } from '../api/names.ts';
import type { Transport } from '../kube/transport.ts';
import { recordOf } from '../lib/json.ts';
import { type Finding, well, wrong } from './finding.ts';

interface Right {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  /** Of the whole cluster only: an operator of some namespaces does without. */
  readonly isOfCluster?: boolean;
}

const all = (verbs: readonly string[], right: Omit<Right, 'verb'>): readonly Right[] =>
  verbs.map((verb) => ({ verb, ...right }));

/** Those that every operator needs, as the chart grants them (charts/…/templates/rbac.yaml). */
export const RIGHTS: readonly Right[] = [
  ...all(['get', 'list', 'watch'], { group: GROUP, resource: 'awsecrimagepullsecrets' }),
  ...all(['patch'], { group: GROUP, resource: 'awsecrimagepullsecrets', subresource: 'status' }),
  ...all(['get', 'list', 'watch'], { group: GROUP, resource: 'clusterawsecrimagepullsecrets', isOfCluster: true }),
  ...all(['patch'], {
    group: GROUP,
    resource: 'clusterawsecrimagepullsecrets',
    subresource: 'status',
    isOfCluster: true,
  }),
  ...all(['get', 'list', 'watch', 'create', 'patch', 'delete'], { group: '', resource: 'secrets' }),
  ...all(['create', 'patch'], { group: 'events.k8s.io', resource: 'events' }),
  ...all(['list', 'watch'], { group: '', resource: 'namespaces', isOfCluster: true }),
];

/** Those that the switch of the chart gives beside them. */
const OF_ATTACHMENTS = all(['list', 'watch', 'patch'], { group: '', resource: 'serviceaccounts' });

const REVIEWS = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

/**
 * @param operator  what it is told: the only namespaces that it works in, and whether it changes ServiceAccounts
 * @throws Failure when the API server could not be asked
 */
export async function rightsFinding(
  transport: Transport,
  { scope = [], attaches }: { readonly scope: readonly string[] | undefined; readonly attaches: boolean },
  signal: AbortSignal,
): Promise<Finding> {
  const needed = [...RIGHTS, ...(attaches ? OF_ATTACHMENTS : [])];
  const rights = scope.length === 0 ? needed : needed.filter(({ isOfCluster }) => !isOfCluster);
  const missing: string[] = [];
  for (const namespace of scope.length === 0 ? [undefined] : scope) {
    const answers = await Promise.all(rights.map((right) => isAllowed(transport, right, namespace, signal)));
    const where = namespace === undefined ? '' : ` in namespace ${namespace}`;
    for (const [at, isGiven] of answers.entries()) if (!isGiven) missing.push(`${wordsOf(rights[at])}${where}`);
  }
  if (missing.length === 0) return well('this account has the rights that the operator needs');
  const more = missing.length > MOST_NAMED ? ` and ${missing.length - MOST_NAMED} more` : '';
  return wrong(
    `this account may not ${missing.slice(0, MOST_NAMED).join(', ')}${more}: are the roles of the chart and their bindings there (rbac.create)?`,
  );
}

const MOST_NAMED = 5;

async function isAllowed(
  transport: Transport,
  { verb, group, resource, subresource }: Right,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const resourceAttributes = { verb, group, resource, subresource, namespace };
  const body = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes } };
  const answer = await transport.send({ method: 'POST', path: REVIEWS, body }, signal);
  return answer.ok && recordOf(recordOf(answer.json)['status'])['allowed'] === true;
}

function wordsOf(right: Right | undefined): string {
  if (!right) return '';
  const { verb, resource, subresource } = right;
  return `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}`;
}
