// The operator's objects that a command is about.

import { RESOURCES } from '../api/kinds.ts';
import { CLUSTER_KIND, GROUP, NAMESPACED_KIND, type PullSecretKind } from '../api/names.ts';
import type { PullSecretObject } from '../core/resource.ts';
import { isNotFound } from '../kube/api-error.ts';
import { listInPages } from '../kube/pages.ts';
import { Failure } from '../lib/errors.ts';
import { pullSecretOf } from '../operator/state/reduced-objects.ts';
import { usage } from './command.ts';
import { orUnseen, type Session } from './session.ts';

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
export async function readObject(
  { client, namespace, signal }: Session,
  { kind, name }: ObjectWords,
): Promise<PullSecretObject> {
  const isCluster = kind === CLUSTER_KIND;
  if (!isCluster && namespace === undefined) throw usage('one object is in one namespace: leave out -A, or the name');
  const raw = await client.find(RESOURCES[kind], isCluster ? undefined : namespace, name, signal);
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

/** All objects of the session's namespaces, and those of the cluster kind. */
export async function listObjects(session: Session): Promise<FoundObjects> {
  const objects: PullSecretObject[] = [];
  const notes: string[] = [];
  for (const kind of [NAMESPACED_KIND, CLUSTER_KIND] as const) {
    const found: PullSecretObject[] = [];
    const namespace = kind === NAMESPACED_KIND ? session.namespace : undefined;
    const listed = listInPages(
      session.client,
      RESOURCES[kind],
      { namespace, onSkipped: () => {} },
      (raw) => {
        const object = found.length < MOST ? pullSecretOf(kind, raw) : undefined;
        if (object) found.push(object);
      },
      session.signal,
    );
    const answer = await orUnseen(listed).catch((thrown: unknown) => {
      if (isNotFound(thrown)) return undefined;
      throw thrown;
    });
    if (answer === 'unseen') notes.push(`you may not list ${RESOURCES[kind].plural} there`);
    if (answer === undefined)
      notes.push(`the cluster does not serve ${RESOURCES[kind].plural}: the CRDs are not installed`);
    objects.push(...found.toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1)));
  }
  return { objects, notes };
}

function keyOf({ namespace, name }: PullSecretObject): string {
  return `${namespace ?? ''}/${name}`;
}
