// From a pod that waits for an image to the facts about it: each thing in the cluster is read once for all pods.

import { NAMESPACES, SECRETS, SERVICE_ACCOUNTS } from '../api/meta.ts';
import { CLUSTER_KIND, NAMESPACED_KIND, type PullSecretKind } from '../api/names.ts';
import { findInstalled } from '../checks/installation.ts';
import { listKept, orUnseen } from '../checks/seen.ts';
import type { NamespaceView } from '../core/desired.ts';
import type { Pulls } from '../core/kubelet-wait.ts';
import type { AccountFacts, FoundSecret, OperatorFacts, PullFacts, Unseen, WaitingImage } from '../core/pull-facts.ts';
import type { PullSecretObject } from '../core/resource.ts';
import { type JsonRecord, listOf, recordOf, stringOf } from '../lib/json.ts';
import { parseRfc3339 } from '../lib/time.ts';
import { namespaceOf } from '../operator/state/reduced-objects.ts';
import { CORE_EVENTS } from './kinds.ts';
import { listKind } from './objects.ts';
import { readPullSecret } from './pull-secret.ts';
import type { Session } from './session.ts';
import type { Pod } from './waiting-pods.ts';

/** Objects of one kind that are looked at. */
const MOST_OBJECTS = 5_000;

export interface GatheredPull {
  readonly facts: PullFacts;
  /** Undefined: no Event tells of it, or they may not be seen. */
  readonly pulls: Pulls | undefined;
}

/** Reads each thing once, however many pods ask for it. */
function createReader(session: Session) {
  const { client, signal } = session;
  const once = new Map<string, Promise<unknown>>();
  const shared = <Value>(key: string, ask: () => Promise<Value>): Promise<Value> => {
    const held = once.get(key) ?? ask();
    once.set(key, held);
    return held as Promise<Value>;
  };

  const namespaceView = (name: string): Promise<NamespaceView | undefined> =>
    shared(`namespace ${name}`, async () => {
      const raw = await orUnseen(client.find(NAMESPACES, undefined, name, signal));
      return raw === 'unseen' || !raw ? undefined : namespaceOf(raw);
    });

  const objects = (kind: PullSecretKind, namespace: string | undefined) =>
    shared(`${kind} ${namespace ?? ''}`, () => listKind(session, kind, namespace, MOST_OBJECTS));

  const account = (namespace: string, name: string): Promise<AccountFacts> =>
    shared(`account ${namespace}/${name}`, async () => {
      const raw = await orUnseen(client.find(SERVICE_ACCOUNTS, namespace, name, signal));
      if (raw === 'unseen') return { name, secrets: raw };
      if (!raw) return { name, secrets: 'missing' };
      return {
        name,
        secrets: listOf(raw['imagePullSecrets']).flatMap((item) => stringOf(recordOf(item)['name']) ?? []),
      };
    });

  const secret = (namespace: string, name: string): Promise<FoundSecret | 'missing' | Unseen> =>
    shared(`secret ${namespace}/${name}`, async () => {
      const raw = await orUnseen(client.find(SECRETS, namespace, name, signal));
      if (raw === 'unseen') return raw;
      return raw ? readPullSecret(raw) : 'missing';
    });

  return {
    namespaceView,
    objects,
    account,
    secret,
    operator: () => shared('operator', () => operatorFacts(session)),
  };
}

/** Reads what explanations need; one for each run of a command. */
export function createGatherer(session: Session) {
  const reader = createReader(session);
  return async (
    { namespace, name: pod, uid, account: accountName, secrets: names, isReplaceable }: Pod,
    waiting: WaitingImage,
  ): Promise<GatheredPull> => {
    const [view, own, cluster, accountFacts, found, operator, pulls] = await Promise.all([
      reader.namespaceView(namespace),
      reader.objects(NAMESPACED_KIND, namespace),
      reader.objects(CLUSTER_KIND, undefined),
      reader.account(namespace, accountName),
      Promise.all(names.map((name) => reader.secret(namespace, name))),
      reader.operator(),
      pullEvents(session, namespace, uid, waiting.container),
    ]);
    const all = [own, cluster].flatMap((list) => (typeof list === 'string' ? [] : list));
    const facts: PullFacts = {
      pod,
      isReplaceable,
      waiting,
      secrets: names.map((name, at) => ({ name, found: sinceRenewal(found[at] ?? 'unseen', all) })),
      account: accountFacts,
      namespace: view ?? { name: namespace, labels: new Map(), hasAllLabels: false, terminating: false },
      areLabelsSeen: view !== undefined,
      objects: all,
      areClusterObjectsSeen: cluster !== 'unseen',
      operator,
      askedAt: pulls?.lastAt,
    };
    return { facts, pulls };
  };
}

/** The operator changes its Secrets in place: the present login is as old as its last renewal. */
function sinceRenewal<Found>(found: FoundSecret | Found, objects: readonly PullSecretObject[]): FoundSecret | Found {
  if (typeof found !== 'object' || found === null || !('writerUid' in found)) return found;
  const writer = objects.find(({ uid }) => uid === found.writerUid);
  return { ...found, since: parseRfc3339(writer?.status.refreshedAt) ?? found.since };
}

/** The plugin finds it as `check` does. */
async function operatorFacts({ client, signal }: Session): Promise<OperatorFacts | 'missing' | Unseen> {
  const found = await findInstalled(client, signal);
  return typeof found === 'string' ? found : { namespace: found.namespace, name: found.name, ready: found.ready };
}

/** Events that are looked at: a pod has a few dozen, each with a count. */
const MOST_EVENTS = 500;

async function pullEvents(
  session: Session,
  namespace: string,
  uid: string,
  container: string,
): Promise<Pulls | undefined> {
  const { client, signal } = session;
  const selection = { namespace, fieldSelector: `involvedObject.uid=${uid},reason=Pulling` };
  const kept = { keep: (raw: JsonRecord) => raw, most: MOST_EVENTS };
  const events = await orUnseen(listKept(client, CORE_EVENTS, selection, kept, signal));
  if (events === 'unseen') return undefined;
  const of = events.filter(({ involvedObject }) =>
    stringOf(recordOf(involvedObject)['fieldPath'])?.endsWith(`{${container}}`),
  );
  const times = of.flatMap(
    ({ lastTimestamp, eventTime }) => parseRfc3339(stringOf(lastTimestamp) ?? stringOf(eventTime)) ?? [],
  );
  const [lastAt] = times.toSorted((one, other) => other - one);
  const count = of.reduce((sum, { count: one }) => sum + (typeof one === 'number' ? one : 1), 0);
  return lastAt === undefined ? undefined : { count, lastAt };
}
