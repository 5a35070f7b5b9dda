// One whole list of one kind, page by page: pages of about one size in bytes, however large its objects are.

import type { ResourceDescriptor } from '../api/meta.ts';
import { Failure } from '../lib/errors.ts';
import type { JsonRecord } from '../lib/json.ts';
import type { KubeReader } from './client.ts';
import type { OnTurn } from './requests.ts';

/**
 * Objects of a page: of the first, and at most. Pull secrets have some 9 KB of JSON each, so that a first page of them
 * is under the intended size.
 */
const FIRST_PAGE = 100;
const LARGEST_PAGE = 500;
/**
 * A page over the cap is requested again by this part of its size; the page after a small one is this much larger at
 * most.
 */
const STEP = 4;
/**
 * The memory for a page is several times its bytes; measured for pages of 8, 4 and 1.3 MB: 116, 84 and 76 MB resident.
 */
const PAGE_BYTES = 1024 * 1024;

export interface PagesOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Is notified of each request. */
  readonly onTurn?: OnTurn;
  /** Gets the beginning of an object that is over the cap by itself and so is left out; it may throw to give up. */
  readonly onSkipped: (head: string) => void;
}

/**
 * Calls `take` with each object of the list.
 *
 * @returns the version of the list; all of it has been taken then
 * @throws Failure
 */
export async function listInPages(
  client: Pick<KubeReader, 'list'>,
  resource: ResourceDescriptor,
  { onSkipped, ...selection }: PagesOptions,
  take: (raw: JsonRecord) => void,
  signal: AbortSignal,
): Promise<string> {
  let limit = FIRST_PAGE;
  let next: string | undefined;
  let version: string | undefined;
  for (;;) {
    const page = await client.list(resource, { ...selection, limit, next }, signal);
    if (!page.ok && limit > 1) {
      limit = Math.max(1, Math.floor(limit / STEP));
      continue;
    }
    if (page.ok) {
      for (const raw of page.items) take(raw);
      limit = sizeAfter(limit, page.bytes);
    } else {
      onSkipped(page.item);
    }
    // Without it the page's beginning does not show whether and where a next page begins.
    if (page.resourceVersion === undefined) throw tooLarge(resource);
    version ??= page.resourceVersion;
    if (page.next === undefined) return version;
    next = page.next;
  }
}

/** Objects to request after a page of `limit` objects and `bytes` bytes. */
function sizeAfter(limit: number, bytes: number): number {
  const fitting = Math.floor((limit * PAGE_BYTES) / bytes);
  return Math.min(Math.max(1, fitting), limit * STEP, LARGEST_PAGE);
}

function tooLarge({ plural }: ResourceDescriptor): Failure {
  return new Failure({
    next: 'backoff',
    reason: 'ListTooLarge',
    message: `one of the ${plural} is too large to be listed`,
  });
}
