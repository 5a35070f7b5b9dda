// What a reflector reads, into its store: whole lists, and the lines of a watch.

import { type ObjectKey, objectKey, type ResourceDescriptor } from '../api/meta.ts';
import { type JsonRecord, parseJson, recordOf, stringOf } from '../lib/json.ts';
import type { Logger } from '../lib/log.ts';
import type { Line } from './lines.ts';
import { oversizedIn } from './oversized.ts';
import { listInPages } from './pages.ts';
import type { KindReader } from './read-kind.ts';
import type { ReflectorEvent } from './reflector-state.ts';
import type { OnTurn } from './requests.ts';
import type { Store, Stored } from './store.ts';

/** Objects over the cap that the log names; more would only fill it. */
const MOST_REPORTED = 1_000;

export interface FeedOptions<Item extends Stored> {
  readonly client: KindReader;
  readonly resource: ResourceDescriptor;
  /** Only objects in it; absent: of all namespaces, or a kind without. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string;
  /** Such as `metadata.name=a`: a right to that one object is then enough. */
  readonly fieldSelector?: string;
  readonly store: Store<Item>;
  /**
   * The part of an object that is kept; called once for each object seen. Undefined: the store leaves the object out.
   */
  readonly reduce: (raw: JsonRecord) => Item | undefined;
}

export function createFeed<Item extends Stored>(options: FeedOptions<Item>, log: Logger) {
  const { client, resource, namespace, labelSelector, fieldSelector, store, reduce } = options;
  const reported = new Set<string>();

  const reportSkipped = (key: ObjectKey): void => {
    if (reported.has(key) || reported.size > MOST_REPORTED) return;
    reported.add(key);
    log.warn('Skipped an object of more than 4 MiB', { object: key });
  };

  /** An object over the cap counts as absent, here as in a list. */
  const skipLine = (head: string): ReflectorEvent => {
    const skipped = oversizedIn(head);
    if (skipped?.event === undefined) return { op: 'unreadable' };
    reportSkipped(skipped.key);
    store.apply(skipped.key, undefined, skipped.resourceVersion);
    return { op: 'event', version: skipped.resourceVersion };
  };

  return {
    /** @throws Failure */
    async list(onTurn: OnTurn, signal: AbortSignal): Promise<ReflectorEvent> {
      const items = new Map<ObjectKey, Item>();
      const take = (raw: JsonRecord): void => {
        const key = objectKeyOf(raw);
        const item = reduce(raw);
        if (key !== undefined && item !== undefined) items.set(key, item);
      };
      const onSkipped = (head: string): void => reportSkipped(oversizedIn(head)?.key ?? 'unknown');
      const pages = { namespace, labelSelector, fieldSelector, onTurn, onSkipped };
      const version = await listInPages(client, resource, pages, take, signal);
      store.replace(items, version);
      return { op: 'listed', version };
    },
    line(line: Line): ReflectorEvent {
      if (line.op === 'tooLong') return skipLine(line.head);
      // A line that is no JSON is unreadable, which its missing version shows.
      const { type, object } = recordOf(parseJson(line.text));
      const raw = recordOf(object);
      if (type === 'ERROR') return { op: raw['code'] === 410 ? 'expired' : 'unreadable' };
      const version = stringOf(recordOf(raw['metadata'])['resourceVersion']);
      if (version === undefined) return { op: 'unreadable' };
      if (type === 'BOOKMARK') {
        store.reach(version);
        return { op: 'event', version };
      }
      const key = objectKeyOf(raw);
      if (key === undefined || (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED'))
        return { op: 'unreadable' };
      store.apply(key, type === 'DELETED' ? undefined : reduce(raw), version);
      return { op: 'event', version };
    },
  };
}

/** The key of a raw object; `undefined` for something that is no object. */
function objectKeyOf(raw: JsonRecord): ObjectKey | undefined {
  const metadata = recordOf(raw['metadata']);
  const name = stringOf(metadata['name']);
  return name === undefined ? undefined : objectKey(stringOf(metadata['namespace']), name);
}
