// How many objects of one namespace are kept, and how large. Pure. Users who fill a namespace must not fill the
// operator's memory.

import { SECRET_NAME_MAX_LENGTH } from '../api/names.ts';
import type { PullSecretObject } from './resource.ts';

/** What one namespace may take of the memory, or takes. */
export interface Share {
  readonly objects: number;
  /** Of spec and status, as JSON. */
  readonly bytes: number;
}

/** An object with two regions and its status takes 2 KB; 8 KiB for each of 500 are 4 MB for a namespace. */
const BYTES_OF_OBJECT = 8 * 1_024;
/** Of the status of a waiting object: enough to say why it waits. */
const STATUS_BYTES = 2 * 1_024;
/** Of `spec.serviceAccounts` of such an object: 32 short names; a longer one keeps what it has. */
const ACCOUNTS_BYTES = 1_024;
/** Of `spec.awsAccess` of a served object that is not kept whole; the schema allows no longer one. */
const ACCESS_BYTES = 4 * 1_024;

/** @param objects  of one namespace, more than 0 */
export function shareOf(objects: number): Share {
  return { objects, bytes: objects * BYTES_OF_OBJECT };
}

/** What an object takes of its namespace's share. */
export function keptBytes({ spec, status }: Pick<PullSecretObject, 'spec' | 'status'>): number {
  return jsonBytes(spec) + jsonBytes(status);
}

/** Whether its Secrets hold logins that must be renewed, by its status, which only the operator writes. */
export function isServed({ status }: Pick<PullSecretObject, 'status'>): boolean {
  return (status.logins ?? []).length > 0;
}

/**
 * Whether an object may be kept whole. A served one is exempt from the count: a smaller share, as after an upgrade,
 * takes nothing from any object.
 *
 * @param others  what the other objects of its namespace take
 */
export function mayKeep(object: Pick<PullSecretObject, 'spec' | 'status'>, others: Share, most: Share): boolean {
  return (isServed(object) || others.objects < most.objects) && others.bytes + keptBytes(object) <= most.bytes;
}

/**
 * What is kept of an object without room: of a served one, its identity, its Secret's name and the status of its
 * logins; of a waiting one, the reason.
 */
export function reducedForm(object: PullSecretObject): PullSecretObject {
  if (isServed(object)) return { ...object, isWaiting: true, spec: placeOf(object) };
  const status = jsonBytes(object.status) <= STATUS_BYTES ? object.status : {};
  return { ...object, isWaiting: true, spec: {}, status };
}

/** The part of the spec that matters to the other objects and to the Secrets with keys. */
function placeOf({ spec: { awsAccess, secretName, serviceAccounts } }: PullSecretObject): PullSecretObject['spec'] {
  const isName = typeof secretName === 'string' && secretName.length <= SECRET_NAME_MAX_LENGTH;
  const isSmall = awsAccess !== undefined && jsonBytes(awsAccess) <= ACCESS_BYTES;
  const isShort = serviceAccounts !== undefined && jsonBytes(serviceAccounts) <= ACCOUNTS_BYTES;
  return { ...(isName && { secretName }), ...(isSmall && { awsAccess }), ...(isShort && { serviceAccounts }) };
}

export function quotaMessage(namespace: string, { objects, bytes }: Share): string {
  return `namespace ${namespace} has as many objects as the operator keeps of one (${objects}, or ${Math.round(bytes / 1_000_000)} MB of them): this one waits until others are deleted, or --objects-per-namespace is raised`;
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
