// Status of an object: written only when it has news, and only into the object that it describes.

import { RESOURCES } from '../../api/kinds.ts';
import type { PullSecretStatus } from '../../api/schema.ts';
import { newsIn } from '../../core/news.ts';
import type { PullSecretObject } from '../../core/resource.ts';
import { differInStatusOnly, keyOf } from '../../core/resource.ts';
import { isConflict, isGone, isInvalid } from '../../kube/api-error.ts';
import type { KubeWriter } from '../../kube/client.ts';
import type { StoreWriter } from '../../kube/store.ts';
import { digest } from '../../lib/digest.ts';
import { type JsonRecord, sameJson } from '../../lib/json.ts';
import { createRecent } from '../../lib/recent.ts';
import { redact } from '../../lib/redact.ts';
import { type Clock, MINUTE, SECOND } from '../../lib/time.ts';
import { createTokenBucket, type TokenBucket } from '../../lib/token-bucket.ts';
import type { ClusterView } from '../state/cluster-view.ts';
import { pullSecretOf } from '../state/reduced-objects.ts';

export interface StatusWriter {
  /**
   * @returns false when the object is now another version, or another object: the caller computes the status again
   * @throws Failure when the API server did not accept it
   */
  write(object: PullSecretObject, status: PullSecretStatus): Promise<boolean>;
}

export interface StatusWriterParts {
  readonly client: Pick<KubeWriter, 'patchStatus' | 'replaceStatus'>;
  readonly view: Pick<ClusterView, 'objectByUid' | 'quota'>;
  readonly stores: Readonly<Record<'namespaced' | 'cluster', Pick<StoreWriter<PullSecretObject>, 'wrote' | 'expect'>>>;
  readonly clock: Clock;
}

/**
 * Statuses of one object that differ in nothing but what others say of a fault: so many after each change by its user,
 * and then one more each time this has passed. Two webhooks that both deny take turns in being first.
 */
const WORDS = { atOnce: 10, perSecond: SECOND / (15 * MINUTE) };
/** Of those that differ in times and numbers of requests alone; the first of them waits as long. */
const NUMBERS = { atOnce: 1, perSecond: SECOND / (30 * MINUTE) };
/** Objects whose rest is kept; one that is forgotten begins anew. */
const REMEMBERED = 10_000;

/** @param signal  ends requests */
export function createStatusWriter(parts: StatusWriterParts, signal: AbortSignal): StatusWriter {
  const { client, view, stores, clock } = parts;
  /** By the status that CRDs older than the operator made of it: what was sent. */
  const sent = new WeakMap<PullSecretStatus, PullSecretStatus>();
  const rewordings = createRewordings(clock);
  const send = createSender(client, signal);
  const storeOf = ({ namespace }: PullSecretObject) => (namespace === undefined ? stores.cluster : stores.namespaced);
  const learn = (before: PullSecretObject, after: PullSecretObject, next: PullSecretStatus): void => {
    // A store keeps what it has where the version is the same.
    const kept = after.resourceVersion === before.resourceVersion ? before.status : after.status;
    if (!sameJson(after.status, next)) sent.set(kept, next);
    // A deleted object counts no longer against the quota.
    if (!view.objectByUid(before.uid)) return;
    // The mark that its user has set meanwhile is news, which the watch brings.
    if (after.reconcileAt === before.reconcileAt) storeOf(before).wrote(keyOf(before), view.quota.reserve(after));
  };

  return {
    async write(object, status) {
      const next = redacted(status);
      const news = newsIn(sent.get(object.status) ?? object.status, next);
      if (news === 'none') return true;
      const budget = news === 'facts' ? undefined : rewordings(object)[news];
      if (budget && !budget.has()) return true;
      const release = storeOf(object).expect(
        keyOf(object),
        (shown) => sameJson(shown.status, next) && differInStatusOnly(object, shown),
      );
      try {
        const answer = await send(object, next);
        if (!answer) return false;
        budget?.take();
        const after = pullSecretOf(object.kind, answer);
        if (after) learn(object, after, next);
        return true;
      } catch (thrown) {
        // Deleted: there is nothing left to report.
        if (isGone(thrown)) return true;
        throw thrown;
      } finally {
        release();
      }
    },
  };
}

/**
 * Refusals in a row because of another version, after which changes of metadata no longer count: who makes them all the
 * time is ahead of the operator's watch all the time.
 */
const OVERTAKEN = 2;

/** @returns what sends a status, and gives the object as it is then; undefined when it is another one by now */
function createSender(client: StatusWriterParts['client'], signal: AbortSignal) {
  const refusals = createRecent(REMEMBERED, () => ({ inRow: 0 }));
  return async (object: PullSecretObject, next: PullSecretStatus): Promise<JsonRecord | undefined> => {
    const { uid, resourceVersion, generation, status } = object;
    const resource = RESOURCES[object.kind];
    const refused = refusals(uid);
    const isOvertaken = refused.inRow >= OVERTAKEN;
    const given = { '/metadata/uid': uid, '/metadata/generation': generation, '/status': status };
    // The API server accepts a status with a wrong uid (200, seen with 1.37.2): only the version guards.
    const body = { metadata: { uid, resourceVersion }, status: mergePatch(status, next) };
    try {
      const after = await (isOvertaken
        ? client.replaceStatus(resource, object, given, next, signal)
        : client.patchStatus(resource, object, body, signal));
      refused.inRow = 0;
      return after;
    } catch (thrown) {
      if (isConflict(thrown)) refused.inRow += 1;
      // A status that is not valid at all is told by the usual way.
      else if (isOvertaken && isInvalid(thrown)) refused.inRow = 0;
      else throw thrown;
      return undefined;
    }
  };
}

type Budgets = Readonly<Record<'words' | 'numbers', TokenBucket>>;

/** @returns what is left for an object; whole again when its user changes it, or asks for an attempt */
function createRewordings(clock: Clock): (object: PullSecretObject) => Budgets {
  const budgets = (): Budgets => {
    const numbers = createTokenBucket(clock, NUMBERS.perSecond, NUMBERS.atOnce);
    numbers.take();
    return { words: createTokenBucket(clock, WORDS.perSecond, WORDS.atOnce), numbers };
  };
  const recent = createRecent(REMEMBERED, () => ({ asked: '', budgets: budgets() }));
  return (object) => {
    const own = recent(object.uid);
    const asked = askedBy(object);
    if (own.asked !== asked) Object.assign(own, { asked, budgets: budgets() });
    return own.budgets;
  };
}

/** The same until its user changes the object or asks for an attempt; short, whatever the annotation holds. */
function askedBy({ generation, reconcileAt = '' }: PullSecretObject): string {
  return digest(String(generation), reconcileAt);
}

/** A merge patch removes a field by null. */
function mergePatch(before: PullSecretStatus, after: PullSecretStatus): JsonRecord {
  const removed = Object.keys(before).filter((name) => !(name in after));
  return { ...after, ...Object.fromEntries(removed.map((name) => [name, null])) };
}

function redacted(status: PullSecretStatus): PullSecretStatus {
  const conditions = status.conditions?.map((condition) => ({ ...condition, message: redact(condition.message) }));
  const items = status.problems?.items.map((item) => ({ ...item, message: redact(item.message) }));
  return {
    ...status,
    ...(conditions ? { conditions } : {}),
    ...(status.problems && items ? { problems: { ...status.problems, items } } : {}),
  };
}
