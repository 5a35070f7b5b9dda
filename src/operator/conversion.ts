// Converts one object of the Go project's deprecated kind: creates its successor, hands the Secrets over, deletes it.
//
// Guarantees: stopped after any request, the operator continues from there after the next start. At every instant one
// of the two objects holds the wish and its keys, and every Secret has an owner that exists. The conversion uses no
// finalizer and overwrites nothing.

import pLimit from 'p-limit';
import { LEGACY, RESOURCES } from '../api/kinds.ts';
import { splitKey } from '../api/meta.ts';
import {
  API_VERSION,
  CLUSTER_KIND,
  CONVERTED_FROM_ANNOTATION,
  LEGACY_API_VERSION,
  LEGACY_KIND,
  REASON,
} from '../api/names.ts';
import { convertedSpec, isSuccessor, type LegacyObject, refusedConditions } from '../core/conversion.ts';
import type { PullSecretObject } from '../core/resource.ts';
import type { Cause } from '../core/status.ts';
import { ApiError, isConflict, isGone } from '../kube/api-error.ts';
import type { KubeReader, KubeWriter } from '../kube/client.ts';
import type { Reconcile, Result } from '../kube/controller.ts';
import type { EventRecorder } from '../kube/events.ts';
import { type JsonRecord, stringOf, stringsOf } from '../lib/json.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../lib/time.ts';
import type { SecretWriter } from './secrets/secret-writer.ts';
import { readObject } from './state/read-object.ts';
import { legacyOf } from './state/reduced-objects.ts';

export interface ConverterParts {
  readonly client: Pick<KubeReader, 'find'> & Pick<KubeWriter, 'create' | 'patchStatus' | 'delete'>;
  readonly secrets: SecretWriter;
  readonly events: EventRecorder;
  readonly clock: Clock;
  /** Ends requests in flight; another signal stops the operator. */
  readonly writes: AbortSignal;
}

const DONE: Result = { op: 'done', wakeAt: undefined };
const AGAIN: Result = { op: 'retry' };
/** Namespaces of one object read at once: a conversion never delays renewals. */
const AT_ONCE = 8;

/**
 * @returns a function that converts the object with this key; it throws when the API server could not be reached or
 *          refused, and begins no further write once the signal of its attempt has aborted
 */
export function createConverter(parts: ConverterParts): Reconcile {
  return async (key, { signal, log }) => {
    const old = await readOld(parts, splitKey(key).name);
    if (!old || old.deleting || signal.aborted) return DONE;
    const found = await prepare(parts, old, signal);
    if (!found || signal.aborted) return AGAIN;
    if ('reason' in found) return await refuse(parts, old, found, log);
    if (!(await handOver(parts, old, found, signal)) || !(await retire(parts, old, found, signal))) return AGAIN;
    log.info('Converted', { kind: LEGACY_KIND, to: `${CLUSTER_KIND} ${found.name}` });
    const note = `converted from ${LEGACY_KIND} ${old.name}, which has been deleted`;
    const { name, uid } = found;
    const regarding = { apiVersion: API_VERSION, kind: CLUSTER_KIND, namespace: undefined, name, uid };
    parts.events.record(regarding, { type: 'Normal', reason: REASON.converted, action: 'Convert', note });
    return DONE;
  };
}

/** The object as it is now, not as a watch last showed it. */
async function readOld({ client, writes }: ConverterParts, name: string): Promise<LegacyObject | undefined> {
  const raw = await client.find(LEGACY, undefined, name, writes);
  return raw && legacyOf(raw);
}

function readSuccessor(
  { client, writes }: ConverterParts,
  { name }: LegacyObject,
): Promise<PullSecretObject | undefined> {
  return readObject(client, { kind: CLUSTER_KIND, namespace: undefined, name }, writes);
}

/**
 * Writes into the old object's status why it stays. Only a change of one of the two objects can help, and its event
 * brings the key again.
 */
async function refuse(
  { client, events, clock, writes }: ConverterParts,
  old: LegacyObject,
  refusal: Cause,
  log: Logger,
): Promise<Result> {
  const conditions = refusedConditions(old, refusal, clock.now());
  if (!conditions) return DONE;
  const { name, uid, resourceVersion } = old;
  const body = { metadata: { uid, resourceVersion }, status: { conditions } };
  try {
    await client.patchStatus(LEGACY, { namespace: undefined, name }, body, writes);
  } catch (thrown) {
    if (isGone(thrown)) return DONE;
    if (isConflict(thrown)) return AGAIN;
    throw thrown;
  }
  log.warn('Did not convert', { kind: LEGACY_KIND, ...refusal });
  const { reason, message: note } = refusal;
  const regarding = { apiVersion: LEGACY_API_VERSION, kind: LEGACY_KIND, namespace: undefined, name, uid };
  events.record(regarding, { type: 'Warning', reason, action: 'Convert', note });
  return DONE;
}

/** @returns why there can be no successor; undefined when it exists, created now or before */
async function create(
  { client, writes }: ConverterParts,
  { name, uid }: LegacyObject,
  spec: JsonRecord,
): Promise<Cause | undefined> {
  const annotations = { [CONVERTED_FROM_ANNOTATION]: `${LEGACY_KIND}/${uid}` };
  const body = { apiVersion: API_VERSION, kind: CLUSTER_KIND, metadata: { name, annotations }, spec };
  try {
    await client.create(RESOURCES[CLUSTER_KIND], undefined, body, writes);
  } catch (thrown) {
    // The API server's words may quote the spec.
    if (thrown instanceof ApiError && (thrown.status === 422 || thrown.status === 400))
      return { reason: REASON.invalidSpec, message: `the API server takes no ${CLUSTER_KIND} with this spec` };
    if (!isConflict(thrown)) throw thrown;
  }
  return undefined;
}

/** @returns the successor, created if need be; or why there is none; undefined when the caller must look again */
async function prepare(
  parts: ConverterParts,
  old: LegacyObject,
  signal: AbortSignal,
): Promise<PullSecretObject | Cause | undefined> {
  const spec = convertedSpec(old);
  if (typeof spec === 'string') return { reason: REASON.invalidSpec, message: spec };
  const before = await readSuccessor(parts, old);
  const refusal = before || signal.aborted ? undefined : await create(parts, old, spec);
  if (refusal) return refusal;
  const successor = before ?? (await readSuccessor(parts, old));
  // A successor that is being deleted is in the way; the next attempt creates another.
  if (!successor || successor.deleting) return undefined;
  return isSuccessor(old, successor) ? successor : conflict(old);
}

/** @returns whether the successor now owns every Secret of the old object that can be found */
async function handOver(
  { secrets }: ConverterParts,
  { uid, spec }: LegacyObject,
  successor: PullSecretObject,
  signal: AbortSignal,
): Promise<boolean> {
  const limit = pLimit(AT_ONCE);
  const name = stringOf(spec['secretName']) ?? '';
  // One failure does not stop the others.
  const results = await Promise.allSettled(
    [...new Set(stringsOf(spec['namespaces']))].map((namespace) =>
      limit(async () => !signal.aborted && (await secrets.handOver(successor, uid, namespace, name))),
    ),
  );
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return results.every((result) => result.status === 'fulfilled' && result.value);
}

/** Deletes the old object in the version that was read, and only while its successor exists with the same spec. */
async function retire(
  parts: ConverterParts,
  old: LegacyObject,
  successor: PullSecretObject,
  signal: AbortSignal,
): Promise<boolean> {
  const current = await readSuccessor(parts, old);
  if (signal.aborted || current?.uid !== successor.uid || !isSuccessor(old, current)) return false;
  const { name, uid, resourceVersion } = old;
  const terms = { uid, resourceVersion, propagationPolicy: 'Orphan' } as const;
  try {
    await parts.client.delete(LEGACY, { namespace: undefined, name }, terms, parts.writes);
    return true;
  } catch (thrown) {
    if (isGone(thrown) || isConflict(thrown)) return false;
    throw thrown;
  }
}

function conflict({ name }: LegacyObject): Cause {
  const message = `there is a ${CLUSTER_KIND} ${name} with a different spec; nothing is changed: give both the same spec, or delete the one that is not wanted`;
  return { reason: REASON.conversionConflict, message };
}
