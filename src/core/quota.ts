// How many objects of one namespace are kept, and how large: who fills a namespace must not fill the operator's memory. Pure.

import { SECRET_NAME_MAX_LENGTH } from '../api/names.ts';
import type { PullSecretObject } from './resource.ts';

/** What one namespace may have in memory, or has. */
export interface Share {
  readonly objects: number;
  /** Of spec and status, as JSON. */
  readonly bytes: number;
}

/** An object with two regions and its status takes 2 KB; 8 KiB for each of 500 are 4 MB for a namespace. */
const BYTES_OF_OBJECT = 8 * 1_024;
/** Of the status of an object that waits: as much as says why. */
const STATUS_BYTES = 2 * 1_024;
/** Of `spec.awsAccess` of an object that is served and not kept whole; what the schema lets through is no longer. */
const ACCESS_BYTES = 4 * 1_024;

/** @param objects  of one namespace, more than 0 */
export function shareOf(objects: number): Share {
  return { objects, bytes: objects * BYTES_OF_OBJECT };
}

/** What an object takes of its namespace's share. */
export function keptBytes({ spec, status }: Pick<PullSecretObject, 'spec' | 'status'>): number {
  return jsonBytes(spec) + jsonBytes(status);
}

/** Whether its Secrets hold logins, which have to be renewed: its status says so, which the operator alone writes. */
export function isServed({ status }: Pick<PullSecretObject, 'status'>): boolean {
  return (status.logins ?? []).length > 0;
}

/**
 * Whether an object may be kept whole. One that is served counts for none: a smaller share, as after an upgrade, takes nothing
 * from anybody.
 *
 * @param others  what the others of its namespace take
 */
export function mayKeep(object: Pick<PullSecretObject, 'spec' | 'status'>, others: Share, most: Share): boolean {
  return (isServed(object) || others.objects < most.objects) && others.bytes + keptBytes(object) <= most.bytes;
}

/**
 * All that is kept of an object for which there is no room: of one that is served, who asks and for which Secret, and what its Secrets
 * hold; of one that waits, why.
 */
export function reducedForm(object: PullSecretObject): PullSecretObject {
  if (isServed(object)) return { ...object, isWaiting: true, spec: placeOf(object) };
  const status = jsonBytes(object.status) <= STATUS_BYTES ? object.status : {};
  return { ...object, isWaiting: true, spec: {}, status };
}

/** As much of the spec as the other objects, and the Secrets with keys, have to do with. */
function placeOf({ spec: { awsAccess, secretName } }: PullSecretObject): PullSecretObject['spec'] {
  const isName = typeof secretName === 'string' && secretName.length <= SECRET_NAME_MAX_LENGTH;
  const isSmall = awsAccess !== undefined && jsonBytes(awsAccess) <= ACCESS_BYTES;
  return { ...(isName && { secretName }), ...(isSmall && { awsAccess }) };
}

export function quotaMessage(namespace: string, { objects, bytes }: Share): string {
  return `namespace ${namespace} has as many objects as the operator keeps of one (${objects}, or ${Math.round(bytes / 1_000_000)} MB of them): this one waits until others are deleted, or --objects-per-namespace is raised`;
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
