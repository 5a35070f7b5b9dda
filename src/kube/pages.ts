// One whole list of one kind, page by page; a page over the cap is asked again in a smaller size.

import type { ResourceDescriptor } from '../api/meta.ts';
import { Failure } from '../lib/errors.ts';
import type { JsonRecord } from '../lib/json.ts';
import type { KubeClient } from './client.ts';

/** Objects asked for in one page; docs/rules.md, rule 14 cuts it by four each time that a page is over the cap. */
const PAGE = 500;
const PAGE_SHRINK = 4;

export interface PagesOptions {
  readonly labelSelector?: string | undefined;
  /** Told before each request. */
  readonly onAttempt?: () => void;
  /** Told the beginning of an object that is over the cap by itself and so is left out; it may throw to give up. */
  readonly onSkipped: (head: string) => void;
}

/**
 * Calls `take` with each object of the list.
 *
 * @returns the version of the list; all of it has been taken then
 * @throws Failure
 */
export async function listInPages(
  client: KubeClient,
  resource: ResourceDescriptor,
  { labelSelector, onAttempt = () => {}, onSkipped }: PagesOptions,
  take: (raw: JsonRecord) => void,
  signal: AbortSignal,
): Promise<string> {
  let limit = PAGE;
  let next: string | undefined;
  let version: string | undefined;
  for (;;) {
    onAttempt();
    const page = await client.list(resource, { labelSelector, limit, next }, signal);
    if (!page.ok && limit > 1) {
      limit = Math.max(1, Math.floor(limit / PAGE_SHRINK));
      continue;
    }
    if (page.ok) for (const raw of page.items) take(raw);
    else onSkipped(page.item);
    // Without it the beginning of the page does not show where the next one begins, nor whether there is one.
    if (page.resourceVersion === undefined) throw tooLarge(resource);
    version ??= page.resourceVersion;
    if (page.next === undefined) return version;
    next = page.next;
  }
}

function tooLarge({ plural }: ResourceDescriptor): Failure {
  return new Failure({
    next: 'backoff',
    reason: 'ListTooLarge',
    message: `one of the ${plural} is too large to be listed`,
  });
}
