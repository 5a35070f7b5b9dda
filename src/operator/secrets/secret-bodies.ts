// What is sent to the API server to create or change a pull Secret: a whole object, or a merge patch that names the uid
// and the version it means. Pure.

import {
  ADOPT_ANNOTATION,
  API_VERSION,
  DOCKER_CONFIG_KEY,
  DOCKER_CONFIG_TYPE,
  EXPIRY_ANNOTATION,
  INPUTS_ANNOTATION,
  MANAGED_BY_LABEL,
  OPERATOR_NAME,
  OWNER_UID_LABEL,
} from '../../api/names.ts';
import { type OwnerReference, reparented } from '../../core/conversion.ts';
import type { Payload } from '../../core/plan.ts';
import type { PullSecretObject } from '../../core/resource.ts';
import { templatePatch } from '../../core/secret-template.ts';
import type { SeenSecret } from '../../core/seen-secret.ts';
import { type JsonRecord, recordOf, stringMapOf } from '../../lib/json.ts';
import { isOfOurGroup } from '../state/reduced-objects.ts';

type Version = Pick<SeenSecret, 'uid' | 'resourceVersion'>;
type PatchMetadata = { readonly labels: JsonRecord; readonly annotations: JsonRecord };
type ContentPatch = { readonly metadata: Version & PatchMetadata; readonly data: JsonRecord };

export function newSecret(owner: PullSecretObject, namespace: string, name: string, payload: Payload): JsonRecord {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: DOCKER_CONFIG_TYPE,
    metadata: { name, namespace, ...metadataOf(owner, payload, {}), ownerReferences: [ownerReference(owner)] },
    data: { [DOCKER_CONFIG_KEY]: payload.content },
  };
}

/** @param current  the Secret with the labels and annotations that it has; empty when no template was ever on it */
export function contentPatch(
  owner: PullSecretObject,
  { uid, resourceVersion }: Version,
  payload: Payload,
  current: JsonRecord,
): ContentPatch {
  return {
    // Those of the decision: the API server refuses when it is now another object, or has changed since.
    metadata: { uid, resourceVersion, ...metadataOf(owner, payload, current) },
    data: { [DOCKER_CONFIG_KEY]: payload.content },
  };
}

/** As `contentPatch`, for a Secret that the operator takes over: `current` is the whole Secret. */
export function adoptionPatch(
  owner: PullSecretObject,
  version: Version,
  payload: Payload,
  current: JsonRecord,
): JsonRecord {
  const { metadata, data } = contentPatch(owner, version, payload, current);
  return {
    metadata: {
      ...metadata,
      annotations: { ...metadata.annotations, [ADOPT_ANNOTATION]: null },
      ownerReferences: reparented(ownersOf(current), isOfOurGroup, ownerReference(owner)),
    },
    data,
  };
}

/** Makes `owner` the owner in place of `formerUid`; the rest stays. */
export function handOverPatch(
  owner: PullSecretObject,
  { uid, resourceVersion }: Version,
  formerUid: string,
  current: JsonRecord,
): JsonRecord {
  return {
    metadata: {
      uid,
      resourceVersion,
      labels: labelsOf(owner),
      ownerReferences: reparented(ownersOf(current), (one) => one['uid'] === formerUid, ownerReference(owner)),
    },
  };
}

function labelsOf({ uid }: PullSecretObject): JsonRecord {
  return { [MANAGED_BY_LABEL]: OPERATOR_NAME, [OWNER_UID_LABEL]: uid };
}

/** Those of the template, and over them the operator's own. */
function metadataOf(
  owner: PullSecretObject,
  { expiry, inputs, template }: Payload,
  current: JsonRecord,
): PatchMetadata {
  const { labels, annotations } = templatePatch(template, stringMapOf(recordOf(current['metadata'])['annotations']));
  return {
    labels: { ...labels, ...labelsOf(owner) },
    annotations: { ...annotations, [EXPIRY_ANNOTATION]: expiry, [INPUTS_ANNOTATION]: inputs },
  };
}

function ownersOf(raw: JsonRecord): unknown {
  return recordOf(raw['metadata'])['ownerReferences'];
}

/** Without `blockOwnerDeletion`: that would need rights on the object's finalizers, and nothing here needs to block. */
function ownerReference({ kind, name, uid }: PullSecretObject): OwnerReference {
  return { apiVersion: API_VERSION, kind, name, uid, controller: true };
}
