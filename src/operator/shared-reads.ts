// Objects that CRs refer to, read when they are needed and not watched: one read serves whoever asks within five minutes.

import { type ObjectKey, objectKey, type ResourceDescriptor } from '../api/meta.ts';
import type { KubeClient } from '../kube/client.ts';
import type { JsonRecord } from '../lib/json.ts';
import { type Clock, type DurationMs, MINUTE } from '../lib/time.ts';

export interface Read<Part> {
  /** Undefined: there is no such object. */
  readonly part: Part | undefined;
  /** How long this read is still good for. */
  readonly fresh: DurationMs;
}

/** What is read of an object. */
export interface Question<Part> {
  readonly resource: ResourceDescriptor;
  readonly namespace: string;
  readonly name: string;
  /** Names the part: two questions about one object that ask for the same say the same. */
  readonly about: string;
  /** All that is kept of the object, which may be large, and full of what is nobody's business. */
  readonly pick: (object: JsonRecord) => Part;
}

export interface SharedReads {
  /** @throws Failure when it could not be read; that serves nobody else */
  read<Part>(question: Question<Part>, signal: AbortSignal): Promise<Read<Part>>;
  /** It changed: it is read again at the next need. */
  forget(resource: ResourceDescriptor, key: ObjectKey): void;
}

/** What is not watched is read again after this time (docs/rules.md, rule 8). */
const FRESH_FOR = (5 * MINUTE) as DurationMs;

/** Beyond this all are read anew: names come and go, and must not add up. */
const MOST_HELD = 10_000;
/** The same for what is asked about one object: the names of keys are anybody's to choose. */
const MOST_PARTS = 100;

interface Held {
  readonly part: unknown;
  /** On the clock that never goes back. */
  readonly staleAt: number;
}

export function createSharedReads(client: KubeClient, clock: Clock): SharedReads {
  /** By object, then by what was asked about it. */
  const reads = new Map<string, Map<string, Promise<Held>>>();
  const keyOf = ({ plural }: ResourceDescriptor, key: ObjectKey): string => `${plural}/${key}`;

  const begin = async ({ resource, namespace, name, pick }: Question<unknown>, signal: AbortSignal): Promise<Held> => {
    const staleAt = clock.monotonic() + FRESH_FOR;
    const object = await client.find(resource, namespace, name, signal);
    return { part: object && pick(object), staleAt };
  };

  return {
    async read<Part>(question: Question<Part>, signal: AbortSignal) {
      const key = keyOf(question.resource, objectKey(question.namespace, question.name));
      const held = await reads
        .get(key)
        ?.get(question.about)
        ?.catch(() => undefined);
      if (held && held.staleAt > clock.monotonic()) return readOf<Part>(held, clock);
      if (reads.size >= MOST_HELD) reads.clear();
      const started = begin(question, signal);
      const parts = reads.get(key) ?? new Map<string, Promise<Held>>();
      if (parts.size >= MOST_PARTS) parts.clear();
      reads.set(key, parts.set(question.about, started));
      started.catch(() => parts.delete(question.about));
      return readOf<Part>(await started, clock);
    },
    forget: (resource, key) => void reads.delete(keyOf(resource, key)),
  };
}

/** What `pick` made for the same `about`. */
function readOf<Part>({ part, staleAt }: Held, clock: Clock): Read<Part> {
  return { part: part as Part | undefined, fresh: Math.max(0, staleAt - clock.monotonic()) as DurationMs };
}
