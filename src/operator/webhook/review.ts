// Answers reviews: makes the look-ups of `core/admit.ts` within three seconds, and allows what it could not look up.

import pLimit from 'p-limit';
import { type ObjectKey, SECRETS } from '../../api/meta.ts';
import { LEGACY_KIND } from '../../api/names.ts';
import type { EcrClient } from '../../aws/ecr-client.ts';
import {
  type AdmissionVerdict,
  type AdmitPolicy,
  type Answers,
  examine,
  isInTheWay,
  judgeReview,
  parseReview,
  type Questions,
  type Review,
} from '../../core/admit.ts';
import type { IsLive } from '../../core/offers.ts';
import { keyOf } from '../../core/resource.ts';
import { type Reply, textReply } from '../../http/server.ts';
import type { KubeReader } from '../../kube/client.ts';
import { redact } from '../../lib/redact.ts';
import { type Clock, type DurationMs, SECOND, sleep } from '../../lib/time.ts';
import { createTokenBucket } from '../../lib/token-bucket.ts';
import type { ClusterView } from '../state/cluster-view.ts';
import { occupantOf } from '../state/reduced-objects.ts';
import type { WebhookTelemetry } from '../telemetry/webhook-telemetry.ts';
import { TRIAL_PATIENCE, tryingLogins } from './key-trial.ts';

/** All that a review may learn of the cluster: no object, since other tenants' AWS keys may stand in one. */
export interface KnownObjects {
  readonly hasNamespace: (name: string) => boolean;
  /** Not so of one that the operator does not watch. */
  readonly lacksNamespace: (name: string) => boolean;
  readonly isLive: IsLive;
  /** Uid of the object of the deprecated kind with this key. */
  readonly legacyUid: (key: ObjectKey) => string | undefined;
}

/** @param scope  the only namespaces that are watched; undefined: all are */
export function knownObjects(
  view: Pick<ClusterView, 'legacy' | 'namespaceViews' | 'isLive'>,
  scope: readonly string[] | undefined,
): KnownObjects {
  return {
    lacksNamespace: (name) => scope === undefined && !view.namespaceViews().has(name),
    hasNamespace: (name) => view.namespaceViews().has(name),
    isLive: (uid, namespace) => view.isLive(uid, namespace),
    legacyUid: (key) => view.legacy.get(key)?.uid,
  };
}

export interface WebhookParts {
  readonly client: Pick<KubeReader, 'findMetadata'>;
  readonly known: KnownObjects;
  readonly ecr: EcrClient;
  readonly clock: Clock;
  readonly policy: AdmitPolicy;
  /** Whether the stores have been filled: before that, an object missing in them may well exist. */
  readonly isSynced: () => boolean;
  readonly telemetry: WebhookTelemetry;
}

/** A missing namespace is looked up again after this: the same command may have created it just before the object. */
const SECOND_LOOK = (SECOND / 2) as DurationMs;
/** Secrets that one review looks up; of further namespaces the status reports later. */
const MOST_PLACES = 20;
const READS = { perSecond: 20, atOnce: 100 };
/** Answers read at once: the metadata of a user's Secret may be a megabyte. */
const READ_AT_ONCE = 4;

type Places = Pick<Answers, 'occupied' | 'unknown'>;
const NOTHING_THERE: Places = { occupied: undefined, unknown: undefined };

/** The webhook: the body of an AdmissionReview -> its answer. */
export type Webhook = (body: unknown) => Promise<Reply>;

export function createWebhook(parts: WebhookParts): Webhook {
  const { known, clock, policy, telemetry } = parts;
  const tryLogin = tryingLogins(parts.ecr, clock);
  const findOccupied = findingOccupied(parts);

  /** An annotation claims it; the webhook believes it when an object of the deprecated kind has this name and uid. */
  const isConversion = ({ convertedFrom, object }: Review): boolean => {
    const from = known.legacyUid(keyOf(object));
    return from !== undefined && convertedFrom === `${LEGACY_KIND}/${from}`;
  };

  const decide = async (review: Review): Promise<AdmissionVerdict> => {
    const questions = examine(review);
    if ('warnings' in questions) return questions;
    const converting = isConversion(review);
    const [login, missing, places] = await Promise.all([
      questions.trial && !converting ? tryLogin(questions.trial) : ({ op: 'none' } as const),
      findMissing(parts, questions),
      findOccupied(questions, review),
    ]);
    const { wantsNone } = questions;
    return judgeReview(review, { login, missing, ...places, wantsNone }, policy, converting);
  };

  return async (body) => {
    const parsed = parseReview(body);
    if (typeof parsed === 'string') {
      telemetry.refused();
      return textReply(400, `${parsed}\n`);
    }
    const { uid, review } = parsed;
    const started = clock.monotonic();
    const verdict = review ? await decide(review) : { denial: undefined, warnings: [] };
    telemetry.answered(verdict, (clock.monotonic() - started) as DurationMs);
    return { status: 200, contentType: 'application/json', body: JSON.stringify(answerTo(uid, verdict)) };
  };
}

async function findMissing(
  { known, clock, isSynced }: WebhookParts,
  { namespaces, mayBeMissing }: Questions,
): Promise<readonly string[]> {
  const missing = (): readonly string[] => namespaces.filter((name) => known.lacksNamespace(name));
  if (!mayBeMissing || !isSynced() || missing().length === 0) return [];
  await sleep(clock, SECOND_LOOK, new AbortController().signal);
  return missing();
}

function findingOccupied({ client, known, clock }: WebhookParts) {
  const reads = createTokenBucket(clock, READS.perSecond, READS.atOnce);
  const inTurn = pLimit(READ_AT_ONCE);

  const find = async (
    { namespaces, secretName }: Questions,
    { object }: Review,
    signal: AbortSignal,
  ): Promise<Places> => {
    if (secretName === undefined) return NOTHING_THERE;
    for (const namespace of namespaces.slice(0, MOST_PLACES)) {
      if (!known.hasNamespace(namespace)) continue;
      if (!reads.take()) return notLookedUp(secretName);
      const found = await inTurn(() => {
        signal.throwIfAborted();
        return client.findMetadata(SECRETS, namespace, secretName, signal);
      });
      const isLive = (uid: string): boolean => known.isLive(uid, namespace);
      if (found && isInTheWay(occupantOf(found), object, isLive))
        return { occupied: { secretName, namespace }, unknown: undefined };
    }
    return NOTHING_THERE;
  };

  /** In time: a request may wait for its permit longer than the API server waits for the webhook. */
  return async (questions: Questions, review: Review): Promise<Places> => {
    const late = new AbortController();
    const unknown = notLookedUp(questions.secretName ?? '');
    try {
      return await Promise.race([
        find(questions, review, late.signal).catch(() => unknown),
        sleep(clock, TRIAL_PATIENCE, late.signal).then(() => unknown),
      ]);
    } finally {
      late.abort();
    }
  };
}

function notLookedUp(secretName: string): Places {
  return { occupied: undefined, unknown: `whether a secret ${secretName} is there already could not be looked up` };
}

/** As the Go project answered: a denial has code 403. Every text of it is redacted here. */
function answerTo(uid: string, { denial, warnings }: AdmissionVerdict): object {
  const status = denial === undefined ? {} : { status: { code: 403, reason: 'Forbidden', message: redact(denial) } };
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid, allowed: denial === undefined, ...status, warnings: warnings.map(redact) },
  };
}
