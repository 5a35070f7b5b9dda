// How many objects of one namespace are kept, and how large: who fills a namespace must not fill the operator's memory. Pure.

import type { PullSecretObject } from './resource.ts';

/** What one namespace may have in memory, or has. */
export interface Share {
  readonly objects: number;
  /** Of spec and status, as JSON. */
  readonly bytes: number;
}

/** An object with two regions and its status takes 2 KB; 8 KiB for each of 500 are 4 MB for a namespace. */
const BYTES_OF_OBJECT = 8 * 1_024;
/** Of the status of an object that is not kept whole: as much as says why. */
const STATUS_BYTES = 2 * 1_024;

/** @param objects  of one namespace, more than 0 */
export function shareOf(objects: number): Share {
  return { objects, bytes: objects * BYTES_OF_OBJECT };
}

/** What an object takes of its namespace's share. */
export function keptBytes({ spec, status }: Pick<PullSecretObject, 'spec' | 'status'>): number {
  return jsonBytes(spec) + jsonBytes(status);
}

/**
 * Whether an object that is not kept yet may be. One that is served, which its status says, always is: its Secrets have to be
 * renewed, and a smaller share, as after an upgrade, takes nothing from anybody.
 *
 * @param used  what the others of its namespace take
 */
export function mayKeep(object: Pick<PullSecretObject, 'spec' | 'status'>, used: Share, most: Share): boolean {
  if ((object.status.logins ?? []).length > 0) return true;
  return used.objects < most.objects && used.bytes + keptBytes(object) <= most.bytes;
}

/** All that is kept of an object for which there is no room. */
export function waitingForm(object: PullSecretObject): PullSecretObject {
  const status = jsonBytes(object.status) <= STATUS_BYTES ? object.status : {};
  return { ...object, isWaiting: true, spec: {}, status };
}

export function quotaMessage(namespace: string, { objects, bytes }: Share): string {
  return `namespace ${namespace} has as many objects as the operator keeps of one (${objects}, or ${Math.round(bytes / 1_000_000)} MB of them): this one waits until others are deleted, or --objects-per-namespace is raised`;
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
