// Kubernetes objects as the API server sends them -> the reduced forms that the stores hold and `core` decides on.

import {
  ADOPT_ANNOTATION,
  DOCKER_CONFIG_KEY,
  EXPIRY_ANNOTATION,
  GROUP,
  INPUTS_ANNOTATION,
  MANAGED_BY_LABEL,
  MAX_SELECTABLE_LABELS,
  OPERATOR_NAME,
  OWNER_UID_LABEL,
  type PullSecretKind,
  RECONCILE_AT_ANNOTATION,
} from '../../api/names.ts';
import type { Occupant } from '../../core/admit.ts';
import type { LegacyObject } from '../../core/conversion.ts';
import type { NamespaceView } from '../../core/desired.ts';
import type { Bearings } from '../../core/offers.ts';
import { contentDigest } from '../../core/plan.ts';
import type { PullSecretObject } from '../../core/resource.ts';
import { seenTemplateDigest } from '../../core/secret-template.ts';
import type { SeenSecret } from '../../core/seen-secret.ts';
import { digest } from '../../lib/digest.ts';
import { isRecord, type JsonRecord, listOf, recordOf, stringMapOf, stringOf } from '../../lib/json.ts';

/** A kind, a slash, and the longest name of an object, 253 characters (Kubernetes, object names). */
const LONGEST_OFFER = 300;
/** Replaces an annotation that is longer, and so names no object; that it is there still counts. */
const LONG_OFFER = 'an object of a long name';
/** Names of programs, with a path or a version; the API server takes any 128 characters that print. */
const MANAGER = /^[\w.:/@+-]{1,128}$/;
/** Replaces a type that is longer than any of the operator's; the API server sets no limit. */
const LONG_TYPE = 'of a long name';

/** A namespace in the store: the view for decisions, and its version. */
export interface StoredNamespace extends NamespaceView {
  readonly resourceVersion: string;
}

export interface Metadata {
  readonly name: string;
  readonly namespace: string | undefined;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly deleting: boolean;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
  readonly wire: JsonRecord;
}

/** The metadata that every object has; undefined when `raw` is no object. */
export function metadataOf(raw: JsonRecord): Metadata | undefined {
  const wire = recordOf(raw['metadata']);
  const name = stringOf(wire['name']);
  const uid = stringOf(wire['uid']);
  const resourceVersion = stringOf(wire['resourceVersion']);
  if (!name || !uid || !resourceVersion) return undefined;
  return {
    name,
    namespace: stringOf(wire['namespace']),
    uid,
    resourceVersion,
    deleting: wire['deletionTimestamp'] !== undefined,
    labels: stringMapOf(wire['labels']),
    annotations: stringMapOf(wire['annotations']),
    wire,
  };
}

/**
 * Finalizers of the garbage collector itself (Kubernetes, Garbage Collection); any other one belongs to another
 * controller.
 */
const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';

/** Keeps spec and status; of the metadata only what decisions need, so that no annotation can cost memory. */
export function pullSecretOf(kind: PullSecretKind, raw: JsonRecord): PullSecretObject | undefined {
  const metadata = metadataOf(raw);
  if (!metadata) return undefined;
  return {
    kind,
    namespace: metadata.namespace,
    name: metadata.name,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    generation: generationOf(metadata),
    deleting: metadata.deleting,
    isCollected:
      metadata.deleting && listOf(metadata.wire['finalizers']).some((name) => name === ORPHAN || name === FOREGROUND),
    isWaiting: false,
    createdAt: stringOf(metadata.wire['creationTimestamp']) ?? '',
    reconcileAt: markOf(metadata.annotations.get(RECONCILE_AT_ANNOTATION)),
    spec: recordOf(raw['spec']),
    // The API server validated it against the schema that this type is made from; every field of it is optional.
    status: recordOf(raw['status']),
  };
}

/** The mark by which a user requests a fresh login; of a long one its digest, which distinguishes marks as well. */
function markOf(text: string | undefined): string | undefined {
  return text === undefined ? undefined : (short(text) ?? digest(text));
}

function generationOf({ wire }: Metadata): number {
  const { generation } = wire;
  return typeof generation === 'number' ? generation : 0;
}

/** As `pullSecretOf`, for the deprecated kind. */
export function legacyOf(raw: JsonRecord): LegacyObject | undefined {
  const metadata = metadataOf(raw);
  if (!metadata) return undefined;
  const { name, uid, resourceVersion, deleting } = metadata;
  return {
    name,
    uid,
    resourceVersion,
    generation: generationOf(metadata),
    deleting,
    spec: recordOf(raw['spec']),
    conditions: listOf(recordOf(raw['status'])['conditions']).filter(isRecord),
  };
}

/** Keeps digests instead of data: the store holds no usable credential. */
export function seenSecretOf(raw: JsonRecord): SeenSecret | undefined {
  const metadata = metadataOf(raw);
  if (!metadata?.namespace) return undefined;
  const owner = ownerOf(metadata.wire);
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    type: short(stringOf(raw['type'])) ?? LONG_TYPE,
    immutable: raw['immutable'] === true,
    deleting: metadata.deleting,
    ownerUid: owner.uid,
    ownerKind: owner.kind,
    ...bearingsOf(metadata.wire),
    otherWriter: otherWriterOf(metadata),
    inputs: short(metadata.annotations.get(INPUTS_ANNOTATION)),
    expiry: short(metadata.annotations.get(EXPIRY_ANNOTATION)),
    contentDigest: contentDigest(dockerConfigOf(raw) ?? ''),
    templateDigest: seenTemplateDigest(metadata.labels, metadata.annotations),
  };
}

/**
 * Of the managers that wrote no earlier than the operator the last one. Times there are whole seconds, and a text that
 * clients choose is kept only if it looks like the name of a program.
 */
function otherWriterOf({ wire }: Metadata): string | undefined {
  let own = '';
  let other = { at: '', manager: '' };
  for (const entry of listOf(wire['managedFields'])) {
    const { manager, time } = recordOf(entry);
    const [name, at] = [stringOf(manager) ?? '', stringOf(time) ?? ''];
    if (name === OPERATOR_NAME) own = at > own ? at : own;
    else if (at >= other.at && MANAGER.test(name)) other = { at, manager: name };
  }
  return other.manager !== '' && other.at >= own ? other.manager : undefined;
}

/** The owner of a Secret that has the name of a wanted pull Secret, by the metadata of that Secret. */
export function occupantOf(raw: JsonRecord): Occupant {
  const metadata = recordOf(raw['metadata']);
  const { uid: ownerUid, kind: ownerKind, name: ownerName } = ownerOf(metadata);
  const deleting = metadata['deletionTimestamp'] !== undefined;
  return { deleting, ownerUid, ownerKind, ownerName, ...bearingsOf(metadata) };
}

function bearingsOf(metadata: JsonRecord): Bearings {
  const labels = stringMapOf(metadata['labels']);
  const offeredTo = stringMapOf(metadata['annotations']).get(ADOPT_ANNOTATION);
  return {
    managed: labels.get(MANAGED_BY_LABEL) === OPERATOR_NAME,
    offeredTo: offeredTo === undefined || offeredTo.length <= LONGEST_OFFER ? offeredTo : LONG_OFFER,
    hasOwners: listOf(metadata['ownerReferences']).length > 0,
    ownerUidLabel: labels.get(OWNER_UID_LABEL),
  };
}

/** Whether an owner reference names an object of the operator's API group, whatever its kind and version. */
export function isOfOurGroup({ apiVersion }: JsonRecord): boolean {
  return stringOf(apiVersion)?.startsWith(`${GROUP}/`) ?? false;
}

/**
 * The owner of an object: its controller, of whatever kind; without one, the first owner of one of the operator's
 * kinds. The Go project wrote owner references without `controller`. With neither, none of the operator's objects owns
 * it.
 */
function ownerOf(metadata: JsonRecord): Partial<Record<'uid' | 'kind' | 'name', string | undefined>> {
  const owners = listOf(metadata['ownerReferences']).map(recordOf);
  const owner = owners.find(({ controller }) => controller === true) ?? owners.find(isOfOurGroup);
  if (!owner) return {};
  const uid = short(stringOf(owner['uid']));
  return isOfOurGroup(owner) ? { uid, kind: short(stringOf(owner['kind'])), name: stringOf(owner['name']) } : { uid };
}

/** The base64 text of `.dockerconfigjson`; undefined when there is none. */
export function dockerConfigOf(raw: JsonRecord): string | undefined {
  return stringOf(recordOf(raw['data'])[DOCKER_CONFIG_KEY]);
}

/** The annotation with the digest of what the content was made of; empty when there is none. */
export function inputsOf(raw: JsonRecord): string {
  return stringMapOf(recordOf(raw['metadata'])['annotations']).get(INPUTS_ANNOTATION) ?? '';
}

/** The operator writes short texts there; a longer one is another writer's and is ignored. */
function short(text: string | undefined): string | undefined {
  return text !== undefined && text.length <= 128 ? text : undefined;
}

export function namespaceOf(raw: JsonRecord): StoredNamespace | undefined {
  const metadata = metadataOf(raw);
  if (!metadata) return undefined;
  const { name, resourceVersion, deleting } = metadata;
  const labels = selectable(metadata.labels);
  return { name, resourceVersion, labels, hasAllLabels: labels.size === metadata.labels.size, terminating: deleting };
}

/** The first of them by name, so that none of the others can cost memory. */
export function selectable(labels: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  if (labels.size <= MAX_SELECTABLE_LABELS) return labels;
  return new Map([...labels].sort(([one], [other]) => (one < other ? -1 : 1)).slice(0, MAX_SELECTABLE_LABELS));
}

/** Of a Secret with AWS keys only its version is kept: the operator reads the keys when it needs them. */
export function versionOf(raw: JsonRecord): { readonly resourceVersion: string } | undefined {
  const metadata = metadataOf(raw);
  return metadata ? { resourceVersion: metadata.resourceVersion } : undefined;
}
