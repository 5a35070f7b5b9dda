// The operator's objects that a command is about.

import { RESOURCES } from '../api/kinds.ts';
import { CLUSTER_KIND, GROUP, NAMESPACED_KIND, type PullSecretKind } from '../api/names.ts';
import { listKept, orUnseen } from '../checks/seen.ts';
import type { Unseen } from '../core/pull-facts.ts';
import { keyOf, type PullSecretObject } from '../core/resource.ts';
import { isNotFound } from '../kube/api-error.ts';
import { Failure } from '../lib/errors.ts';
import type { JsonRecord } from '../lib/json.ts';
import { pullSecretOf } from '../operator/state/reduced-objects.ts';
import { oneNamespace, type Session } from './session.ts';
import { usage } from './usage.ts';

/** What users call the kinds: as kubectl takes them. */
const KINDS: ReadonlyMap<string, PullSecretKind> = new Map(
  Object.entries({
    aeps: NAMESPACED_KIND,
    awsecrimagepullsecret: NAMESPACED_KIND,
    awsecrimagepullsecrets: NAMESPACED_KIND,
    caeps: CLUSTER_KIND,
    clusterawsecrimagepullsecret: CLUSTER_KIND,
    clusterawsecrimagepullsecrets: CLUSTER_KIND,
  }),
);
/** Objects that are kept of a list. */
const MOST = 10_000;

/** One object by its name; the namespaced kind when none is given. */
export interface ObjectWords {
  readonly kind: PullSecretKind;
  readonly name: string;
}

/**
 * @param words  `NAME`, `KIND/NAME` or `KIND NAME`
 * @throws Failure of usage
 */
export function parseObject(words: readonly string[]): ObjectWords | undefined {
  const [first, second, third] = words.flatMap((word) => word.split('/'));
  if (first === undefined) return undefined;
  if (third !== undefined || first === '' || second === '')
    throw usage(`"${words.join(' ')}" names no object: write NAME or caeps/NAME`);
  if (second === undefined) return { kind: NAMESPACED_KIND, name: first };
  const kind = KINDS.get(first.toLowerCase().replace(`.${GROUP}`, ''));
  if (!kind) throw usage(`"${first}" is no kind of the operator: write aeps/NAME, or caeps/NAME for the cluster kind`);
  return { kind, name: second };
}

/**
 * The object as it is now.
 *
 * @throws Failure when there is none, or it may not be read
 */
export async function readObject(session: Session, { kind, name }: ObjectWords): Promise<PullSecretObject> {
  const isCluster = kind === CLUSTER_KIND;
  const namespace = isCluster ? undefined : oneNamespace(session);
  const raw = await session.client.find(RESOURCES[kind], namespace, name, session.signal);
  const object = raw && pullSecretOf(kind, raw);
  if (object) return object;
  const where = isCluster ? '' : ` in namespace ${namespace}`;
  const other = isCluster ? '' : '; one of the cluster kind is caeps/NAME';
  throw new Failure({ next: 'change', reason: 'NotFound', message: `there is no ${kind} ${name}${where}${other}` });
}

export interface FoundObjects {
  /** By kind, namespace and name. */
  readonly objects: readonly PullSecretObject[];
  /** What the caller may not see, or the cluster does not serve. */
  readonly notes: readonly string[];
}

/** All objects of one kind, or why there are none: the caller may not list them, or the cluster does not serve it. */
export async function listKind(
  { client, signal }: Session,
  kind: PullSecretKind,
  namespace: string | undefined,
  most = MOST,
): Promise<readonly PullSecretObject[] | Unseen | 'unserved'> {
  const kept = { keep: (raw: JsonRecord) => pullSecretOf(kind, raw), most };
  const listed = listKept(client, RESOURCES[kind], { namespace }, kept, signal);
  return await orUnseen(listed).catch((thrown: unknown) => {
    if (isNotFound(thrown)) return 'unserved' as const;
    throw thrown;
  });
}

/** All objects of the session's namespaces, and those of the cluster kind. */
export async function listObjects(session: Session): Promise<FoundObjects> {
  const objects: PullSecretObject[] = [];
  const notes: string[] = [];
  for (const kind of [NAMESPACED_KIND, CLUSTER_KIND] as const) {
    const found = await listKind(session, kind, kind === NAMESPACED_KIND ? session.namespace : undefined);
    const { plural } = RESOURCES[kind];
    if (found === 'unseen') notes.push(`you may not list ${plural} there`);
    else if (found === 'unserved') notes.push(`the cluster does not serve ${plural}: the CRDs are not installed`);
    else objects.push(...found.toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1)));
  }
  return { objects, notes };
}
