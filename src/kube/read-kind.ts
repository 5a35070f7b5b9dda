// Reads all objects of a kind: a list in pages, and the lines of a watch.

import type { ResourceDescriptor } from '../api/meta.ts';
import { Failure } from '../lib/errors.ts';
import { isRecord, type JsonRecord, listOf, recordOf, stringOf } from '../lib/json.ts';
import type { DurationMs } from '../lib/time.ts';
import type { Line } from './lines.ts';
import { apiPath } from './path.ts';
import type { OnTurn } from './requests.ts';
import type { Transport } from './transport.ts';

interface ListPage {
  readonly ok: true;
  readonly items: readonly JsonRecord[];
  readonly resourceVersion: string;
  /** Where the next page begins; undefined after the last. */
  readonly next: string | undefined;
  /** Length of its JSON. */
  readonly bytes: number;
}

/** A page over the cap. Undefined `resourceVersion`: its beginning does not show the list's metadata. */
interface ListTooLarge {
  readonly ok: false;
  readonly resourceVersion: string | undefined;
  readonly next: string | undefined;
  /** The beginning of the page's first object. */
  readonly item: string;
}

/** Which objects of a kind. */
interface Selection {
  /** Only those in it; undefined: of all namespaces, or a kind without. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

/** A repeated request whose attempts others observe. */
interface Observed {
  readonly onTurn?: OnTurn | undefined;
}

interface ListOptions extends Selection, Observed {
  readonly limit: number;
  readonly next?: string | undefined;
  /** The API server must have reached this version: it waits some seconds for that, and then refuses (504). */
  readonly notOlderThan?: string | undefined;
}

interface WatchOptions extends Selection, Observed {
  readonly resourceVersion: string;
  /** After this the API server ends the stream itself. */
  readonly timeoutSeconds: number;
  /** After this the peer counts as dead. */
  readonly deadline: DurationMs;
}

export interface KindReader {
  /** One page, consistent with the store (not from a stale cache). */
  list(resource: ResourceDescriptor, options: ListOptions, signal: AbortSignal): Promise<ListPage | ListTooLarge>;
  watch(resource: ResourceDescriptor, options: WatchOptions, signal: AbortSignal): AsyncIterable<Line>;
}

const ITEMS = '"items":[';
/** Characters of an object over the cap that are kept. */
const ITEM_HEAD = 4_096;

export function createKindReader(transport: Transport): KindReader {
  return {
    async list(resource, { namespace, limit, next, notOlderThan, onTurn, ...selection }, signal) {
      const answer = await transport.send(
        {
          method: 'GET',
          path: apiPath(resource, { namespace }),
          query: {
            limit: String(limit),
            ...selected(selection),
            ...(next ? { continue: next } : {}),
            ...(notOlderThan ? { resourceVersion: notOlderThan, resourceVersionMatch: 'NotOlderThan' } : {}),
          },
          onTurn,
        },
        signal,
      );
      if (!answer.ok) return { ok: false, ...headOf(answer.head) };
      const list = recordOf(answer.json);
      const metadata = recordOf(list['metadata']);
      const resourceVersion = stringOf(metadata['resourceVersion']);
      if (resourceVersion === undefined) {
        throw new Failure({
          next: 'backoff',
          reason: 'BadAnswer',
          message: `the API server's list of ${resource.plural} has no resourceVersion`,
        });
      }
      return {
        ok: true,
        items: listOf(list['items']).filter(isRecord),
        resourceVersion,
        next: stringOf(metadata['continue']) || undefined,
        bytes: answer.bytes,
      };
    },
    watch: (resource, { namespace, resourceVersion, timeoutSeconds, deadline, onTurn, ...selection }, signal) =>
      transport.stream(
        {
          method: 'GET',
          path: apiPath(resource, { namespace }),
          query: {
            watch: 'true',
            allowWatchBookmarks: 'true',
            resourceVersion,
            timeoutSeconds: String(timeoutSeconds),
            ...selected(selection),
          },
          onTurn,
        },
        deadline,
        signal,
      ),
  };
}

function selected({ labelSelector, fieldSelector }: Omit<Selection, 'namespace'>): Readonly<Record<string, string>> {
  return { ...(labelSelector ? { labelSelector } : {}), ...(fieldSelector ? { fieldSelector } : {}) };
}

/** What the beginning of a list shows: Kubernetes writes the metadata of lists of its own kinds before the items. */
function headOf(head: string): Omit<ListTooLarge, 'ok'> {
  const items = head.indexOf(ITEMS);
  const metadata = items === -1 ? '' : head.slice(0, items);
  const read = (name: string): string | undefined => new RegExp(`"${name}":"([^"\\\\]+)"`).exec(metadata)?.[1];
  return {
    resourceVersion: read('resourceVersion'),
    next: read('continue'),
    item: items === -1 ? '' : head.slice(items + ITEMS.length, items + ITEMS.length + ITEM_HEAD),
  };
}
