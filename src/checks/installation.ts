// What is installed in a cluster, as far as the caller may see it: the Deployment, the webhook and the policies.

import { X509Certificate } from 'node:crypto';
import { type ResourceDescriptor, VALIDATING_WEBHOOKS } from '../api/meta.ts';
import { DEFAULT_NAMESPACE, GROUP, OPERATOR_NAME } from '../api/names.ts';
import type { Unseen } from '../core/pull-facts.ts';
import type { KubeReader } from '../kube/client.ts';
import { type JsonRecord, listOf, recordOf, stringOf } from '../lib/json.ts';
import { type EpochMs, formatRfc3339, parseRfc3339 } from '../lib/time.ts';
import { type Finding, unseen, well, wrong } from './finding.ts';
import { listKept, orUnseen } from './seen.ts';

const PART_OF = 'app.kubernetes.io/part-of';
const OF_CHART = `${PART_OF}=${OPERATOR_NAME}`;
const DEPLOYMENTS: ResourceDescriptor = { group: 'apps', version: 'v1', plural: 'deployments', namespaced: true };
const admission = (plural: string): ResourceDescriptor => ({ ...VALIDATING_WEBHOOKS, plural });
const POLICIES = admission('validatingadmissionpolicies');
const BINDINGS = admission('validatingadmissionpolicybindings');

/** The operator's Deployment. */
export interface Installed {
  readonly namespace: string;
  readonly name: string;
  readonly wanted: number;
  readonly ready: number;
  /** Of the chart's label; empty when there is none. */
  readonly version: string;
  /** Name of its Lease; undefined: leader election is off. */
  readonly lease: string | undefined;
}

type Lister = Pick<KubeReader, 'list'>;
/** Of one kind with the chart's labels. */
const MOST = 100;

/**
 * The Deployment with the chart's labels; of several, as during a move, one that works.
 *
 * @returns `unseen` when the caller may list Deployments neither everywhere nor in the usual namespace
 */
export async function findInstalled(client: Lister, signal: AbortSignal): Promise<Installed | 'missing' | Unseen> {
  const labels = `${OF_CHART},app.kubernetes.io/component=operator`;
  const everywhere = await labelled(client, DEPLOYMENTS, undefined, labels, signal);
  const isPart = everywhere === 'unseen';
  const found = isPart ? await labelled(client, DEPLOYMENTS, DEFAULT_NAMESPACE, labels, signal) : everywhere;
  if (found === 'unseen' || (isPart && found.length === 0)) return 'unseen';
  return found.map(installedOf).toSorted((one, other) => other.ready - one.ready)[0] ?? 'missing';
}

/** What carries these labels of the chart; of one release, or a few. */
function labelled(
  client: Lister,
  resource: ResourceDescriptor,
  namespace: string | undefined,
  labelSelector: string,
  signal: AbortSignal,
): Promise<readonly JsonRecord[] | Unseen> {
  const kept = { keep: (raw: JsonRecord) => raw, most: MOST };
  return orUnseen(listKept(client, resource, { namespace, labelSelector }, kept, signal));
}

function installedOf(raw: JsonRecord): Installed {
  const [metadata, spec, status] = [recordOf(raw['metadata']), recordOf(raw['spec']), recordOf(raw['status'])];
  const count = (value: unknown, otherwise: number): number => (typeof value === 'number' ? value : otherwise);
  const [container] = listOf(recordOf(recordOf(spec['template'])['spec'])['containers']).map(recordOf);
  const env = new Map(
    listOf(container?.['env'])
      .map(recordOf)
      .map(({ name, value }) => [stringOf(name) ?? '', stringOf(value) ?? '']),
  );
  const name = stringOf(metadata['name']) ?? '';
  const hasElection = env.get('ECR_OPERATOR_LEADER_ELECT') === 'true';
  return {
    namespace: stringOf(metadata['namespace']) ?? '',
    name,
    wanted: count(spec['replicas'], 1),
    ready: count(status['readyReplicas'], 0),
    version: stringOf(recordOf(metadata['labels'])['app.kubernetes.io/version']) ?? '',
    lease: hasElection ? env.get('ECR_OPERATOR_LEADER_ELECT_RESOURCE_NAME') || OPERATOR_NAME : undefined,
  };
}

export function deploymentFinding(found: Installed | 'missing' | Unseen): Finding {
  if (found === 'unseen') return unseen('you may not list Deployments: whether the operator runs is not known');
  if (found === 'missing')
    return wrong('no Deployment of the operator is found in this cluster: install it (docs/install.md)');
  const { namespace, name, ready, wanted, version } = found;
  const pods = `${ready} of ${wanted} pods of Deployment ${name} in namespace ${namespace} are ready`;
  if (ready > 0 && ready >= wanted) return well(`${pods}${version === '' ? '' : `, version ${version}`}`);
  return wrong(`${pods}: kubectl describe deployment ${name} -n ${namespace} says why`);
}

/** Whether the API server can trust the webhook. */
export async function webhookFinding(client: Lister, now: EpochMs, signal: AbortSignal): Promise<Finding> {
  const all = { keep: (raw: JsonRecord) => (asksOperator(raw) ? raw : undefined), most: MOST };
  const found = await orUnseen(listKept(client, VALIDATING_WEBHOOKS, { namespace: undefined }, all, signal));
  if (found === 'unseen')
    return unseen('you may not list webhook configurations: whether the webhook is trusted is not known');
  const [configuration] = found;
  if (!configuration)
    return well('there is no webhook: the status of an object alone reports its mistakes (webhook.enabled)');
  const name = stringOf(recordOf(configuration['metadata'])['name']) ?? '';
  const [webhook] = listOf(configuration['webhooks']).map(recordOf);
  const bundle = Buffer.from(stringOf(recordOf(webhook?.['clientConfig'])['caBundle']) ?? '', 'base64').toString(
    'utf8',
  );
  const ends = bundle === '' ? undefined : endOf(bundle);
  const what = `the webhook configuration ${name}`;
  if (bundle === '')
    return wrong(`${what} has no authority (caBundle): a pod that is ready writes it, or cert-manager`);
  if (ends === undefined)
    return wrong(`the authority (caBundle) of ${what} is no certificate: empty it, and it is written anew`);
  if (ends <= now)
    return wrong(
      `the authority of ${what} ended at ${formatRfc3339(ends)}: empty its caBundle, and it is written anew`,
    );
  return well(`${what} trusts an authority that holds until ${formatRfc3339(ends)}`);
}

/** The chart's configuration, or one that an administrator made: it has no label, but it is about our objects. */
function asksOperator(configuration: JsonRecord): boolean {
  const rules = listOf(configuration['webhooks']).flatMap((webhook) => listOf(recordOf(webhook)['rules']));
  const isAbout = rules.some((rule) => listOf(recordOf(rule)['apiGroups']).includes(GROUP));
  const labels = recordOf(recordOf(configuration['metadata'])['labels']);
  return isAbout || labels[PART_OF] === OPERATOR_NAME;
}

function endOf(pem: string): EpochMs | undefined {
  try {
    return parseRfc3339(new X509Certificate(pem).validToDate.toISOString());
  } catch {
    return undefined;
  }
}

/** Whether the policies that confine the operator are there, and bound. */
export async function policiesFinding(client: Lister, signal: AbortSignal): Promise<Finding> {
  const policies = await labelled(client, POLICIES, undefined, OF_CHART, signal);
  const bindings = await labelled(client, BINDINGS, undefined, OF_CHART, signal);
  if (policies === 'unseen' || bindings === 'unseen')
    return unseen('you may not list admission policies: whether they confine the operator is not known');
  if (policies.length === 0) return well('no admission policy confines the operator (admissionPolicy.enabled)');
  const bound = new Set(bindings.map(({ spec }) => stringOf(recordOf(spec)['policyName'])));
  const loose = policies
    .map(({ metadata }) => stringOf(recordOf(metadata)['name']) ?? '')
    .filter((name) => !bound.has(name));
  if (loose.length > 0)
    return wrong(
      `the admission policy ${loose.join(', ')} has no binding, and so no effect: helm upgrade makes it anew`,
    );
  return well(`${policies.length} admission policies confine what the operator may write`);
}
