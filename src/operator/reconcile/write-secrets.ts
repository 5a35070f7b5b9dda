// Seen and wanted Secrets of one object -> the writes, and their outcome.
//
// Guarantees: everything is read from the stores when it is used. A prune happens only after a second
// look confirms it, and every other change names the version it was decided on. The content of all Secrets being
// written stays within a bound, however much the objects want.

import { objectKey } from '../../api/meta.ts';
import { formerUid } from '../../core/conversion.ts';
import { type Desired, desiredTargets } from '../../core/desired.ts';
import { dockerConfigBytes } from '../../core/docker-config.ts';
import type { KnownObjects } from '../../core/offers.ts';
import { isOwned, makePayload, type Plan, planSecrets } from '../../core/plan.ts';
import { contested, obstructed } from '../../core/problems.ts';
import { keyOf, type PullSecretObject, since, type Wish } from '../../core/resource.ts';
import type { SeenSecret } from '../../core/seen-secret.ts';
import type { Findings } from '../../core/status.ts';
import type { Attempt } from '../../kube/controller.ts';
import type { Clock, EpochMs } from '../../lib/time.ts';
import { createSplitSemaphore } from '../../lib/weighted-semaphore.ts';
import type { LoginsToWrite } from '../login/object-logins.ts';
import { type Applied, applyPlan } from '../secrets/apply.ts';
import type { ConfirmPrune } from '../secrets/prune.ts';
import type { Due, Rollout } from '../secrets/rollout.ts';
import type { SecretWriter } from '../secrets/secret-writer.ts';
import type { ClusterView } from '../state/cluster-view.ts';
import type { Fence } from './login-fence.ts';

export interface WriteSecretsParts {
  readonly view: ClusterView;
  readonly fence: Fence;
  readonly rollout: Rollout;
  readonly secrets: SecretWriter;
  readonly confirmPrune: ConfirmPrune;
  readonly clock: Clock;
}

/** An object, and what it wants. */
export interface Subject {
  readonly object: PullSecretObject;
  readonly wish: Wish;
  /** Registries whose later login, of another operator, no Secret holds, and AWS did not replace. */
  readonly lost: ReadonlySet<string>;
}

/** What one reconciliation wrote, and what it left for later. */
export interface WriteResult {
  readonly findings: Findings;
  readonly applied: Applied;
  /** When the next Secret that waits for its slot may be renewed. */
  readonly nextAt: EpochMs | undefined;
}

/** @returns undefined when the object is no longer the one decided on, and nothing was written */
export type WriteSecrets = (
  subject: Subject,
  logins: LoginsToWrite,
  attempt: Attempt,
) => Promise<WriteResult | undefined>;

/**
 * Content of the Secrets being written, of all objects together: one object may want 1 MiB (docs/design/rules.md, rule
 * 14).
 */
const PAYLOAD_BYTES = 1_024 * 1_024;
const NOTHING: Due = { actions: [], repairs: [], waiting: [], contested: [], nextAt: undefined };

export function writingSecrets(parts: WriteSecretsParts): WriteSecrets {
  const payloads = createSplitSemaphore(PAYLOAD_BYTES, parts.clock);
  return (subject, logins, attempt) =>
    payloads.run(dockerConfigBytes(logins.widened), () => write(parts, subject, logins, attempt));
}

async function write(
  parts: WriteSecretsParts,
  subject: Subject,
  logins: LoginsToWrite,
  { log, signal }: Attempt,
): Promise<WriteResult | undefined> {
  const { view, fence, rollout, secrets, confirmPrune, clock } = parts;
  const { object, wish, lost } = subject;
  // The spec may have changed while this attempt waited for memory.
  if (since(object, view.objectByUid(object.uid)) !== 'same') return undefined;
  const { desired, found } = look(view, subject);
  const payload = makePayload(logins.widened, logins.inputs, wish.template, clock.now());
  const plan = planSecrets(object, desired.targets, found, payload);
  const unclear = namespacesOf(desired.undecided);
  const candidates = plan.prune.filter(({ namespace }) => !unclear.has(namespace));
  const prune = await confirmPrune(object, candidates, found.owned.length, signal);
  // Deleted during a request to the API server: nothing about it is kept.
  if (!view.objectByUid(object.uid)) return undefined;
  const due = payload ? rollout.takeDue(object.uid, plan.actions, payload, contested(object.status)) : NOTHING;
  const { actions } = due;
  const isFirst = actions.every(({ op }) => op === 'create');
  // A missing Secret is better made with the login that is there; one that is there may hold the later one.
  const candidate = { object, held: logins.held, fresh: isFirst ? new Set([...logins.fresh, ...lost]) : logins.fresh };
  if (actions.length > 0 && !(await fence.pass(candidate, isFirst, log, signal))) return undefined;
  const context = {
    writer: secrets,
    formerUid: formerUid(view.predecessor(keyOf(object)), object),
    known: found,
    holdsUsableLogin: (secret: SeenSecret) => rollout.holdsUsableLogin(object.uid, secret),
    obstructed: obstructed(object.status),
    isLate: (namespace: string) => rollout.isLate(object.uid, namespace),
    signal,
    clock,
    log,
  };
  const applied = await applyPlan(context, object, wish.secretName, { actions, prune }, payload);
  return conclude(parts, subject, logins, { desired, plan, due }, applied);
}

/** What the writes leave: the findings for the status, and when the next one may begin. */
function conclude(
  { view, rollout }: WriteSecretsParts,
  { object, wish }: Subject,
  { held, failures }: LoginsToWrite,
  { desired, plan, due }: { readonly desired: Desired; readonly plan: Plan; readonly due: Due },
  applied: Applied,
): WriteResult {
  const updated = rollout.recordWrites(object.uid, due, applied);
  const delayed = applied.delayed.map(({ namespace }) => namespace);
  const inPlace = new Set([...plan.ready, ...due.waiting, ...applied.created, ...applied.updated, ...delayed]);
  const settling = rollout.settling(
    object.uid,
    desired.targets.filter(({ namespace }) => inPlace.has(namespace)),
    contested(object.status),
    (namespace) => view.secrets.isUnseen(objectKey(namespace, wish.secretName)),
  );
  for (const { namespace } of settling.problems) inPlace.delete(namespace);
  const problems = [desired.problems, desired.undecided, plan.problems, due.contested, settling.problems];
  return {
    applied: { ...applied, updated },
    nextAt: settling.problems.length === 0 ? due.nextAt : earlier(due.nextAt, settling.until),
    findings: {
      generation: object.generation,
      logins: held,
      failures,
      desired: desired.targets.length + desired.problems.length - applied.terminating.length,
      ready: [...inPlace].sort(),
      pending: plan.pending.length + applied.retry.length,
      problems: [...problems.flat(), ...applied.problems],
      delayed: applied.delayed,
      handledReconcileAt: failures.length === 0 ? object.reconcileAt : object.status.lastHandledReconcileAt,
    },
  };
}

/** Where its Secrets are wanted, and what the stores show there. */
function look(view: ClusterView, { object, wish }: Subject) {
  const owned = [...view.secretsOf(object.uid)];
  const served = namespacesOf(owned.filter((one) => isOwned(one, object.uid)));
  const desired = desiredTargets(wish.targets, view.namespaceViews(), (namespace) => served.has(namespace));
  const seen = new Map<string, SeenSecret>();
  for (const { namespace } of desired.targets) {
    const secret = view.secrets.get(objectKey(namespace, wish.secretName));
    if (secret) seen.set(namespace, secret);
  }
  const rivals = { get: (namespace: string) => view.rivalOf(object, namespace, wish.secretName, seen.has(namespace)) };
  const known: KnownObjects = { isLive: view.isLive, byUid: view.objectByUid };
  return { desired, found: { seen, owned, rivals, ...known } };
}

function namespacesOf(items: readonly { readonly namespace: string }[]): ReadonlySet<string> {
  return new Set(items.map(({ namespace }) => namespace));
}

function earlier(one: EpochMs | undefined, other: EpochMs): EpochMs {
  return one === undefined || other < one ? other : one;
}
