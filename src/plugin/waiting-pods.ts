// Pods that wait for an image: which, and in which of their containers.

import { NAMESPACES } from '../api/meta.ts';
import { listKept } from '../checks/seen.ts';
import type { WaitingImage } from '../core/pull-facts.ts';
import { Failure } from '../lib/errors.ts';
import { type JsonRecord, listOf, recordOf, stringMapOf, stringOf } from '../lib/json.ts';
import { PODS, type Subject } from './kinds.ts';
import { oneNamespace, type Session } from './session.ts';

/** `state.waiting.reason` of a container without its image (k8s.io/kubernetes/pkg/kubelet/images). */
const REASONS: ReadonlySet<string> = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
  'RegistryUnavailable',
  'SignatureValidationFailed',
]);

/** A pod, by what an explanation needs of it. */
export interface Pod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly account: string;
  /** Names in `spec.imagePullSecrets`. */
  readonly secrets: readonly string[];
  readonly waiting: readonly WaitingImage[];
  /** As of `PullFacts`. */
  readonly isReplaceable: boolean;
  /** What stands in its status when no image is waited for. */
  readonly state: string;
}

/** Pods that are kept, and the Secrets of one that are looked at. */
const MOST_PODS = 5_000;
const MOST_SECRETS = 100;

/**
 * The pods of a subject.
 *
 * @throws Failure when there is no such object, or it cannot be read
 */
export async function podsOf(session: Session, subject: Subject): Promise<readonly Pod[]> {
  if (subject.op === 'pod') {
    const found = await session.client.find(PODS, oneNamespace(session), subject.name, session.signal);
    if (!found) throw await notFound(session, `pod ${subject.name}`);
    return [podOf(found)];
  }
  if (subject.op === 'all') return await listPods(session, undefined, ({ waiting }) => waiting.length > 0);
  const { resource, name } = subject;
  const workload = await session.client.find(resource, oneNamespace(session), name, session.signal);
  if (!workload) throw await notFound(session, `${resource.plural.replace(/s$/, '')} ${name}`);
  const selector = selectorText(recordOf(recordOf(workload['spec'])['selector']));
  return await listPods(session, selector, () => true);
}

async function notFound(session: Session, what: string): Promise<Failure> {
  const namespace = oneNamespace(session);
  const there = await session.client.find(NAMESPACES, undefined, namespace, session.signal).catch(() => ({}));
  const words = there ? `there is no ${what} in namespace ${namespace}` : `there is no namespace ${namespace}`;
  return new Failure({ next: 'change', reason: 'NotFound', message: `${words}: -n names another one` });
}

function listPods(
  { client, namespace, signal }: Session,
  labelSelector: string | undefined,
  isWanted: (pod: Pod) => boolean,
): Promise<readonly Pod[]> {
  const keep = (raw: JsonRecord): Pod | undefined => {
    const pod = podOf(raw);
    return isWanted(pod) ? pod : undefined;
  };
  return listKept(client, PODS, { namespace, labelSelector }, { keep, most: MOST_PODS }, signal);
}

/** A LabelSelector as a query has it. */
function selectorText({ matchLabels, matchExpressions }: JsonRecord): string {
  const labels = [...stringMapOf(matchLabels)].map(([label, value]) => `${label}=${value}`);
  const others = listOf(matchExpressions).map((item) => {
    const { key, operator, values } = recordOf(item);
    const label = stringOf(key) ?? '';
    const list = `(${listOf(values).join(',')})`;
    switch (operator) {
      case 'In':
        return `${label} in ${list}`;
      case 'NotIn':
        return `${label} notin ${list}`;
      case 'DoesNotExist':
        return `!${label}`;
      default:
        return label;
    }
  });
  return [...labels, ...others].join(',');
}

function podOf(raw: JsonRecord): Pod {
  const [metadata, spec, status] = [recordOf(raw['metadata']), recordOf(raw['spec']), recordOf(raw['status'])];
  const secrets = listOf(spec['imagePullSecrets']).flatMap((item) => stringOf(recordOf(item)['name']) || []);
  return {
    namespace: stringOf(metadata['namespace']) ?? '',
    name: stringOf(metadata['name']) ?? '',
    uid: stringOf(metadata['uid']) ?? '',
    account: stringOf(spec['serviceAccountName']) || 'default',
    secrets: [...new Set(secrets)].slice(0, MOST_SECRETS),
    waiting: waitingImages(spec, status),
    isReplaceable: isReplaceable(metadata, status),
    state: stateOf(status),
  };
}

function waitingImages(spec: JsonRecord, status: JsonRecord): readonly WaitingImage[] {
  const images = new Map<string, string>();
  for (const list of ['containers', 'initContainers', 'ephemeralContainers'])
    for (const item of listOf(spec[list])) {
      const { name, image } = recordOf(item);
      images.set(stringOf(name) ?? '', stringOf(image) ?? '');
    }
  return ['initContainerStatuses', 'containerStatuses', 'ephemeralContainerStatuses']
    .flatMap((list) => listOf(status[list]))
    .flatMap((item) => {
      const { name, state } = recordOf(item);
      const { reason, message } = recordOf(recordOf(state)['waiting']);
      const container = stringOf(name) ?? '';
      const why = stringOf(reason) ?? '';
      if (!REASONS.has(why)) return [];
      return [{ container, image: images.get(container) ?? '', reason: why, message: stringOf(message) ?? '' }];
    });
}

/** Its owner is a controller (a mirror pod's is the node), and none of its containers runs. */
function isReplaceable(metadata: JsonRecord, status: JsonRecord): boolean {
  const owners = listOf(metadata['ownerReferences']).map(recordOf);
  const runs = ['initContainerStatuses', 'containerStatuses']
    .flatMap((list) => listOf(status[list]))
    .some((item) => recordOf(recordOf(item)['state'])['running'] !== undefined);
  return !runs && owners.some(({ controller, kind }) => controller === true && kind !== 'Node');
}

/** Why no image is waited for, in the words of the status. */
function stateOf(status: JsonRecord): string {
  const phase = stringOf(status['phase']) ?? 'Unknown';
  const scheduled = listOf(status['conditions'])
    .map(recordOf)
    .find(({ type }) => type === 'PodScheduled');
  if (scheduled?.['status'] === 'False')
    return `it has no node yet: ${stringOf(scheduled['message']) ?? 'Unschedulable'}`;
  const waits = ['initContainerStatuses', 'containerStatuses']
    .flatMap((list) => listOf(status[list]))
    .flatMap((item) => stringOf(recordOf(recordOf(recordOf(item)['state'])['waiting'])['reason']) ?? []);
  return waits.length === 0
    ? `it is ${phase}`
    : `it is ${phase}, and its containers wait: ${[...new Set(waits)].join(', ')}`;
}
