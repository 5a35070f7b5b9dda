// The verbs of the Kubernetes API that the operator uses, over a ResourceDescriptor. No retries: the workqueue has
// them.

import pLimit from 'p-limit';
import { type ResourceDescriptor, SECRETS, SERVICE_ACCOUNTS } from '../api/meta.ts';
import { Failure } from '../lib/errors.ts';
import { isRecord, type JsonRecord, listOf, recordOf, stringOf } from '../lib/json.ts';
import type { DurationMs } from '../lib/time.ts';
import { isNotFound } from './api-error.ts';
import type { Line } from './lines.ts';
import { apiPath } from './path.ts';
import type { ApiRequest, OnTurn, Transport } from './transport.ts';

export interface ListPage {
  readonly ok: true;
  readonly items: readonly JsonRecord[];
  readonly resourceVersion: string;
  /** Where the next page begins; undefined after the last. */
  readonly next: string | undefined;
  /** Length of its JSON. */
  readonly bytes: number;
}

/** A page over the cap. Undefined `resourceVersion`: its beginning does not show the list's metadata. */
export interface ListTooLarge {
  readonly ok: false;
  readonly resourceVersion: string | undefined;
  readonly next: string | undefined;
  /** The beginning of the page's first object. */
  readonly item: string;
}

/** Which objects of a kind. */
interface Selection {
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

/** A repeated request whose attempts others observe. */
interface Observed {
  readonly onTurn?: OnTurn | undefined;
}

export interface ListOptions extends Selection, Observed {
  readonly limit: number;
  readonly next?: string | undefined;
  /** The API server must have reached this version: it waits some seconds for that, and then refuses (504). */
  readonly notOlderThan?: string | undefined;
}

export interface WatchOptions extends Selection, Observed {
  readonly resourceVersion: string;
  /** After this the API server ends the stream itself. */
  readonly timeoutSeconds: number;
  /** After this the peer counts as dead. */
  readonly deadline: DurationMs;
}

/** Which object, in which version, to delete, and how. */
interface DeleteTerms {
  readonly uid: string;
  readonly resourceVersion: string;
  /** `Orphan`: the objects that it owns stay, and lose their owner reference. */
  readonly propagationPolicy?: 'Orphan';
}

/** The reading half. A caller that needs less takes less: `Pick<KubeReader, 'find'>`. */
export interface KubeReader {
  get(
    resource: ResourceDescriptor,
    namespace: string | undefined,
    name: string,
    signal: AbortSignal,
  ): Promise<JsonRecord>;
  /** As `get`, undefined when there is no such object. */
  find(
    resource: ResourceDescriptor,
    namespace: string | undefined,
    name: string,
    signal: AbortSignal,
  ): Promise<JsonRecord | undefined>;
  /** As `find`, but only the metadata: the API server does not send a Secret's content. */
  findMetadata(
    resource: ResourceDescriptor,
    namespace: string | undefined,
    name: string,
    signal: AbortSignal,
  ): Promise<JsonRecord | undefined>;
  /** One page, consistent with the store (not from a stale cache). */
  list(resource: ResourceDescriptor, options: ListOptions, signal: AbortSignal): Promise<ListPage | ListTooLarge>;
  watch(resource: ResourceDescriptor, options: WatchOptions, signal: AbortSignal): AsyncIterable<Line>;
}

/** The writing half. */
export interface KubeWriter {
  /** @returns the new object without what was sent: only its kind, version and metadata */
  create(
    resource: ResourceDescriptor,
    namespace: string | undefined,
    body: JsonRecord,
    signal: AbortSignal,
  ): Promise<JsonRecord>;
  /**
   * JSON merge patch; a `metadata.uid` and `metadata.resourceVersion` in it name one object in one version.
   *
   * @returns as `create`
   */
  patch(resource: ResourceDescriptor, at: ObjectAddress, body: JsonRecord, signal: AbortSignal): Promise<JsonRecord>;
  /**
   * As `patch`, but lists with a key are merged by it (strategic merge patch): only Kubernetes' own kinds support it.
   */
  patchByKeys(
    resource: ResourceDescriptor,
    at: ObjectAddress,
    body: JsonRecord,
    signal: AbortSignal,
  ): Promise<JsonRecord>;
  /** As `patch`, of the status. @returns the whole object */
  patchStatus(
    resource: ResourceDescriptor,
    at: ObjectAddress,
    body: JsonRecord,
    signal: AbortSignal,
  ): Promise<JsonRecord>;
  delete(resource: ResourceDescriptor, at: ObjectAddress, terms: DeleteTerms, signal: AbortSignal): Promise<void>;
}

export interface TokenRequester {
  /** A token of a ServiceAccount for one audience (TokenRequest); undefined when there is no such account. */
  requestToken(account: ServiceAccountName, terms: TokenTerms, signal: AbortSignal): Promise<string | undefined>;
}

/** All three: for the part that hands them out. */
export interface KubeClient extends KubeReader, KubeWriter, TokenRequester {}

export interface ServiceAccountName {
  readonly namespace: string;
  readonly name: string;
}

export interface TokenTerms {
  readonly audience: string;
  /** Life in seconds; the API server gives no less than 600. */
  readonly seconds: number;
}

export interface ObjectAddress {
  readonly namespace: string | undefined;
  readonly name: string;
}

/** Secrets read whole at once. */
const WHOLE_SECRETS = 2;
const MERGE_PATCH = 'application/merge-patch+json';
/**
 * Half of a write's answer about a Secret repeats the request: reading it took a seventh of the processor time
 * (docs/design/performance.md).
 */
const METADATA_ONLY = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
const ITEMS = '"items":[';
/** Characters of an object over the cap that are kept. */
const ITEM_HEAD = 4_096;

export function createClient(transport: Transport, fieldManager: string): KubeClient {
  const send = async (request: ApiRequest, signal: AbortSignal): Promise<JsonRecord> => {
    const answer = await transport.send(request, signal);
    if (!answer.ok) {
      throw new Failure({
        next: 'change',
        reason: 'ObjectTooLarge',
        message: 'the API server answered with more than 4 MiB',
      });
    }
    return recordOf(answer.json);
  };
  const query = { fieldManager };

  // A user's Secret may have megabytes, each held several times until the caller has picked its part.
  const inTurn = pLimit(WHOLE_SECRETS);
  const get: KubeClient['get'] = async (resource, namespace, name, signal) => {
    const ask = (): Promise<JsonRecord> =>
      send({ method: 'GET', path: apiPath(resource, { namespace, name }) }, signal);
    return await (resource === SECRETS ? inTurn(ask) : ask());
  };
  const orNone = async (asked: Promise<JsonRecord>): Promise<JsonRecord | undefined> => {
    try {
      return await asked;
    } catch (thrown) {
      if (isNotFound(thrown)) return undefined;
      throw thrown;
    }
  };
  const patchAs =
    (contentType: string): KubeClient['patch'] =>
    (resource, at, body, signal) =>
      send({ method: 'PATCH', path: apiPath(resource, at), query, body, contentType, accept: METADATA_ONLY }, signal);

  return {
    get,
    find: (resource, namespace, name, signal) => orNone(get(resource, namespace, name, signal)),
    findMetadata: (resource, namespace, name, signal) =>
      orNone(send({ method: 'GET', path: apiPath(resource, { namespace, name }), accept: METADATA_ONLY }, signal)),
    async list(resource, { limit, next, notOlderThan, onTurn, ...selection }, signal) {
      const answer = await transport.send(
        {
          method: 'GET',
          path: apiPath(resource),
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
    watch: (resource, { resourceVersion, timeoutSeconds, deadline, onTurn, ...selection }, signal) =>
      transport.stream(
        {
          method: 'GET',
          path: apiPath(resource),
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
    create: (resource, namespace, body, signal) =>
      send({ method: 'POST', path: apiPath(resource, { namespace }), query, body, accept: METADATA_ONLY }, signal),
    patch: patchAs(MERGE_PATCH),
    patchByKeys: patchAs('application/strategic-merge-patch+json'),
    patchStatus(resource, at, body, signal) {
      const path = apiPath(resource, { ...at, subresource: 'status' });
      return send({ method: 'PATCH', path, query, body, contentType: MERGE_PATCH }, signal);
    },
    async delete(resource, at, { uid, resourceVersion, ...terms }, signal) {
      await send(
        {
          method: 'DELETE',
          path: apiPath(resource, at),
          body: { kind: 'DeleteOptions', apiVersion: 'v1', ...terms, preconditions: { uid, resourceVersion } },
        },
        signal,
      );
    },
    async requestToken({ namespace, name }, { audience, seconds }, signal) {
      const body = {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { audiences: [audience], expirationSeconds: seconds },
      };
      const path = apiPath(SERVICE_ACCOUNTS, { namespace, name, subresource: 'token' });
      const answer = await orNone(send({ method: 'POST', path, body }, signal));
      return stringOf(recordOf(answer?.['status'])['token']);
    },
  };
}

function selected({ labelSelector, fieldSelector }: Selection): Readonly<Record<string, string>> {
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
